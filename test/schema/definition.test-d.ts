import { price, resource } from "resource402";
import { describe, it } from "vitest";
import { z } from "zod";
import * as z3 from "zod/v3";

const input = z.object({
  prompt: z.string().max(10),
  quality: z.enum(["draft", "standard", "high"]).default("standard"),
  count: z.number().int().default(1),
  large: z.boolean().default(false),
  scale: z.union([z.literal(2), z.literal(4)]),
  style: z.enum(["a", "b"]).optional(),
  tags: z.array(z.string()).optional(),
});
const output = z.object({ url: z.string() });
const base = { summary: "Draw.", input, output };
const perImage = { per: "image" };

describe("a definition that holds together compiles", () => {
  it("for every kind of price", () => {
    resource({ ...base, price: price.fixed("0.01", perImage) });
    resource({
      ...base,
      price: price.byChoice("quality", { draft: "0.02", standard: "0.05", high: "0.10" }, perImage),
    });
    resource({ ...base, price: price.byChoice("scale", { 2: "0.02", 4: "0.05" }, perImage) });
    resource({ ...base, price: price.byChoice("large", { true: "0.02", false: "0.05" }, perImage) });
    resource({ ...base, price: price.perUnit("prompt", "0.0001", { per: "character" }) });
    resource({ ...base, price: price.perUnit("tags", "0.01") });
    resource({ ...base, price: price.sum(price.fixed("0.01", perImage), price.perUnit("count", "0.01")) });
    resource({
      ...base,
      price: price.sum(
        price.byChoice("large", { true: "0.02", false: "0.05" }, perImage),
        price.perUnit("count", "0.01"),
      ),
    });
    resource({ ...base, price: price.quoted({ min: "0.01", max: "1", per: "image" }) });
    resource({ ...base, price: price.free() });
  });

  it("with zod 3 schemas", () => {
    const old = z3.object({ mode: z3.enum(["x", "y"]).default("x") });
    resource({
      summary: "",
      input: old,
      output,
      price: price.byChoice("mode", { x: "1", y: "2" }, perImage),
    });
    // @ts-expect-error the table has no row for y
    resource({ summary: "", input: old, output, price: price.byChoice("mode", { x: "1" }, perImage) });
  });

  it("with a cache, free or paid", () => {
    resource({ ...base, price: price.free(), cache: "1h" });
    resource({ ...base, price: price.fixed("0.01", perImage), cache: "1h" });
  });

  it("with input fields that may be logged", () => {
    resource({ ...base, price: price.free(), loggable: ["quality", "count"] });
  });

  it("with output fields named for the status document", () => {
    resource({ ...base, price: price.free(), job: { timeout: "1m", artifactUrl: "url" } });
  });
});

describe("a definition that does not hold together does not compile", () => {
  it("when a table misses a choice", () => {
    // @ts-expect-error no row for high
    resource({ ...base, price: price.byChoice("quality", { draft: "0.02", standard: "0.05" }, perImage) });
  });
  it("when a table has a row for a choice that does not exist", () => {
    const table = { draft: "1", standard: "1", high: "1", ultra: "1" } as const;
    // @ts-expect-error ultra is not a quality
    resource({ ...base, price: price.byChoice("quality", table, perImage) });
  });
  it("when a price looks at a field that does not exist", () => {
    const table = { draft: "1", standard: "1", high: "1" } as const;
    // @ts-expect-error misspelt
    resource({ ...base, price: price.byChoice("qualty", table, perImage) });
    // @ts-expect-error misspelt
    resource({ ...base, price: price.perUnit("promt", "0.1") });
    // @ts-expect-error misspelt inside a sum
    resource({ ...base, price: price.sum(price.fixed("1", perImage), price.perUnit("promt", "0.1")) });
  });
  it("when a price looks at a field of the wrong kind", () => {
    // @ts-expect-error free text has no closed set of choices
    resource({ ...base, price: price.byChoice("prompt", { a: "0.02" }, perImage) });
    // @ts-expect-error a boolean cannot be counted
    resource({ ...base, price: price.perUnit("large", "0.1") });
    // @ts-expect-error an optional choice may be absent: give it a default
    resource({ ...base, price: price.byChoice("style", { a: "1", b: "2" }, perImage) });
  });
  it("when a price is not a decimal", () => {
    // @ts-expect-error words
    resource({ ...base, price: price.fixed("ten cents", perImage) });
    // @ts-expect-error a dollar sign
    resource({ ...base, price: price.fixed("$0.10", perImage) });
    // @ts-expect-error a float
    resource({ ...base, price: price.fixed(0.1, perImage) });
  });
  it("when the input is not an object", () => {
    // @ts-expect-error a string
    resource({ summary: "", input: z.string(), output, price: price.free() });
    // @ts-expect-error a list
    resource({ summary: "", input: z.array(z.string()), output, price: price.free() });
  });
  it("when a duration has no unit", () => {
    // @ts-expect-error 30 what?
    resource({ ...base, price: price.free(), timeout: "30" });
  });
  it("when a job's answers are to be given again", () => {
    // @ts-expect-error a job keeps its result anyway
    resource({ ...base, price: price.free(), cache: "1h", job: { timeout: "1m" } });
  });
  it("when a synchronous resource has a policy for cancellation", () => {
    resource({ ...base, price: price.free(), job: { timeout: "1m" }, cancel: "forbid" });
    // @ts-expect-error only a job can be canceled
    resource({ ...base, price: price.free(), cancel: "forbid" });
    // @ts-expect-error misspelt
    resource({ ...base, price: price.free(), job: { timeout: "1m" }, cancel: "forbidden" });
  });
  it("when it makes a cached response of a paid resource free or public", () => {
    // @ts-expect-error a cached response is charged
    resource({ ...base, price: price.fixed("0.01", perImage), cache: "1h", cacheIsFree: true });
    // @ts-expect-error a cached response is private to its payer
    resource({ ...base, price: price.fixed("0.01", perImage), cache: "1h", cacheIsPublic: true });
  });
  it("when a field is to be logged that the input does not have", () => {
    // @ts-expect-error misspelt
    resource({ ...base, price: price.free(), loggable: ["promt"] });
  });
  it("when a status field is named that the output does not have", () => {
    // @ts-expect-error the output has url
    resource({ ...base, price: price.free(), job: { timeout: "1m", artifactUrl: "uri" } });
  });
});
