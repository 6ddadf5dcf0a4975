import type { ApiModel } from "../model.ts";
import type { JsonRecord } from "./json.ts";

/** An operation as its document describes it. */
export interface DocumentOperation {
  /** As it is written in the document, with `{name}` for a parameter. */
  readonly path: string;
  readonly operation: JsonRecord;
  /** An input that the document gives as an example, as far as it goes. */
  readonly example?: Readonly<Record<string, unknown>>;
}

/** An operation that cannot be called. */
export interface LeftOperation {
  /** `GET /path` */
  readonly name: string;
  readonly reason: string;
}

/** What a reader makes of a document. */
export interface DocumentReading {
  readonly model: ApiModel;
  readonly notes: readonly string[];
  readonly operations: ReadonlyMap<string, DocumentOperation>;
  readonly left: readonly LeftOperation[];
}
