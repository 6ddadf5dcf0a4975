import { type SchemaPlace, type SeenSchemas, type Union, walk } from "./convert/walk.ts";
import {
  choicesOf,
  type Field,
  type Followed,
  fieldsOf,
  type JsonSchema,
  refName,
  resolve,
  type Schemas,
  unfollowed,
} from "./model.ts";
import { code } from "./print.ts";

/** A field as documents list it. A field that is the same in several options of a union is listed once. */
export interface ListedField {
  /** Dotted: `people[].name`. */
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  /** In which case it is there: `` `goods.kind` is `"box"` ``; empty when it always is. */
  readonly when: string;
}

/** In which options of the unions around it a field stands: in one of each of these, and whatever the others are. */
type Held = ReadonlyMap<Known, ReadonlySet<number>>;

interface Row extends Omit<ListedField, "when"> {
  /** Position of the first occurrence. */
  readonly order: number;
  readonly held: Held;
}

/** A union that contains the field. */
interface Known extends Union {
  readonly tag: Tag | undefined;
}

/** The discriminator field of a union. */
interface Tag {
  readonly path: string;
  /** With the values of all options. */
  readonly schema: JsonSchema;
  /** The values of each option; empty for an option that is not an object. */
  readonly values: readonly (readonly string[])[];
}

/** Maximum number of components to list. A longer list is not readable. */
const MANY = 300;

/** The members of every object inside a schema, in the order of the definition. */
export function listFields(schemas: Schemas, schema: JsonSchema): readonly ListedField[] {
  const places: SchemaPlace[] = [];
  const onPlace = (place: SchemaPlace): number => places.push(place);
  const budget = { left: MANY };
  walk(schemas, schema, onPlace, onTheWay(budget));
  if (budget.left <= 0) {
    // Components that lead back and forth have paths without number: each is shown where it is met first.
    places.length = 0;
    walk(schemas, schema, onPlace, onTheWay({ left: 10 * MANY }, new Map()));
  }
  return listed(schemas, places);
}

/** Components are entered wherever they stand, or at one path alone, but never inside of themselves. */
function onTheWay(
  budget: { left: number },
  onePath?: Map<string, string>,
  around: readonly string[] = [],
): SeenSchemas {
  return {
    has: (name, path) => budget.left <= 0 || around.includes(name) || (onePath?.get(name) ?? path) !== path,
    add(name, path) {
      budget.left -= 1;
      onePath?.set(name, path);
      return onTheWay(budget, onePath, [...around, name]);
    },
  };
}

/** The places where the same stands at the same path are one row, as far as one `when` can say them all. */
function listed(schemas: Schemas, places: readonly SchemaPlace[]): readonly ListedField[] {
  const byKey = new Map<string, Row[]>();
  const unions = new Map<Union, Known>();
  const bySchema = new Map<string, Known>();
  // A component is met as often as it stands somewhere, and its unions are the same each time.
  const meet = (union: Union): Known => {
    const met = unions.get(union);
    if (met !== undefined) return met;
    const key = JSON.stringify(union);
    const known = bySchema.get(key) ?? { ...union, tag: tagOf(schemas, union) };
    unions.set(union, known);
    bySchema.set(key, known);
    return known;
  };
  for (const [order, { path, schema, required, within }] of places.entries()) {
    const all = within.map(({ union, index }) => ({ union: meet(union), index }));
    const told = all.findIndex(({ union }) => union.tag?.path === path);
    const own = all[told]?.union.tag?.schema ?? schema;
    const around = told < 0 ? all : all.slice(0, told);
    const held = new Map(around.map(({ union, index }) => [union, new Set([index])]));
    const key = JSON.stringify([path, own, required]);
    byKey.set(key, joined(byKey.get(key) ?? [], { path, schema: own, required, order, held }));
  }
  const rows = [...byKey.values()].flat().sort((a, b) => a.order - b.order);
  return rows.map(({ order: _, held, ...row }) => ({ ...row, when: whenText(schemas, held) }));
}

/** Rows of the same field with one more, which those take in that can. */
function joined(rows: readonly Row[], fresh: Row): Row[] {
  for (const row of rows) {
    const held = either(row.held, fresh.held);
    if (held === undefined) continue;
    const others = rows.filter((other) => other !== row);
    return joined(others, { ...row, order: Math.min(row.order, fresh.order), held });
  }
  return [...rows, fresh];
}

/** Where one or the other holds, and nothing else does; `undefined` where that cannot be said. */
function either(a: Held, b: Held): Held | undefined {
  if (covers(a, b)) return a;
  if (covers(b, a)) return b;
  if (a.size !== b.size || [...a.keys()].some((union) => !b.has(union))) return undefined;
  const differ = [...a].filter(
    ([union, indexes]) => !isWithin(b.get(union), indexes) || !isWithin(indexes, b.get(union)),
  );
  const [[union, indexes] = [], ...others] = differ;
  if (union === undefined || others.length > 0) return undefined;
  const both = new Set([...(indexes ?? []), ...(b.get(union) ?? [])]);
  const all = new Map(a).set(union, both);
  // In all of its options: whatever it is.
  if (both.size === union.options.length) all.delete(union);
  return all;
}

