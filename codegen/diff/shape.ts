import { type JsonSchema, resolve, type Schemas } from "../model.ts";

/** A schema taken apart into what it allows: single values, and kinds of value without end. */
export interface SchemaShape {
  /** By their JSON text. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Each has one type, or none when it takes any value. */
  readonly forms: readonly JsonSchema[];
}

/** Where one finds a schema; `true` and nothing take any value, `false` takes none. */
export type Node = JsonSchema | boolean | undefined;

/** Unions in unions that go deeper lead in a circle. */
const DEEPEST = 20;

/** What a schema allows, with its references, unions and intersections resolved at this level. */
export function schemaShapeOf(schemas: Schemas, node: Node, depth = 0): SchemaShape {
  if (node === false || depth > DEEPEST) return { values: new Map(), forms: [] };
  if (node === undefined || node === true) return { values: new Map(), forms: [{}] };
  const { anyOf, oneOf, ...own } = flat(schemas, node, depth);
  const options = anyOf ?? oneOf;
  if (options !== undefined) {
    const beside = Object.keys(own).some((keyword) => !isWord(keyword));
    const shapes = options.map((option) =>
      schemaShapeOf(schemas, beside ? { allOf: [own, option] } : option, depth + 1),
    );
    return {
      values: new Map(shapes.flatMap(({ values }) => [...values])),
      forms: shapes.flatMap(({ forms }) => forms),
    };
  }
  const closed = (values: readonly unknown[]): SchemaShape => ({
    values: new Map(values.map((value) => [JSON.stringify(value), value])),
    forms: [],
  });
  if (own.const !== undefined) return closed([own.const]);
  if (own.enum !== undefined) return closed(own.enum);
  if (Array.isArray(own.type)) {
    const shapes = own.type.map((type: string) => schemaShapeOf(schemas, { ...own, type }, depth + 1));
    return {
      values: new Map(shapes.flatMap(({ values }) => [...values])),
      forms: shapes.flatMap(({ forms }) => forms),
    };
  }
  if (own.type === "boolean") return closed([true, false]);
  if (own.type === "null") return closed([null]);
  // Many documents leave the type of an object out.
  const isObject = own.type === undefined && own.properties !== undefined;
  return { values: new Map(), forms: [isObject ? { ...own, type: "object" } : own] };
}

/** A schema with its references followed and what `allOf` joins put together. */
function flat(schemas: Schemas, schema: JsonSchema, depth: number): JsonSchema {
  const { allOf, ...own } = resolve(schemas, schema);
  if (allOf === undefined || depth > DEEPEST) return own;
  const parts = [...allOf.map((part) => flat(schemas, part, depth + 1)), own];
  const properties = Object.assign({}, ...parts.map((part) => part.properties ?? {}));
  const required = parts.flatMap((part) => part.required ?? []);
  const joined: JsonSchema = Object.assign({}, ...parts);
  return {
    ...joined,
    ...(joined.properties === undefined ? {} : { properties }),
    ...(joined.required === undefined ? {} : { required }),
  };
}

const WORDS = new Set(
  "$schema $id $anchor $comment $defs title description examples example default deprecated readOnly writeOnly".split(
    " ",
  ),
);

/** Whether a keyword says something about values without refusing any. */
export function isWord(keyword: string): boolean {
  return WORDS.has(keyword) || keyword.startsWith("x-");
}

/** The values that tell forms of an object apart: `{ kind: "circle" }`. */
export function tagsOf(schemas: Schemas, form: JsonSchema): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const [name, member] of Object.entries(form.properties ?? {})) {
    const { const: value, enum: values } = resolve(schemas, member);
    const one = value ?? (values?.length === 1 ? values[0] : undefined);
    if (one !== undefined) tags.set(name, JSON.stringify(one));
  }
  return tags;
}

/** Whether one of the forms takes a value. What it must keep to besides its type is not asked. */
export function takes(forms: readonly JsonSchema[], value: unknown): boolean {
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return forms.some(
    (form) =>
      form.type === undefined || form.type === type || (form.type === "integer" && Number.isInteger(value)),
  );
}
