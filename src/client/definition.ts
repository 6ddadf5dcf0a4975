import { formatUsd, type Money, parseUsd } from "../../schema/money.ts";
import { type Price, priceOf } from "../../schema/price.ts";
import type { SavedRequest } from "./calls.ts";
import { ResourceError } from "./errors.ts";
import type { JobFormat } from "./job-format.ts";

/** The description of a resource in the generated client. */
export interface CallDefinition {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** With `:name` for path parameters. */
  readonly path: string;
  readonly price: Price;
  /** Defaults of the fields that the price looks at. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Milliseconds that the work may take, its wait for a start included, as the seller publishes it. */
  readonly timeoutMs?: number;
  /** The media types of the output. Text is kept as text, and a web page is an output, only where they are named. @default JSON */
  readonly produces?: readonly string[];
  /** How the seller speaks of its jobs, where it has words of its own. Only for sellers of another make. */
  readonly job?: JobFormat;
  /**
   * Whether the seller's document declares an idempotency key. Without one, a POST is not sent again after an error 5xx,
   * since the work might be done again. @default as the 402 says
   */
  readonly idempotent?: boolean;
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

/** The call as an HTTP request: path parameters filled in, the rest as query or JSON body. */
export function requestOf(
  baseUrl: string,
  { name: resource, method, path, produces = [JSON_TYPE] }: CallDefinition,
  input: object,
  idempotencyKey: string,
): Omit<SavedRequest, "expected"> {
  const rest: Record<string, unknown> = { ...input };
  const refuse = (path: string, message: string): never => {
    const facts = { resource, charged: "no", idempotencyKey, issues: [{ path, message }] } as const;
    throw new ResourceError("invalid_input", `${path}: ${message}`, facts);
  };
  const filled = path.replace(/:([A-Za-z0-9_]+)/g, (_, name: string) => {
    const text = String(rest[name] ?? "");
    delete rest[name];
    // An address without the segment, or with one that URLs read as "here" or "up", is that of something else.
    if (/^\.{0,2}$/.test(text)) refuse(name, `"${text}" cannot stand in a path`);
    try {
      return encodeURIComponent(text);
    } catch {
      return refuse(name, "half a character cannot stand in a path");
    }
  });
  const headers = { accept: produces.join(", ") };
  if (method === "POST") {
    const body = JSON.stringify(rest);
    return {
      method,
      url: baseUrl + filled,
      headers: { ...headers, "content-type": JSON_TYPE },
      body,
    };
  }
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) query.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  const text = query.toString();
  return { method, url: baseUrl + filled + (text === "" ? "" : `?${text}`), headers, body: undefined };
}
