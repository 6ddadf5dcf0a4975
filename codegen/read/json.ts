/** What is known of JSON that somebody else has written: nothing, until it has been looked at. */
export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member when it is a text with something in it. */
export function textOf(record: JsonRecord, name: string): string | undefined {
  const value = record[name];
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** The members of a list that are objects. */
export function recordsOf(value: unknown): JsonRecord[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** A document that cannot be read, with the place and the mend. */
export class DocumentError extends Error {
  override readonly name = "DocumentError";
}
