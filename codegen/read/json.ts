/** JSON from another source. Its members are unknown until checked. */
export type JsonRecord = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member, when it is a non-empty string. */
export function textOf(record: JsonRecord, name: string): string | undefined {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** The members of a list that are objects. */
export function recordsOf(value: unknown): JsonRecord[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** A document that cannot be read, with the place and the fix. */
export class DocumentError extends Error {
  override readonly name = "DocumentError";
}

/** Follows `$ref` inside the document for a few steps; `{}` when it has no target. */
export function dereferenced(document: JsonRecord, value: JsonRecord): JsonRecord {
  let found = value;
  for (let hops = 0; hops < 20 && typeof found.$ref === "string"; hops += 1) {
    const target = targetOf(document, found.$ref);
    if (!isJsonObject(target)) return {};
    found = target;
  }
  return found.$ref === undefined ? found : {};
}

/** The first example that a schema, a parameter or a media type gives: inline, in a list, or by name. */
export function exampleIn(document: JsonRecord, given: unknown): unknown {
  if (!isJsonObject(given)) return undefined;
  const { example, examples } = dereferenced(document, given);
  if (example !== undefined) return example;
  if (Array.isArray(examples)) return examples[0];
  const [first] = isJsonObject(examples) ? Object.values(examples).filter(isJsonObject) : [];
  return first === undefined ? undefined : dereferenced(document, first).value;
}

/** The keys of a reference into its own document (RFC 6901 section 6); `undefined` when it leads elsewhere. */
export function pointerOf(ref: string): readonly string[] | undefined {
  if (ref === "#") return [];
  return ref.startsWith("#/") ? ref.slice(2).split("/").map(unescaped) : undefined;
}

/** What a reference leads to, be it a member or an entry of a list; `undefined` when it leads nowhere. */
export function targetOf(document: JsonRecord, ref: string): unknown {
  return pointerOf(ref)?.reduce<unknown>((node, key) => {
    const isInside = typeof node === "object" && node !== null && Object.hasOwn(node, key);
    return isInside ? (node as JsonRecord)[key] : undefined;
  }, document);
}

/** One step of a JSON Pointer in a URL. */
function unescaped(part: string): string {
  const plain = /^(?:[^%]|%[0-9a-f]{2})*$/i.test(part) ? part : part.replaceAll("%", "%25");
  try {
    return decodeURIComponent(plain).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
}
