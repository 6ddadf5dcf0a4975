/** What the writer of openapi.json and its reader have to agree on. */

/** The extension that holds what OpenAPI has no place for: on the document its format, on an operation its terms. */
export const EXTENSION = "x-resource402";

/** Counts up when older readers would misunderstand a document. */
export const FORMAT = 1;

/** What is written where a definition gives a resource no tag. */
export const DEFAULT_TAG = "resources";

/** How a schema is pointed at that stands beside the components, in the extension. */
export function refBeside(name: string): string {
  return `#/${EXTENSION}/schemas/${name}`;
}

/** The same value with every `$ref` in it mapped. */
export function mapRefs(value: unknown, map: (ref: string) => string): unknown {
  if (Array.isArray(value)) return value.map((member) => mapRefs(member, map));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      name === "$ref" && typeof member === "string" ? [name, map(member)] : [name, mapRefs(member, map)],
    ),
  );
}
