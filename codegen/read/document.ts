import type { ApiModel } from "../model.ts";
import { EXTENSION } from "../published.ts";
import { type ForeignOptions, readForeign } from "./foreign.ts";
import { DocumentError, isJsonObject } from "./json.ts";
import type { DocumentOperation, LeftOperation } from "./operation.ts";
import { readOwn } from "./own.ts";
import { placeOf } from "./servers.ts";

export { DocumentError } from "./json.ts";
export type { DocumentOperation } from "./operation.ts";

/** The result of reading a document. */
export interface ReadDocument {
  /** Without `handlerSchemas`, which are private to the seller. */
  readonly model: ApiModel;
  /** The URL of the API. Absent when the document names none, or only a relative one. */
  readonly baseUrl?: string;
  /** Parts that were left out, and why. */
  readonly notes: readonly string[];
  /** By the name of the resource. */
  readonly operations: ReadonlyMap<string, DocumentOperation>;
  readonly left: readonly LeftOperation[];
}

export interface ReadOptions extends ForeignOptions {
  /** The URL of the document, the base of its relative URLs. */
  readonly url?: string;
}

/**
 * Reads an OpenAPI document into the model that it was emitted from. A document of another make becomes a model as far
 * as our client can call it. What cannot be kept is named in `notes`.
 * @throws DocumentError when it is not an OpenAPI document, or contradicts itself.
 */
export function readDocument(document: unknown, options: ReadOptions): ReadDocument {
  if (!isJsonObject(document) || !isJsonObject(document.paths) || typeof document.openapi !== "string") {
    throw new DocumentError(
      `${options.source} is not an OpenAPI 3 document. Example: https://api.example.com/openapi.json`,
    );
  }
  const { model, notes, operations, left } = isJsonObject(document[EXTENSION])
    ? readOwn(document, options.source)
    : readForeign(document, options);
  const place = placeOf(document.servers, options.url);
  return {
    ...{ model, operations, left },
    notes: place.note === undefined ? notes : [...notes, place.note],
    ...(place.url === undefined ? {} : { baseUrl: place.url }),
  };
}
