import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type ListedField, listFields } from "../../codegen/listed-fields.ts";
import { type JsonSchema, refName, refTo, resolve, type Schemas } from "../../codegen/model.ts";
import { apiWith, modelOf } from "./definitions.ts";

const goods = (schema: JsonSchema): JsonSchema => ({
  type: "object",
  properties: { goods: schema },
  required: ["goods"],
});
const text = (description: string): JsonSchema => ({ type: "string", description });
const option = (
  kind: string,
  properties: Record<string, JsonSchema>,
  required: string[] = [],
): JsonSchema => ({
  type: "object",
  properties: { kind: { const: kind }, ...properties },
  required: ["kind", ...required],
});

/** In which case each field is listed, by path. */
function whenOf(fields: readonly ListedField[]): Record<string, string[]> {
  const cases: Record<string, string[]> = {};
  for (const { path, when } of fields) cases[path] = [...(cases[path] ?? []), when];
  return cases;
}

describe("the fields that documents list of a union", () => {
  it("stand in every option that has them, though what they stand in is not the same in each", async () => {
    const address = z.object({ street: z.string().max(9).describe("Which.") }).meta({ id: "Address" });
    const parcel = z.object({
      kind: z.literal("parcel").describe("A parcel."),
      to: address.describe("Where to."),
    });
    const letter = z.object({
      kind: z.literal("letter").describe("A letter."),
      to: address.describe("Where to.").optional(),
    });
    const input = z.object({
      goods: z.discriminatedUnion("kind", [parcel, letter]).describe("What."),
    });
    const model = await modelOf(apiWith({ input }));
    const cases = whenOf(listFields(model.schemas, { $ref: refTo("CaptionInput") }));
    expect(cases["goods.to.street"]).toEqual([""]);
    expect(cases["goods.to"]).toEqual(['`goods.kind` is `"parcel"`', '`goods.kind` is `"letter"`']);
  });

  it("stand in an option whose parts were listed for several others before it", () => {
    const place = (...names: string[]): { place: JsonSchema } => ({
      place: { type: "object", properties: Object.fromEntries(names.map((name) => [name, text(name)])) },
    });
    const oneOf = [
      option("a", place("street")),
      option("b", place("city")),
      option("c", place("street", "city")),
      option("d", place("street", "city")),
    ];
    expect(whenOf(listFields({}, goods({ oneOf })))).toMatchObject({
      "goods.place": ['`goods.kind` is `"a"`', '`goods.kind` is `"b"`', '`goods.kind` is `"c"` or `"d"`'],
      "goods.place.street": ['`goods.kind` is `"a"`, `"c"` or `"d"`'],
      "goods.place.city": ['`goods.kind` is `"b"`, `"c"` or `"d"`'],
    });
  });

  it("are listed wherever a component stands, once where it stands in itself", () => {
    const schemas = {
      Tree: { type: "object", properties: { name: text("Its."), kids: { items: { $ref: refTo("Tree") } } } },
    };
    const two = { type: "object", properties: { a: { $ref: refTo("Tree") }, b: { $ref: refTo("Tree") } } };
    const paths = listFields(schemas, two).map(({ path }) => path);
    expect(paths).toEqual(["a", "a.name", "a.kids", "b", "b.name", "b.kids"]);
  });

  it.each<[string, (next: readonly JsonSchema[]) => JsonSchema]>([
    [
      "members",
      (next) => ({ type: "object", properties: Object.fromEntries(next.map((one, at) => [`m${at}`, one])) }),
    ],
    ["entries", (prefixItems) => ({ prefixItems })],
    ["options", (oneOf) => ({ oneOf })],
  ])("end where components lead back and forth by %s", (_, schemaOf) => {
    const names = Array.from({ length: 40 }, (_, at) => `C${at}`);
    const all = names.map((name) => ({ $ref: refTo(name) }));
    const schemas = Object.fromEntries(names.map((name) => [name, schemaOf(all)]));
    // Of all ways through them there are 40!.
    expect(listFields(schemas, { $ref: refTo("C0") }).length).toBeLessThanOrEqual(40 * 40);
  });

  it("are listed for exactly the options that have them, as these have them", () => {
    fc.assert(
      fc.property(DRAWN, ({ schemas, schema }) => {
        const fields = listFields(schemas, schema);
        const paths = new Set(fields.map(({ path }) => path));
        for (const { told, had } of shapesOf(schemas, schema, "", [])) {
          for (const path of had.keys()) expect([...paths]).toContain(path);
          for (const path of paths) {
            const listed = fields.filter((field) => field.path === path && isSaid(field.when, told));
            const isTag = path.endsWith(".kind");
            // What tells the options apart is listed with the values of all.
            const as = listed.map(({ schema, required }) =>
              isTag ? "a tag" : JSON.stringify([schema, required]),
            );
            const own = had.get(path);
            expect({ path, told, as: [...new Set(as)] }).toEqual({
              ...{ path, told },
              as: own === undefined ? [] : [isTag ? "a tag" : own],
            });
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Whether a `When` is true of a value of which one knows the tags. */
function isSaid(when: string, told: Readonly<Record<string, string>>): boolean {
  return (
    when === "" ||
    when.split(" and ").every((part) => {
      const [, path = "", values = ""] = /^`([^`]+)` is (.*)$/.exec(part) ?? [];
      const tag = told[path];
      return tag !== undefined && values.split(/, | or /).includes(`\`${JSON.stringify(tag)}\``);
    })
  );
}

/** One choice for every union of a value. */
interface Shape {
  /** The tag of each union, by path. */
  readonly told: Readonly<Record<string, string>>;
  /** Each field with its schema and whether it is required, as JSON. */
  readonly had: ReadonlyMap<string, string>;
}

/** Every shape that a schema allows, found without the walk that is under test. */
function shapesOf(schemas: Schemas, schema: JsonSchema, path: string, around: readonly string[]): Shape[] {
  const name = schema.$ref === undefined ? undefined : refName(schema.$ref);
  if (name !== undefined && around.includes(name)) return [{ told: {}, had: new Map() }];
  const inside = name === undefined ? around : [...around, name];
  const { oneOf, properties, required } = resolve(schemas, schema);
  if (oneOf !== undefined) return oneOf.flatMap((option) => shapesOf(schemas, option, path, inside));
  let shapes: Shape[] = [{ told: {}, had: new Map() }];
  for (const [name, member] of Object.entries(properties ?? {})) {
    const at = path === "" ? name : `${path}.${name}`;
    const own = JSON.stringify([member, required?.includes(name) ?? false]);
    const tag = name === "kind" ? { [at]: String(member.const) } : {};
    const inner = shapesOf(schemas, member, at, inside);
    shapes = shapes.flatMap(({ told, had }) =>
      inner.map((one) => ({
        told: { ...told, ...tag, ...one.told },
        had: new Map([...had, [at, own], ...one.had]),
      })),
    );
  }
  return shapes;
}

const COMPONENTS: Schemas = {
  Place: { type: "object", properties: { street: text("Street."), city: text("City.") } },
  Stop: { type: "object", properties: { place: { $ref: refTo("Place") }, next: { $ref: refTo("Stop") } } },
  Way: {
    oneOf: [option("air", { place: { $ref: refTo("Place") } }), option("sea", { port: text("Port.") })],
  },
};

const leaf: fc.Arbitrary<JsonSchema> = fc.constantFrom<JsonSchema>(
  text("One."),
  text("Two."),
  ...Object.keys(COMPONENTS).map((name) => ({ $ref: refTo(name) })),
  { $ref: refTo("Place"), description: "About it." },
);

const members = (
  schema: fc.Arbitrary<JsonSchema>,
): fc.Arbitrary<{ properties: Schemas; required: string[] }> =>
  fc
    .record({
      properties: fc.dictionary(fc.constantFrom("x", "y"), schema, { maxKeys: 2, noNullPrototype: true }),
      required: fc.subarray(["x", "y"]),
    })
    .map(({ properties, required }) => ({
      properties,
      required: required.filter((name) => name in properties),
    }));

const union = (schema: fc.Arbitrary<JsonSchema>, most: number): fc.Arbitrary<JsonSchema> =>
  fc.array(members(schema), { minLength: 2, maxLength: most }).map((all) => ({
    oneOf: all.map(({ properties, required }, at) => option(`k${at}`, properties, required)),
  }));

const object = members(leaf).map((own): JsonSchema => ({ type: "object", ...own }));

/** Unions with unions, objects and components in them; the same stands in several options at times. */
const DRAWN = fc
  .record({ way: union(leaf, 2), whole: union(fc.oneof(leaf, object, union(leaf, 2)), 4) })
  .map(({ way, whole }) => ({ schemas: { ...COMPONENTS, Way: way }, schema: goods(whole) }));
