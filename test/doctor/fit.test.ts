import { describe, expect, it } from "vitest";
import { fitDefaultsOf, objectionTo } from "../../codegen/doctor/fit.ts";
import { type CheckedSchema, inlined } from "../../codegen/doctor/schema.ts";

const PAIR = { prefixItems: [{ type: "string" }, { enum: ["up", "down"] }], items: { type: "number" } };

describe("a value that does not fit its schema", () => {
  it.each<[string, unknown, CheckedSchema]>([
    ["it is not one of the allowed values", "huge", { type: "string", enum: ["small", "large"] }],
    ["it is not one of the allowed values", { a: 1 }, { const: "a" }],
    ["it is not of type integer", "3", { type: "integer" }],
    ["it is not of type integer", 1.5, { type: "integer" }],
    ["it is not of type string or boolean", null, { type: ["string", "boolean"] }],
    ["it is below the minimum of 1", 0, { type: "integer", minimum: 1 }],
    ["it is above the maximum of 3", 5, { type: "integer", maximum: 3 }],
    ["it is not above 0", 0, { type: "number", exclusiveMinimum: 0 }],
    ["it is not below 1", 1, { type: "number", maximum: 1, exclusiveMaximum: true }],
    ["it is not a multiple of 64", 100, { type: "integer", multipleOf: 64 }],
    ["maxLength is 2", "abc", { type: "string", maxLength: 2 }],
    ["minItems is 1", [], { type: "array", minItems: 1 }],
    ["it is not of type string", ["a", 1], { type: "array", items: { type: "string" } }],
    ["it is not of type string", [1, "up"], PAIR],
    ["it is not one of the allowed values", ["a", "left"], PAIR],
    ["it is not of type number", ["a", "up", 1, "b"], PAIR],
    ["x is missing in it", {}, { type: "object", required: ["x"] }],
    ["it is not of type number", { x: "1" }, { type: "object", properties: { x: { type: "number" } } }],
    ["it matches no alternative", true, { anyOf: [{ type: "string" }, { type: "null" }] }],
  ])("is reported with the reason: %s, %j", (why, value, schema) => {
    expect(objectionTo(value, schema)).toBe(why);
  });

  it.each<[unknown, CheckedSchema]>([
    ["anything", {}],
    [0.3, { type: "number", multipleOf: 0.1, minimum: 0.3, maximum: 0.3 }],
    [2.0, { type: "integer" }],
    ["🏝🏝", { type: "string", maxLength: 2 }],
    [null, { type: "string", nullable: true }],
    [null, { anyOf: [{ type: "string" }, { type: "null" }] }],
    [{ a: 1, b: [2] }, { enum: [{ b: [2], a: 1 }] }],
    ["a", { type: "url" }],
    [["a", "up", 1], PAIR],
    [["a"], PAIR],
    [["a", 1], { prefixItems: [{ type: "string" }], items: false }],
    ["a", { type: "string", pattern: "^(a+)+b$", format: "uri" }],
  ])("is not reported when the violation is not certain: %j, %j", (value, schema) => {
    expect(objectionTo(value, schema)).toBeUndefined();
  });
});

describe("a schema merged from allOf", () => {
  const root = {
    Size: { type: "string", enum: ["small", "large"] },
    Choice: { enum: ["small", "large"] },
    Named: { properties: { name: { type: "string" } }, required: ["name"] },
  };
  const of = (name: string): CheckedSchema => ({ allOf: [{ $ref: `#/${name}` }], default: "small" });

  it.each(["Size", "Choice"])("is not an object when no part of it is one: %s", (name) => {
    const schema = inlined(of(name), root);
    expect(objectionTo("small", schema)).toBeUndefined();
    expect(objectionTo("huge", schema)).toBe("it is not one of the allowed values");
  });

  it("has the fields of its parts", () => {
    expect(objectionTo("small", inlined(of("Named"), root))).toBe("it is not of type object");
    expect(objectionTo({}, inlined(of("Named"), root))).toBe("name is missing in it");
  });
});

it("resolves the references of a tuple's entries", () => {
  const root = { Side: { enum: ["up", "down"] } };
  const schema = inlined({ prefixItems: [{ $ref: "#/Side" }] }, root);
  expect(objectionTo(["left"], schema)).toBe("it is not one of the allowed values");
});

it("finds the defaults at every level of a field", () => {
  const inner = { type: "string", default: "red" };
  const schema = {
    type: "object",
    properties: { colours: { type: "array", items: inner }, default: { anyOf: [inner, { type: "null" }] } },
    prefixItems: [{}, inner],
    default: {},
  };
  expect(fitDefaultsOf("style", schema)).toEqual([
    { path: "style", schema },
    { path: "style.colours[]", schema: inner },
    { path: "style.default", schema: inner },
    { path: "style[1]", schema: inner },
  ]);
});
