/** What JSON has no word for. */
type Marked = { readonly $: "undefined" } | { readonly $: "number"; readonly text: string };

/** A value of a store's methods as JSON, members that are `undefined` included. */
export const pack = (value: unknown): string => JSON.stringify(marked(value));
export const unpack = (text: string): unknown => unmarked(JSON.parse(text));

function marked(value: unknown): unknown {
  if (value === undefined) return { $: "undefined" } satisfies Marked;
  if (typeof value === "number" && !Number.isFinite(value)) return { $: "number", text: String(value) };
  return mapped(value, marked);
}

function unmarked(value: unknown): unknown {
  if (typeof value === "object" && value !== null && "$" in value) {
    const mark = value as Marked;
    return mark.$ === "number" ? Number(mark.text) : undefined;
  }
  return mapped(value, unmarked);
}

function mapped(value: unknown, of: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(of);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, of(part)]));
}
