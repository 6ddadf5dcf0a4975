import type { ApiModel } from "../model.ts";
import { EXTENSION } from "../published.ts";
import { type ForeignOptions, readForeign } from "./foreign.ts";
import { DocumentError, isRecord } from "./json.ts";
import { readOwn } from "./own.ts";

export { DocumentError } from "./json.ts";

/** What a published document came to. */
export interface ReadDocument {
  /** Without `handlerSchemas`: what handlers see is the seller's own. */
  readonly model: ApiModel;
  /** The address that the document names for the API; absent when it names none, or none that stands by itself. */
  readonly baseUrl?: string;
  /** What had to be left out, and why. */
  readonly notes: readonly string[];
}

export interface ReadOptions extends ForeignOptions {
  /** Where it was fetched from: relative addresses in it are meant from there. */
  readonly url?: string;
}

/**
 * Reads an OpenAPI document into the model that it was emitted from. A document of another make becomes a model as far
 * as our client can call it: GET and POST with JSON, prices from `x-payment-info`.
 * @throws DocumentError when it is no OpenAPI document, or one that cannot be trusted to be what it says.
 */
export function readDocument(document: unknown, options: ReadOptions): ReadDocument {
  if (!isRecord(document) || !isRecord(document.paths) || typeof document.openapi !== "string") {
    throw new DocumentError(
      `${options.source} is no OpenAPI 3 document. Name one: https://api.example.com/openapi.json`,
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
