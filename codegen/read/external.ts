import { isJsonObject, type JsonRecord } from "./json.ts";

/** Reads the text of another document as a value. @throws when it cannot be had; the message says why */
export type ReadBeside = (url: URL) => Promise<unknown>;

/** The member that holds the other documents. */
const BESIDE = "x-beside";
/** Maximum number of other documents. */
const MAX_DOCUMENTS = 50;
/** Members whose values are data: what looks like a reference in them is none. */
const VALUES = new Set(["example", "examples", "default", "const", "enum"]);

/**
 * A document whose references to other documents lead into itself. Each of those is read once, and becomes a member of
 * the document. A reference that cannot be followed stays, with a note that says why.
 */
export async function bundled(
  document: JsonRecord,
  place: URL,
  read: ReadBeside,
): Promise<{ readonly document: JsonRecord; readonly notes: readonly string[] }> {
  const keys = new Map<string, string>();
  const found: Record<string, unknown> = {};
  const lost = new Map<string, string>();

  async function keyOf(url: URL): Promise<string | undefined> {
    const known = keys.get(url.href);
    if (known !== undefined) return known;
    if (lost.has(url.href)) return undefined;
    try {
      if (keys.size >= MAX_DOCUMENTS) throw new Error(`more than ${MAX_DOCUMENTS} documents are referred to`);
      const value = await read(url);
      const key = `${keys.size + 1}`;
      // Named first: it may point back.
      keys.set(url.href, key);
      found[key] = await within(value, url, key);
      return key;
    } catch (error) {
      keys.delete(url.href);
      lost.set(url.href, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /**
   * The value with its references rewritten; `key` names the document that it is part of. `isMembers`: it is the members
   * of an object schema, which may have any name.
   */
  async function within(
    value: unknown,
    base: URL,
    key: string | undefined,
    isMembers = false,
  ): Promise<unknown> {
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const item of value) items.push(await within(item, base, key));
      return items;
    }
    if (!isJsonObject(value)) return value;
    const copy: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      const isRef = name === "$ref" && typeof member === "string";
      const next = isRef
        ? await led(member, base, key)
        : VALUES.has(name) && !isMembers
          ? member
          : await within(member, base, key, name === "properties" && !isMembers);
      Object.defineProperty(copy, name, {
        value: next,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  }

  async function led(ref: string, base: URL, key: string | undefined): Promise<string> {
    const at = ref.indexOf("#");
    const [path, pointer] = at < 0 ? [ref, ""] : [ref.slice(0, at), ref.slice(at + 1)];
    if (path === "") return key === undefined ? ref : `#/${BESIDE}/${key}${pointer}`;
    if (!URL.canParse(path, base)) return ref;
    const url = new URL(path, base);
    if (url.href === place.href) return `#${pointer}`;
    const other = await keyOf(url);
    return other === undefined ? ref : `#/${BESIDE}/${other}${pointer}`;
  }

  const own = (await within(document, place, undefined)) as JsonRecord;
  const notes = [...lost].map(
    ([url, why]) => `${url} cannot be read: ${why}. What refers to it is not typed`,
  );
  return { document: keys.size === 0 ? own : { ...own, [BESIDE]: found }, notes };
}
