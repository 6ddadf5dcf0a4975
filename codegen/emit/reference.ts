import { durationText } from "../../schema/duration.ts";
import { parseUsd } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { boundsText } from "../../schema/price-prose.ts";
import { PROBLEMS } from "../../src/wire/problem.ts";
import { walk } from "../convert/walk.ts";
import {
  type ApiModel,
  type JsonSchema,
  type ResourceModel,
  refTo,
  resolve,
  type Schemas,
} from "../model.ts";
import { banner, cell, code, literal, shell } from "../print.ts";
import { cacheText, chargeText, insteadOf, limitsText, sampleOf, startText, typeText } from "../prose.ts";

/** `API.md`: one page for people. */
export function emitReference(model: ApiModel): string {
  const { title, version, description, resources } = model;
  const overview = resources.map((resource) => [
    `[${resource.name}](#${resource.name.toLowerCase()})`,
    resource.summary,
    priceRange(resource),
    resource.job === undefined ? "in the same request" : `job, up to ${durationText(resource.job.timeoutMs)}`,
  ]);
  return blocks(
    `<!-- ${banner(model.source)} -->`,
    `# ${title}`,
    description,
    `Version ${version}.`,
    "## How paying works",
    PAYING,
    REPEATING,
    model.resources.some(({ job }) => job !== undefined) ? CALLING_BACK : "",
    "## What you can rely on",
    ...RELYING,
    "## Resources",
    table(["Resource", "What you get", "Price", "Answer"], overview),
    ...resources.map((resource) => section(resource, model)),
    "## Errors",
    ERRORS,
    table(["Status", "Code", "Meaning", "Try again"], libraryErrors()),
  );
}

const PAYING =
  "A call without a payment is answered `402 Payment Required`, which says what the call costs and how to pay " +
  "it (x402, versions 1 and 2). Nothing has been charged by then, and nothing has run. Sign one of the offered " +
  "payments and send the same request again with the signature in the header `PAYMENT-SIGNATURE`. Input that is " +
  "not valid is refused with 400, free of charge; a request without any input is answered with the highest price.";

const REPEATING =
  "Send an `Idempotency-Key` with every call that may be repeated: the same key with the same input gets the same " +
  "answer and is charged once. The generated TypeScript client does all of this by itself: it pays, repeats and waits.";

const CALLING_BACK =
  "To be told of the end of a job, send `Callback-Url: https://…` with the call. The job's document is then posted " +
  "there, signed with the `webhookSecret` of the answer `202` as Standard Webhooks have it: late at times, and more " +
  "than once with the same `webhook-id`. Answer with any 2xx; the status of the job stays what counts.";

const RELYING = [
  [
    "- One key, one charge. Under one `Idempotency-Key`, or with one signed payment, you are charged at most once, and " +
      "get the same answer every time you ask, for at least 24 hours.",
    "- When an answer is lost, send the same bytes again. While nobody knows whether a payment has been settled, the " +
      "answer is 503 with `Retry-After`, or the status of a job says `paymentState: in_flight`. It is never a new `402`.",
    "- Invalid input costs nothing, and neither does a call that is charged only when it succeeds, and fails.",
    "- A call that was charged and ends without a result, be it cancelled, is owed back: `paymentState` says " +
      "`refund_owed`, and, in the status of a job, `refunded` when the amount has been sent to the payer.",
  ].join("\n"),
  "What you cannot rely on: a call without a key that is signed anew is a new purchase, and charged again. " +
    "A refund is as good as the seller's word: it is written down at once, and paid from the seller's account. An " +
    "answer that is given in the same request is given once; that its refund has been paid shows on the chain only.",
];

const ERRORS =
  "Errors are problem documents (RFC 9457) with `code`, `detail`, `retryable` and `paymentState`, which says what " +
  "has become of the payment that came with the call: `unused`, `in_flight` (nobody knows yet), `settled`, " +
  "`refund_owed` or `refunded`.";

function section(resource: ResourceModel, model: ApiModel): string {
  const { name, typeName, summary, description, deprecated, method, path, priceSentence, errors } = resource;
  const output = { $ref: refTo(`${typeName}Output`) };
  return blocks(
    `## ${name}`,
    deprecated === undefined ? "" : `**Deprecated.** ${insteadOf(deprecated)}`,
    summary,
    description ?? "",
    code(`${method} ${path}`),
    priceSentence,
    ...priceTables(resource.price),
    running(resource),
    ...request(resource, model),
    "### Input",
    inputTable(resource, model.schemas),
    "### Output",
    table(["Field", "Type", "Description"], outputRows(output, model.schemas)),
    ...(errors.length === 0
      ? []
      : [
          "### Error codes",
          table(
            ["Code", "Meaning"],
            errors.map(({ code: word, text }) => [code(word), text]),
          ),
        ]),
  );
}

