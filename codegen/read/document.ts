import type { ApiModel } from "../model.ts";
import { EXTENSION } from "../published.ts";
import { type ForeignOptions, readForeign } from "./foreign.ts";
import { DocumentError, isRecord } from "./json.ts";
import { readOwn } from "./own.ts";

export { DocumentError } from "./json.ts";

/** The result of reading a document. */
export interface ReadDocument {
  /** Without `handlerSchemas`, which are private to the seller. */
  readonly model: ApiModel;
  /** The URL of the API. Absent when the document names none, or only a relative one. */
  readonly baseUrl?: string;
  /** Operations that were left out, and why. */
  readonly notes: readonly string[];
}

export interface ReadOptions extends ForeignOptions {
  /** The URL of the document, the base of its relative URLs. */
  readonly url?: string;
}

/**
 * Reads an OpenAPI document into the model that it was emitted from. A document of another make becomes a model as far
 * as our client can call it: GET and POST with JSON, prices from `x-payment-info`.
 * @throws DocumentError when it is not an OpenAPI document, or contradicts itself.
 */
export function readDocument(document: unknown, options: ReadOptions): ReadDocument {
  if (!isRecord(document) || !isRecord(document.paths) || typeof document.openapi !== "string") {
    throw new DocumentError(
      `${options.source} is not an OpenAPI 3 document. Example: https://api.example.com/openapi.json`,
    );
  }
  const read = isRecord(document[EXTENSION])
    ? readOwn(document, options.source)
    : readForeign(document, options);
  const baseUrl = serverOf(document, options.url);
  return { ...read, ...(baseUrl === undefined ? {} : { baseUrl }) };
}

function serverOf(
  { servers }: Readonly<Record<string, unknown>>,
  url: string | undefined,
): string | undefined {
  const [first] = Array.isArray(servers) ? (servers as unknown[]) : [];
  const given = isRecord(first) && typeof first.url === "string" ? first.url : "/";
  const variables = isRecord(first) && isRecord(first.variables) ? first.variables : {};
  const named = given.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    return isRecord(variable) && typeof variable.default === "string" ? variable.default : whole;
  });
  if (/[{}]/.test(named)) return undefined;
  if (!URL.canParse(named, url) || !/^https?:$/.test(new URL(named, url).protocol)) return undefined;
  return new URL(named, url).href.replace(/\/+$/, "");
}
