import { fieldsOf } from "../model.ts";
import { dereferenced, isJsonObject, type JsonRecord } from "./json.ts";
import type { ForeignSchemas } from "./schemas.ts";

const ID = /^(job|task|request|prediction|run)?_?id$/i;
const STATUS_URL = /^(status|poll|polling|result|get)_?url$/i;

/**
 * Whether an operation is answered by a job: 202 is its only success, and the answer names the job by an id, beside an
 * address or a state. The client then waits for the result.
 */
export function isForeignJob(
  document: JsonRecord,
  { responses }: JsonRecord,
  schemas: ForeignSchemas,
): boolean {
  const all = isJsonObject(responses) ? responses : {};
  const success = Object.keys(all).filter((status) => /^2(\d\d|XX)$/i.test(status));
  const accepted = all["202"];
  if (success.length !== 1 || !isJsonObject(accepted)) return false;
  const { content, headers } = dereferenced(document, accepted);
  const media = isJsonObject(content) ? content["application/json"] : undefined;
  const schema = schemas.convert(isJsonObject(media) ? media.schema : undefined);
  const names = (fieldsOf(schemas.known, schema) ?? []).map(({ name }) => name);
  const isLocated = isJsonObject(headers) && Object.keys(headers).some((name) => /^location$/i.test(name));
  return (
    names.some((name) => ID.test(name)) &&
    (isLocated || names.some((name) => STATUS_URL.test(name) || /^(status|state)$/i.test(name)))
  );
}