function priceRange({ price, priceBounds: { min, max } }: ResourceModel): string {
  return price.kind === "free" ? "free" : boundsText({ min: parseUsd(min), max: parseUsd(max) });
}

function priceTables(price: Price): string[] {
  const parts = price.kind === "sum" ? price.parts : [price];
  return parts.flatMap((part) => {
    if (part.kind !== "byChoice") return [];
    const rows = Object.entries(part.table).map(([choice, usd]) => [code(choice), `$${usd}`]);
    return [table([code(part.field), `Price per ${part.per}`], rows)];
  });
}

function running(resource: ResourceModel): string {
  const { job, timeoutMs } = resource;
  const sentences = [startText(resource), chargeText(resource), cacheText(resource)];
  const rest = sentences.filter((sentence) => sentence !== "").join(" ");
  if (job === undefined)
    return `Answers in the same request, within ${durationText(timeoutMs)}. ${rest}`.trim();
  const filled = [
    job.artifactUrl === undefined ? "" : ` \`artifactUrl\` is the output's ${code(job.artifactUrl)}.`,
    job.response === undefined ? "" : ` \`response\` is the output's ${code(job.response)}.`,
  ].join("");
  return (
    "Runs as a job: the answer is `202` with a `statusUrl`, where `GET` tells the state, the progress and, in the " +
    `end, the output as \`result\`.${filled} \`eventsUrl\` streams the same as server-sent events; \`Prefer: wait=20\` ` +
    `holds an answer until the job has ended. A job may run for ${durationText(job.timeoutMs)}; its result is kept ` +
    `for ${durationText(job.retentionMs)}. \`DELETE\` cancels it. ${rest}`
  ).trim();
}

function request(resource: ResourceModel, { schemas, servers }: ApiModel): string[] {
  const { name, typeName, method, path, pathParams, examples } = resource;
  const input = (examples[0]?.input ?? sampleOf(schemas, { $ref: refTo(`${typeName}Input`) })) as object;
  const values = new Map<string, unknown>(Object.entries(input));
  const take = (name: string): string => {
    const value = values.get(name);
    values.delete(name);
    return encodeURIComponent(String(value));
  };
  const address = pathParams.reduce((path, name) => path.replace(`:${name}`, () => take(name)), path);
  const query = [...values].flatMap(([name, value]) =>
    [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`),
  );
  const url = (servers[0]?.url ?? "https://api.example.com").replace(/\/$/, "") + address;
  const command =
    method === "GET"
      ? `curl ${shell(query.length === 0 ? url : `${url}?${query.join("&")}`)}`
      : `curl ${shell(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${shell(JSON.stringify(Object.fromEntries(values)))}`;
  const call = `const output = await client.${name}(`;
  return ["### Request", fenced("sh", command), fenced("ts", `${call}${literal(input, "", `${call});`)});`)];
}

function inputTable({ typeName }: ResourceModel, schemas: Schemas): string {
  const rows: string[][] = [];
  walk(schemas, { $ref: refTo(`${typeName}Input`) }, ({ path, schema, required }) => {
    const { default: fallback, ...own } = resolve(schemas, schema);
    const given = fallback === undefined ? "" : code(JSON.stringify(fallback));
    rows.push([
      code(path),
      code(typeText(schemas, schema)),
      required ? "yes" : "no",
      given,
      limitsText(schemas, own),
      describe(own),
    ]);
  });
  return table(["Field", "Type", "Required", "Default", "Limits", "Description"], rows);
}

function outputRows(output: JsonSchema, schemas: Schemas): string[][] {
  const rows: string[][] = [];
  walk(schemas, output, ({ path, schema, required }) => {
    const type = code(typeText(schemas, schema));
    rows.push([code(path), required ? type : `${type}, optional`, describe(resolve(schemas, schema))]);
  });
  return rows;
}

function describe({ description = "", deprecated }: JsonSchema): string {
  return deprecated === true ? `Deprecated. ${description}` : description;
}

function libraryErrors(): string[][] {
  return Object.entries(PROBLEMS).map(([word, [status, title, retryable]]) => [
    String(status),
    code(word),
    title,
    retryable ? "yes" : "no",
  ]);
}

function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A Markdown table without the columns that hold nothing. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "None.";
  const kept = head.map((_, column) => rows.some((row) => row[column] !== ""));
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .filter((_, column) => kept[column])
      .map(cell)
      .join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function blocks(...parts: readonly string[]): string {
  return `${parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}
