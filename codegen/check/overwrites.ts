/**
 * The buyer computes the price from the value as written, the server from the value after validation.
 * So a field that a price looks at must come out of validation as it went in; a default may fill it in.
 */

/** The part of zod's description of a schema that is read here: `_zod.def` of zod 4, `_def` of zod 3. */
interface Def {
  readonly type?: unknown;
  readonly typeName?: string;
  readonly coerce?: boolean;
  readonly normalize?: boolean;
  readonly checks?: readonly Check[];
  readonly innerType?: unknown;
  readonly schema?: unknown;
  readonly effect?: { readonly type: string };
  readonly in?: unknown;
  readonly out?: unknown;
  readonly transform?: unknown;
  readonly getter?: () => unknown;
  readonly left?: unknown;
  readonly right?: unknown;
  readonly options?: readonly unknown[] | ReadonlyMap<unknown, unknown>;
  readonly shape?: Readonly<Record<string, unknown>> | (() => Readonly<Record<string, unknown>>);
}

interface Check {
  readonly kind?: string;
  readonly _zod?: { readonly def: { readonly check: string; readonly normalize?: boolean } };
}

/** How validation may change `field` of a zod schema: "is trimmed …"; `undefined` when it cannot, as far as is known. */
export function overwriteOf(schema: object, field: string): string | undefined {
  return inObject(schema, field, new Set());
}

function inObject(schema: unknown, field: string, seen: Set<unknown>): string | undefined {
  return through(schema, seen, (def, kind) => {
    if (kind !== "object") return undefined;
    const shape = typeof def.shape === "function" ? def.shape() : def.shape;
    const own = shape !== undefined && Object.hasOwn(shape, field) ? shape[field] : undefined;
    return own === undefined ? undefined : through(own, new Set(), () => undefined);
  });
}

/** Looks for a change in a schema and in all that it is wrapped around; `leaf` looks further inside. */
function through(
  schema: unknown,
  seen: Set<unknown>,
  leaf: (def: Def, kind: string) => string | undefined,
): string | undefined {
  const def = defOf(schema);
  if (def === undefined || seen.has(schema)) return undefined;
  seen.add(schema);
  const kind = (def.typeName?.replace(/^Zod/, "") ?? String(def.type)).toLowerCase();
  const changed = changedBy(def, kind);
  if (changed !== undefined) return changed;
  const options = def.options instanceof Map ? [...def.options.values()] : (def.options ?? []);
  const branded = kind === "branded" ? def.type : undefined;
  const inside = [
    def.innerType,
    def.schema,
    def.in,
    def.out,
    def.left,
    def.right,
    branded,
    ...(options as []),
  ];
  if (kind === "lazy") inside.push(def.getter?.());
  for (const inner of inside) {
    const change = through(inner, seen, leaf);
    if (change !== undefined) return change;
  }
  return leaf(def, kind);
}

function changedBy(def: Def, kind: string): string | undefined {
  if (def.coerce === true) return "is coerced";
  if (def.normalize === true) return "is normalised";
  if (kind === "catch") return "is replaced when it is not valid";
  if (kind === "transform" || typeof def.transform === "function") return "is transformed";
  if (def.effect !== undefined && def.effect.type !== "refinement") return "is transformed";
  for (const check of def.checks ?? []) {
    const own = check._zod?.def;
    if (own?.check === "overwrite" || own?.normalize === true)
      return "is overwritten (trimmed, changed in case)";
    if (["trim", "toLowerCase", "toUpperCase"].includes(check.kind ?? "")) {
      return "is overwritten (trimmed, changed in case)";
    }
  }
  return undefined;
}

function defOf(schema: unknown): Def | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  const { _zod, _def } = schema as { readonly _zod?: { readonly def: Def }; readonly _def?: Def };
  return _zod?.def ?? _def;
}
