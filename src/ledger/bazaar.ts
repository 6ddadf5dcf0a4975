/** The part of a challenge that describes the resource: its input and its output. */
export interface Description {
  /** For buyers of x402 version 1. */
  readonly outputSchema: unknown;
  /** The same for marketplaces of today. */
  readonly bazaar: Bazaar;
}

/** The `bazaar` extension of x402 version 2. */
export interface Bazaar {
  readonly info: { readonly input: object; readonly output?: object };
  /** The path with `:name` for its parameters, when it has any: one entry in a catalogue for all of them. */
  readonly routeTemplate?: string;
  readonly schema: object;
}

/** Bytes of base64 for so many characters of JSON, at least. */
const encoded = (value: unknown): number =>
  Math.ceil(new TextEncoder().encode(JSON.stringify(value)).length / 3) * 4;

/**
 * As much of the extension as fits into `maxBytes` bytes of a header. It goes in this order: the output's shape, the length
 * of descriptions, the descriptions, the whole; a document has it all. `undefined`: nothing fits.
 */
export function fitting(bazaar: Bazaar, maxBytes: number): Bazaar | undefined {
  const bare = withoutOutput(bazaar);
  const candidates = [() => bazaar, () => bare, () => shortened(bare, SHORT), () => shortened(bare, 0)];
  for (const candidate of candidates) {
    const one = candidate();
    if (encoded(one) <= maxBytes) return one;
  }
  return undefined;
}

/** Characters of a description that still say what a field is. */
const SHORT = 60;

function withoutOutput({ info: { input }, schema, ...rest }: Bazaar): Bazaar {
  const { properties, ...keywords } = schema as { readonly properties?: { readonly input?: object } };
  return {
    ...rest,
    info: { input },
    schema: { ...keywords, properties: { input: properties?.input ?? {} } },
  };
}

/** Shortens descriptions in the schema to so many characters; 0 leaves them out. */
function shortened(bazaar: Bazaar, most: number): Bazaar {
  return { ...bazaar, schema: shorten(bazaar.schema, most) as object };
}

function shorten(schema: unknown, most: number): unknown {
  if (Array.isArray(schema)) return schema.map((one) => shorten(one, most));
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    // A field may have this name: then it is a schema, and no text.
    if (keyword === "description" && typeof value === "string") {
      if (most === 0) return [];
      return [[keyword, value.length <= most ? value : `${value.slice(0, most - 1).trimEnd()}…`]];
    }
    if (keyword === "enum" || keyword === "const" || keyword === "default") return [[keyword, value]];
    return [[keyword, shorten(value, most)]];
  });
  return Object.fromEntries(entries);
}
