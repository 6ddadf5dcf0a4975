import { formatUsd, type Money, parseUsd } from "../../schema/money.ts";
import { type Price, priceOf } from "../../schema/price.ts";
import type { Carriages, Method } from "../protocol/request.ts";
import type { SavedRequest } from "./calls.ts";
import { encodedBody, queryText } from "./carriage.ts";
import { ResourceError } from "./errors.ts";
import type { JobFormat } from "./job-format.ts";

/** The description of a resource in the generated client. */
export interface CallDefinition {
  readonly name: string;
  readonly method: Method;
  /** With `/:name` for path parameters, and `{name}` for one that is only a part of a segment. */
  readonly path: string;
  readonly price: Price;
  /** Defaults of the fields that the price looks at. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Milliseconds that the work may take, its wait for a start included, as the seller publishes it. */
  readonly timeoutMs?: number;
  /** Members of the input that are not sent as their method sends them. @default GET: in the query, others: in a JSON body */
  readonly send?: Carriages;
  /** Media type of the body. Empty: JSON, and only when there is something to send. @default "application/json" */
  readonly body?: string;
  /** Request headers whose value is known. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Request headers that the buyer gives as `headers` of the client. */
  readonly needs?: readonly string[];
  /** The media types of the output. Text is kept as text, and a web page is an output, only where they are named. @default JSON */
  readonly produces?: readonly string[];
  /**
   * Whether the seller's document declares an idempotency key. Without one, a POST is not sent again after an error 5xx,
   * since the work might be done again. @default as the 402 says
   */
  readonly idempotent?: boolean;
  /** The server of this call, when it has one of its own; relative to that of the client. */
  readonly server?: string;
  /** How the seller speaks of its jobs, where it has words of its own. Only for sellers of another make. */
  readonly job?: JobFormat;
}

/** The exact price, or `undefined` when it is quoted by the server. */
function priced(definition: CallDefinition, input: object): Money | undefined {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  return priceOf(definition.price, { ...definition.defaults, ...given });
}

/** The exact price in US dollars, or `undefined` when it is quoted by the server. @throws RangeError for an input without a price */
export function quote(definition: CallDefinition, input: object): string | undefined {
  const amount = priced(definition, input);
  return amount === undefined ? undefined : formatUsd(amount);
}

/** The most that the published price allows for this input. An input without a price is left to the server to refuse. */
export function priceCeiling(definition: CallDefinition, input: object): Money | undefined {
  const { price } = definition;
  if (price.kind === "quoted") return parseUsd(price.max);
  if (price.kind === "unknown") return undefined;
  try {
    return priced(definition, input);
  } catch {
    return 0n;
  }
}

/** What a buyer may take around the work: from the 402 to the payment, and to the settlement after it. */
const AROUND_WORK_MS = 600_000;
/** For how long a signature may be valid where the seller publishes no timeout. */
export const DEFAULT_VALIDITY_MS = 3_600_000;

/** For how many milliseconds a signature for this call may be valid, unless the buyer says otherwise. */
export function validityCeiling({ timeoutMs }: CallDefinition): number {
  return timeoutMs === undefined ? DEFAULT_VALIDITY_MS : timeoutMs + AROUND_WORK_MS;
}

const JSON_TYPE = "application/json";

/** The call as an HTTP request: path parameters filled in, the rest as query or body. @throws ResourceError */
export function requestOf(
  baseUrl: string,
  definition: CallDefinition,
  input: object,
  idempotencyKey: string,
): Omit<SavedRequest, "expected"> {
  const { name: resource, method, path, send = {}, server, produces = [JSON_TYPE] } = definition;
  const rest: Record<string, unknown> = { ...input };
  const refuse = (path: string, message: string): never => {
    const facts = { resource, charged: "no", idempotencyKey, issues: [{ path, message }] } as const;
    throw new ResourceError("invalid_input", `${path}: ${message}`, facts);
  };
  const filled = path.replace(/(?<=\/):([A-Za-z0-9_]+)|\{([^{}]+)\}/g, (_, whole?: string, part?: string) => {
    const name = whole ?? part ?? "";
    const value = Object.hasOwn(rest, name) ? rest[name] : undefined;
    const text = String(value ?? "");
    delete rest[name];
    // An address without the segment, or with one that URLs read as "here" or "up", is that of something else.
    if (/^\.{0,2}$/.test(text)) refuse(name, `"${text}" cannot stand in a path`);
    try {
      return Array.isArray(value)
        ? value.map((one) => encodeURIComponent(String(one))).join(",")
        : encodeURIComponent(text);
    } catch {
      return refuse(name, "half a character cannot stand in a path");
    }
  });
  const query: Record<string, unknown> = {};
  for (const name of Object.keys(rest)) {
    if (method !== "GET" && !(Object.hasOwn(send, name) && send[name]?.in === "query")) continue;
    Object.defineProperty(query, name, { value: rest[name], enumerable: true });
    delete rest[name];
  }
  const text = queryText(query, send);
  const root = server === undefined ? baseUrl : new URL(server, `${baseUrl}/`).href.replace(/\/+$/, "");
  const url = root + filled + (text === "" ? "" : `?${text}`);
  const headers = { ...definition.headers, accept: produces.join(", ") };
  if (method === "GET") return { method, url, headers, body: undefined };
  const { type, body, isBytes } = encodedBody(rest, send, definition.body);
  const whole = type === undefined ? headers : { ...headers, "content-type": type };
  return { method, url, headers: whole, body, ...(isBytes ? { isBytes } : {}) };
}
