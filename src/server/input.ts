import { HEADERS, isRecord } from "../protocol/index.ts";
import { structureProblem } from "../protocol/json-structure.ts";
import type { InputLimits } from "./input-limits.ts";
import type { ResourceDocument } from "./resource.ts";

/** What was read from a request: the caller's input, or why there is none. */
export type Reading =
  | { readonly kind: "input"; readonly input: unknown }
  /**
   * Nothing was sent: the request asks what the resource costs. `input` holds path parameters only; `given` names those
   * that are more than the placeholder of a published path, `:name` or `{name}`.
   */
  | { readonly kind: "probe"; readonly input: unknown; readonly given: readonly string[] }
  | {
      readonly kind: "refused";
      readonly code: "invalid_input" | "too_large" | "unsupported_media_type";
      readonly detail: string;
    };

/** A HEAD that carries a payment as one that does not: its answer has no body, so it must not be charged. */
export function withoutPayment(request: Request): Request {
  const headers = new Headers(request.headers);
  const { paymentSignature, xPayment, idempotencyKey, xIdempotencyKey } = HEADERS;
  for (const name of [paymentSignature, xPayment, idempotencyKey, xIdempotencyKey]) headers.delete(name);
  return new Request(request.url, { method: request.method, headers, signal: request.signal });
}

/** Reads the input from path, query or JSON body. It is not validated yet. */
export function readInput(
  document: ResourceDocument,
  { url, headers }: Request,
  params: Readonly<Record<string, string>>,
  text: string,
  limits: InputLimits,
): Reading {
  const fields = new Map(Object.entries(document.fields ?? {}));
  const fromPath = Object.fromEntries(
    Object.entries(params).map(([name, text]) => [name, coerce(fields.get(name), [text], limits)]),
  );
  const probe = (): Reading => ({
    kind: "probe",
    input: fromPath,
    given: Object.keys(params).filter((name) => ![`:${name}`, `{${name}}`].includes(params[name] ?? "")),
  });
  if (document.method === "GET") {
    const query = new URL(url).searchParams;
    if (query.size === 0) return probe();
    const fromQuery = [...new Set(query.keys())].map(
      (name) => [name, coerce(fields.get(name), query.getAll(name), limits)] as const,
    );
    // A member named `__proto__` becomes a member, never the prototype.
    return { kind: "input", input: Object.fromEntries([...fromQuery, ...Object.entries(fromPath)]) };
  }

  if (text === "") return probe();
  const problem = structureProblem(text, limits);
  if (problem !== undefined) return { kind: "refused", code: "too_large", detail: problem };
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // What is JSON is taken as JSON, whatever it is called; what is not gets the error that helps more.
    const type = headers.get("content-type");
    const claimsJson = type === null || /^[a-z]+\/(?:[\w.-]+\+)?json\b/i.test(type);
    return claimsJson
      ? { kind: "refused", code: "invalid_input", detail: "The body is not valid JSON." }
      : { kind: "refused", code: "unsupported_media_type", detail: "Send the input as application/json." };
  }
  const hasParams = Object.keys(fromPath).length > 0;
  return { kind: "input", input: hasParams && isRecord(body) ? { ...body, ...fromPath } : body };
}

/** Text from path or query as the value that the schema expects; text that does not fit is left for the schema to refuse. */
function coerce(kind: string | undefined, texts: readonly string[], limits: InputLimits): unknown {
  if (kind?.endsWith("[]")) return texts.map((text) => coerceOne(kind.slice(0, -2), text, limits));
  const values = texts.map((text) => coerceOne(kind, text, limits));
  return values.length === 1 ? values[0] : values;
}

function coerceOne(kind: string | undefined, text: string, limits: InputLimits): unknown {
  if (kind === "number") return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (kind === "json" && structureProblem(text, limits) === undefined) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}