/** Whether one holds wherever the other does. */
function covers(a: Held, b: Held): boolean {
  return [...a].every(([union, indexes]) => isWithin(b.get(union), indexes));
}

function isWithin(some: ReadonlySet<number> | undefined, all: ReadonlySet<number> | undefined): boolean {
  return some !== undefined && all !== undefined && [...some].every((index) => all.has(index));
}

function whenText(schemas: Schemas, held: Held): string {
  const cases = [...held];
  // A union inside a union may be told by the same field, and says more.
  const said = cases.filter(
    ([{ tag }], at) =>
      tag === undefined || !cases.slice(at + 1).some(([inner]) => inner.tag?.path === tag.path),
  );
  return said
    .map(([union, indexes]) =>
      caseText(
        schemas,
        union,
        [...indexes].sort((a, b) => a - b),
      ),
    )
    .join(" and ");
}

/** `` `goods.kind` is `"box"` ``; `` `goods` is variant 1 of 2 `` where no field tells. */
function caseText(schemas: Schemas, { path, options, tag }: Known, indexes: readonly number[]): string {
  const valuesOf = (index: number): readonly string[] => tag?.values[index] ?? [];
  const objects = options.filter((option) => formsOf(schemas, option).length > 0);
  const names = indexes
    .filter((index) => valuesOf(index).length === 0)
    .map((index) => {
      const option = options[index];
      if (option?.$ref !== undefined) return code(refName(option.$ref));
      if (objects.length === 1 && objects[0] === option) return "an object";
      return `variant ${index + 1} of ${options.length}`;
    });
  const told = indexes.flatMap(valuesOf).map(code);
  return [
    ...(tag === undefined || told.length === 0 ? [] : [`${code(tag.path)} is ${eitherOf(told)}`]),
    ...(names.length === 0 ? [] : [`${path === "" ? "the whole" : code(path)} is ${eitherOf(names)}`]),
  ].join(" or ");
}

/** `a, b or c`. */
function eitherOf(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)].filter((part) => part !== "").join(" or ");
}

/** The first field whose values tell in which option of a union it stands. */
function tagOf(schemas: Schemas, { path, options }: Union): Tag | undefined {
  const forms = options.map((option) => formsOf(schemas, option));
  if (forms.filter((fields) => fields.length > 0).length < 2) return undefined;
  for (const { name } of forms.flat()[0] ?? []) {
    const fields = forms.map((forms) => forms.map((fields) => fields.find((field) => field.name === name)));
    const values = fields.map((fields) => fields.map((field) => valuesOf(schemas, field)));
    const all = values.flatMap((values) => [...new Set(values.flat())]);
    if (all.includes(undefined) || new Set(all).size < all.length) continue;
    const told = values.map((values) => [...new Set(values.flat())].map((value) => value ?? ""));
    return {
      path: path === "" ? name : `${path}.${name}`,
      schema: {
        enum: told.flat().map((text): unknown => JSON.parse(text)),
        ...described(schemas, fields.flat()),
      },
      values: told,
    };
  }
  return undefined;
}

/** Of a field that must be there and has a closed set of values, these as JSON; else one that is undefined. */
function valuesOf(schemas: Schemas, field: Field | undefined): readonly (string | undefined)[] {
  const choices = field?.required ? choicesOf(schemas, field.schema) : undefined;
  return choices?.map((choice) => JSON.stringify(choice)) ?? [undefined];
}

/** The descriptions of the discriminator field in each option, without duplicates. */
function described(schemas: Schemas, fields: readonly (Field | undefined)[]): JsonSchema {
  const texts = fields.flatMap((field): [string, string][] => {
    const { description = "" } = field ? resolve(schemas, field.schema) : {};
    return description === ""
      ? []
      : [
          [
            valuesOf(schemas, field)
              .map((value) => code(value ?? ""))
              .join(", "),
            description,
          ],
        ];
  });
  const [first, ...others] = new Set(texts.map(([, text]) => text));
  if (first === undefined) return {};
  return { description: others.length === 0 ? first : texts.map((pair) => pair.join(": ")).join(" ") };
}

/** The plain objects that a schema allows, field by field; none when it allows none. */
function formsOf(
  schemas: Schemas,
  schema: JsonSchema,
  followed: Followed = new Set(),
): readonly (readonly Field[])[] {
  const { anyOf, oneOf } = resolve(schemas, schema);
  const options = anyOf ?? oneOf;
  if (options !== undefined) {
    return unfollowed(options, followed).flatMap((option) => formsOf(schemas, option, followed));
  }
  const fields = fieldsOf(schemas, schema);
  return fields === undefined ? [] : [fields];
}
