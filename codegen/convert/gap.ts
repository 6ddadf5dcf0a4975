import type { JsonSchema } from "../model.ts";

/** The side of a schema: what goes into validation, or what comes out of it. */
export type Face = "input" | "output";

/** A schema as JSON Schema, straight from its library; references are pointers into the document itself. */
export interface Conversion {
  readonly schema: JsonSchema;
  /** Places that JSON Schema cannot hold. When there are any, `schema` is not to be used. */
  readonly gaps: readonly Gap[];
  /** Fields whose default differs between calls; their `default` is left out. */
  readonly volatile: readonly string[];
  /** The members of `$defs` that their author named, so that they can be shared. */
  readonly shared: readonly string[];
  /** Whether the other face is known to be the same, so that it need not be converted. */
  readonly oneFaced: boolean;
}

export interface Gap {
  /** Dotted, relative to the schema; empty for the schema as a whole. */
  readonly path: string;
  readonly problem: string;
  readonly fix: string;
}

/** Kinds of schema that JSON Schema cannot hold, with the fix. */
export const UNREPRESENTABLE: Readonly<Record<string, string>> = {
  bigint: "use z.int(), or z.string() for more digits",
  custom: "use a schema of plain JSON values",
  date: "use z.iso.datetime()",
  file: "send the file as text with z.base64(), or its address with z.url()",
  function: "remove the field",
  map: "use z.record(…)",
  nan: "remove the field",
  promise: "use the schema of its value",
  set: "use z.array(…)",
  symbol: "use z.string()",
  transform: "declare the output: .transform(…).pipe(z.string())",
  undefined: "use .optional()",
  void: "use .optional()",
};

export function gapAt(pointer: readonly PropertyKey[], kind: string): Gap {
  const what = kind === "transform" ? "the result of a transform" : `z.${kind}()`;
  const fix = UNREPRESENTABLE[kind] ?? "use a schema of plain JSON values";
  return { path: dotted(pointer), problem: `${what} cannot be expressed as JSON Schema`, fix };
}

/** `properties/tags/items` as people write it: `tags[]`. */
export function dotted(pointer: readonly PropertyKey[]): string {
  let path = "";
  const rest = pointer.map(String);
  for (let keyword = rest.shift(); keyword !== undefined; keyword = rest.shift()) {
    const listed = keyword === "items" || keyword === "prefixItems";
    if (listed) path += /^\d+$/.test(rest[0] ?? "") ? `[${rest.shift()}]` : "[]";
    else if (keyword === "additionalProperties") path += ".*";
    else if (keyword === "properties") path += `.${rest.shift()}`;
    else rest.shift();
  }
  return path.replace(/^\./, "");
}

/** Whether a default differs between calls. */
export function isVolatile(read: () => unknown): boolean {
  const [first, second] = [read(), read()].map((value) => JSON.stringify(value));
  return first !== second;
}
