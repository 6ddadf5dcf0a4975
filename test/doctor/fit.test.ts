import { describe, expect, it } from "vitest";
import { defaultsOf, objectionTo } from "../../src/doctor/fit.ts";
import type { JsonSchema } from "../../src/doctor/schema.ts";

describe("a value that does not fit its schema", () => {
  it.each<[string, unknown, JsonSchema]>([
    ["it is none of the choices", "huge", { type: "string", enum: ["small", "large"] }],
    ["it is none of the choices", { a: 1 }, { const: "a" }],
    ["it is not of type integer", "3", { type: "integer" }],
    ["it is not of type integer", 1.5, { type: "integer" }],
    ["it is not of type string or boolean", null, { type: ["string", "boolean"] }],
    ["it is below the minimum of 1", 0, { type: "integer", minimum: 1 }],
    ["it is above the maximum of 3", 5, { type: "integer", maximum: 3 }],
    ["it is not above 0", 0, { type: "number", exclusiveMinimum: 0 }],
    ["it is not below 1", 1, { type: "number", maximum: 1, exclusiveMaximum: true }],
    ["it is no multiple of 64", 100, { type: "integer", multipleOf: 64 }],
    ["maxLength is 2", "abc", { type: "string", maxLength: 2 }],
    ["minItems is 1", [], { type: "array", minItems: 1 }],
    ["it is not of type string", ["a", 1], { type: "array", items: { type: "string" } }],
    ["x is missing in it", {}, { type: "object", required: ["x"] }],
    ["it is not of type number", { x: "1" }, { type: "object", properties: { x: { type: "number" } } }],
    ["it fits no alternative", true, { anyOf: [{ type: "string" }, { type: "null" }] }],
  ])("is told why: %s, %j", (why, value, schema) => {
    expect(objectionTo(value, schema)).toBe(why);
  });

  it.each<[unknown, JsonSchema]>([
    ["anything", {}],
    [0.3, { type: "number", multipleOf: 0.1, minimum: 0.3, maximum: 0.3 }],
    [2.0, { type: "integer" }],
    ["🏝🏝", { type: "string", maxLength: 2 }],
    [null, { type: "string", nullable: true }],
    [null, { anyOf: [{ type: "string" }, { type: "null" }] }],
    [{ a: 1, b: [2] }, { enum: [{ b: [2], a: 1 }] }],
    ["a", { type: "url" }],
    ["a", { type: "string", pattern: "^(a+)+b$", format: "uri" }],
  ])("is not suspected where that is not certain: %j, %j", (value, schema) => {
    expect(objectionTo(value, schema)).toBeUndefined();
  });
});

it("defaults are found wherever they stand in a field", () => {
  const inner = { type: "string", default: "red" };
  const schema = {
    type: "object",
    properties: { colours: { type: "array", items: inner }, default: { anyOf: [inner, { type: "null" }] } },
    default: {},
  };
  expect(defaultsOf("style", schema)).toEqual([
    { path: "style", schema },
    { path: "style.colours[]", schema: inner },
    { path: "style.default", schema: inner },
  ]);
});
