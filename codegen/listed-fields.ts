import { type Union, walk } from "./convert/walk.ts";
import { choicesOf, type Field, fieldsOf, type JsonSchema, refName, resolve, type Schemas } from "./model.ts";
import { code } from "./print.ts";

/** A field as documents list it: once, where it is the same in several options of a union. */
export interface ListedField {
  /** Dotted: `people[].name`. */
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  /** In which case it is there: `` `goods.kind` is `"box"` ``; empty when it always is. */
  readonly when: string;
}

interface Row extends Omit<ListedField, "when"> {
  /** In which options it stands of each union around it. */
  readonly held: ReadonlyMap<Known, Set<number>>;
}

/** A union that has been met. */
interface Known extends Union {
  readonly number: number;
  readonly tag: Tag | undefined;
}

/** The field that tells the options of a union apart. */
interface Tag {
  readonly path: string;
  /** With the values of all options. */
  readonly schema: JsonSchema;
  /** The values of each option; none for one that is no object. */
  readonly values: readonly (readonly string[])[];
}

/** The members of every object inside a schema, in the order of the definition. */
export function listFields(schemas: Schemas, schema: JsonSchema): readonly ListedField[] {
  const rows: Row[] = [];
  const byKey = new Map<string, Row>();
  const unions = new Map<Union, Known>();
  const meet = (union: Union): Known => {
    const known = unions.get(union) ?? { ...union, number: unions.size, tag: tagOf(schemas, union) };
    unions.set(union, known);
    return known;
  };
  walk(schemas, schema, ({ path, schema, required, within }) => {
    const all = within.map(({ union, index }) => ({ union: meet(union), index }));
    const told = all.findIndex(({ union }) => union.tag?.path === path);
    const own = all[told]?.union.tag?.schema ?? schema;
    const around = told < 0 ? all : all.slice(0, told);
    const last = around.at(-1);
    const outer = around.slice(0, -1).map(({ union, index }) => [union.number, index]);
    const key = JSON.stringify([path, own, required, outer, last?.union.number]);
    const same = byKey.get(key);
    if (same === undefined) {
      const held = new Map(around.map(({ union, index }) => [union, new Set([index])]));
      const row = { path, schema: own, required, held };
      rows.push(row);
      byKey.set(key, row);
      return;
    }
    // So it stands in this option too, with all that is below it.
    if (last !== undefined) {
      for (const { held } of withBelow(rows, same)) held.get(last.union)?.add(last.index);
    }
    return false;
  });
  return rows.map(({ held, ...row }) => ({ ...row, when: whenText(schemas, held) }));
}

/** A row, and the rows of what stands in it, which follow it. */
function withBelow(rows: readonly Row[], row: Row): readonly Row[] {
  const from = rows.indexOf(row);
  const isBelow = ({ path }: Row): boolean =>
    path.startsWith(`${row.path}.`) || path.startsWith(`${row.path}[`);
  const end = rows.findIndex((other, index) => index > from && !isBelow(other));
  return rows.slice(from, end < 0 ? undefined : end);
}

function whenText(schemas: Schemas, held: Row["held"]): string {
  const cases = [...held].filter(([{ options }, indexes]) => indexes.size < options.length);
  // A union inside a union may be told by the same field, and says more.
  const said = cases.filter(
    ([{ tag }], at) =>
      tag === undefined || !cases.slice(at + 1).some(([inner]) => inner.tag?.path === tag.path),
  );
  return said.map(([union, indexes]) => caseText(schemas, union, [...indexes])).join(" and ");
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

/** What each option says of the field that tells them apart; once, where they say the same. */
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
function formsOf(schemas: Schemas, schema: JsonSchema): readonly (readonly Field[])[] {
  const { anyOf, oneOf } = resolve(schemas, schema);
  const options = anyOf ?? oneOf;
  if (options !== undefined) return options.flatMap((option) => formsOf(schemas, option));
  const fields = fieldsOf(schemas, schema);
  return fields === undefined ? [] : [fields];
}
