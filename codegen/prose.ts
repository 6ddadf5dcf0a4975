import { cancelSentence, refundCondition } from "../schema/cancel.ts";
import { durationText } from "../schema/duration.ts";
import {
  ANSWER,
  type ApiModel,
  type JobModel,
  type JsonSchema,
  type ResourceModel,
  refName,
  resolve,
  type Schemas,
  statedBounds,
  URL_PATTERN,
} from "./model.ts";

/** Describes schemas and resources in words, for JSDoc and documents. */

/** The type of a schema: `string`, `"draft" | "high"`, `list of Address`. */
export function typeText(schemas: Schemas, schema: JsonSchema): string {
  return typeWithin(schemas, schema, [], { left: MAX_DESCRIBED });
}

/** Maximum number of components that are described inside of each other. */
const MAX_WITHIN = 6;
/** Maximum number of components that are described in one text. Six levels of unions of 100 would have 10^12. */
const MAX_DESCRIBED = 200;

/** A component that is around itself is named. */
function typeWithin(
  schemas: Schemas,
  schema: JsonSchema,
  around: readonly string[],
  budget: { left: number },
): string {
  const text = (part: JsonSchema): string => typeWithin(schemas, part, around, budget);
  if (schema.$ref !== undefined) {
    const name = refName(schema.$ref);
    const target = schemas[name] ?? {};
    const isNamed = target.type === "object" || target.properties !== undefined;
    if (isNamed || around.includes(name) || around.length >= MAX_WITHIN || budget.left <= 0) return name;
    budget.left -= 1;
    return typeWithin(schemas, target, [...around, name], budget);
  }
  const { type, anyOf, oneOf, allOf, prefixItems, items, [ANSWER]: answer } = schema;
  if (answer !== undefined) return answer === "events" ? "server-sent events" : "file";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = anyOf ?? oneOf;
  if (options !== undefined) {
    return [...new Set(options.map(text))].join(" | ");
  }
  if (Array.isArray(type)) return type.join(" | ");
  if (prefixItems !== undefined) {
    const rest = typeof items === "object" ? [`...${text(items)}`] : [];
    return `[${[...prefixItems.map(text), ...rest].join(", ")}]`;
  }
  if (type === "array") return `list of ${typeof items === "object" ? text(items) : "any value"}`;
  const { properties, additionalProperties: values } = schema;
  if (type === "object" && properties === undefined && typeof values === "object") {
    return `map of ${text(values)}`;
  }
  if (typeof type === "string") return type;
  return allOf === undefined ? "any value" : "object";
}

/** The JSON type of a schema; for a union, that of its first member. */
export function kindText(schemas: Schemas, schema: JsonSchema): string {
  const { type, anyOf, oneOf, const: value, enum: values, ...own } = resolve(schemas, schema);
  const option = (anyOf ?? oneOf)?.find((option) => option.type !== "null");
  if (option !== undefined) return kindText(schemas, option);
  const kind = Array.isArray(type) ? type.find((type) => type !== "null") : type;
  if (typeof kind === "string") return kind;
  const sample = value ?? values?.[0];
  return sample === undefined || sample === null
    ? own.items === undefined
      ? "object"
      : "array"
    : typeof sample;
}

/** The limits of a value, as a sentence without its period: `1 to 1,000 characters`. Empty without limits. */
export function limitsText(schemas: Schemas, schema: JsonSchema): string {
  const own = resolve(schemas, schema);
  const options = (own.anyOf ?? own.oneOf ?? []).filter((option) => option.type !== "null");
  if (options.length === 1 && options[0] !== undefined) return limitsText(schemas, options[0]);
  const example = Array.isArray(own.examples) ? String(own.examples[0]) : "";
  const isDuration = own.type === "string" && example === "PT1H";
  const known = own.pattern === URL_PATTERN ? "a URL" : isDuration ? "an ISO 8601 duration" : undefined;
  const limits = [
    FORMATS[own.format ?? ""] ?? own.format ?? known ?? "",
    between(own.minLength, own.maxLength, "character"),
    own.prefixItems === undefined ? between(own.minItems, own.maxItems, "entry", "entries") : "",
    bounds(own),
    own.multipleOf === undefined ? "" : `a multiple of ${grouped(own.multipleOf)}`,
    own.pattern === undefined || own.format !== undefined || known !== undefined
      ? ""
      : `matches ${own.pattern}`,
  ];
  return limits.filter((limit) => limit !== "").join(", ");
}

const FORMATS: Readonly<Record<string, string>> = {
  uri: "a URL",
  uuid: "a UUID",
  email: "an e-mail address",
  "date-time": "an RFC 3339 date and time",
};

function between(min: number | undefined, max: number | undefined, one: string, many = `${one}s`): string {
  const count = (value: number): string => `${grouped(value)} ${value === 1 ? one : many}`;
  if (max === undefined) return min === undefined || min === 0 ? "" : `at least ${count(min)}`;
  if (min === max) return `exactly ${count(max)}`;
  return min === undefined || min === 0 ? `at most ${count(max)}` : `${grouped(min)} to ${count(max)}`;
}

function bounds(schema: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = statedBounds(schema);
  if (minimum !== undefined && maximum !== undefined) return `${grouped(minimum)} to ${grouped(maximum)}`;
  return [
    minimum === undefined ? "" : `at least ${grouped(minimum)}`,
    exclusiveMinimum === undefined ? "" : `above ${grouped(exclusiveMinimum)}`,
    maximum === undefined ? "" : `at most ${grouped(maximum)}`,
    exclusiveMaximum === undefined ? "" : `below ${grouped(exclusiveMaximum)}`,
  ]
    .filter((bound) => bound !== "")
    .join(", ");
}

/** 1000 as `1,000`; not by locale, so that every machine writes the same. */
function grouped(value: number): string {
  const [whole = "", ...rest] = String(value).split(/(?=[.e])/);
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + rest.join("");
}

/** When the buyer is charged, and when a refund is owed. Empty for a free resource. */
export function chargeText({ price, charge, job }: ResourceModel): string {
  if (price.kind === "free" || charge === "unknown") return "";
  if (charge === "after") return "Charged only when it succeeds.";
  const when = job === undefined ? "Charged before the work begins." : "Charged when it is accepted.";
  return `${when} ${refundCondition(job?.cancel)}, a refund of the full price is owed to the payer.`;
}

/** What happens when the buyer cancels. Empty when {@link chargeText} states it, or nothing is charged. */
export function cancelText({ job }: ResourceModel): string {
  return job === undefined ? "" : cancelSentence(job.cancel);
}

/** How old a cached response may be, who shares it and what it costs. Empty without a cache. */
export function cacheText({ price, cache }: ResourceModel): string {
  if (cache === undefined) return "";
  const age = `may be up to ${durationText(cache.ms)} old`;
  return price.kind === "free"
    ? `A response is shared by all callers that send the same input, and ${age}.`
    : `A response to the same input from the same payer ${age}. It is charged like any other, and no other payer gets it.`;
}

/** How long a job may run: `for at most 2 minutes`, or in how many attempts. */
export function runText({ timeoutMs, retries = 0, backoffMs = 0 }: JobModel): string {
  const most = `at most ${durationText(timeoutMs)}`;
  if (retries === 0) return `for ${most}`;
  const pause = durationText(backoffMs);
  const pauses = retries === 1 ? `a pause of about ${pause}` : `pauses of about ${pause} and longer`;
  return `in up to ${retries + 1} attempts of ${most} each, with ${pauses} between them`;
}

/** The same in a table: `job, up to 2 minutes`, `job, up to 3 times 2 minutes`. */
export function jobText({ timeoutMs, retries = 0 }: JobModel): string {
  return `job, up to ${retries === 0 ? "" : `${retries + 1} times `}${durationText(timeoutMs)}`;
}

/** What happens to a job that does not start in time; empty when it waits without limit. */
export function startText({ price, charge, job }: ResourceModel): string {
  if (job?.startWithinMs === undefined) return "";
  const money =
    price.kind === "free"
      ? ""
      : charge === "after"
        ? ", and is not charged"
        : ", and a refund of its price is owed";
  return `A job that has not started within ${durationText(job.startWithinMs)} ends as expired${money}.`;
}

/** What a caller needs besides the summary: description, price, and kind of response. */
export function aboutResource(resource: ResourceModel): string[] {
  const { description, priceSentence, job } = resource;
  const foreign = resource.isForeignJob ? "Runs as a job." : "";
  const answer = job === undefined ? foreign : `Runs as a job, ${runText(job)}.`;
  const sentences = [priceSentence, answer, startText(resource), chargeText(resource)];
  const about = [...sentences, cancelText(resource), cacheText(resource)]
    .filter((sentence) => sentence !== "")
    .join(" ");
  return [...(description === undefined ? [] : [description, ""]), about];
}

/** How an agent calls, pays and waits, in sentences. The same in `llms.txt` and in `info.x-guidance`. */
export function guidance({ resources, isForeign }: ApiModel): string[] {
  const paid = resources.some(({ price }) => price.kind !== "free");
  const jobs = resources.some(({ job }) => job !== undefined);
  if (isForeign) {
    return [
      "Send the input as a JSON body with POST, or in the query with GET.",
      "The server answers a call without a payment with 402. Its header `PAYMENT-REQUIRED` (base64 of JSON, x402 version 2) " +
        "states the price and how to pay. Sign one of the `accepts` and send the same request again with `PAYMENT-SIGNATURE`.",
    ];
  }
  return [
    "Send the input as a JSON body with POST, or in the query with GET. The server answers invalid input with 400, which " +
      "lists the invalid fields and costs nothing.",
    ...(paid
      ? [
          "The server answers a call without a payment with 402. Its header `PAYMENT-REQUIRED` (base64 of JSON, x402 version 2) " +
            "and its body (version 1) state the exact price of this input and how to pay. Sign one of the `accepts` and send the same " +
            "request again with the header `PAYMENT-SIGNATURE` (version 1: `X-PAYMENT`).",
          "Send a new `Idempotency-Key` with each purchase, and the same one with each retry: calls with the same key " +
            "are charged once and get the same response. After a lost response, 503 or 504, send the identical request again; do not sign a new payment.",
        ]
      : []),
    ...(jobs
      ? [
          "Some calls run as jobs: the response is 202 with a `statusUrl`. GET it, free of charge, until `state` is " +
            "`succeeded` (then `result` is the output) or `failed` (then `code` and `error` explain why). With `Prefer: wait=20`, " +
            "the server waits before it answers. Poll again after `retryAfterSeconds`. Do not repeat the call to check a job.",
        ]
      : []),
    "Errors are JSON with `code`, `error`, `retryable` and `paymentState` (`unused`, `in_flight`, `settled`, " +
      "`refund_owed`, `refunded`), the state of the payment. Without it, the server does not know.",
  ];
}

/** The replacement of a deprecated resource. Empty when the definition names none. */
export function insteadOf(deprecated: true | string): string {
  if (deprecated === true) return "";
  return /^[A-Za-z][A-Za-z0-9]*$/.test(deprecated) ? `Use ${deprecated} instead.` : deprecated;
}
