import { createHash } from "node:crypto";
import { type ApiDefinition, defineApi, price, resource } from "resource402";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { definitionText } from "../../schema/definition-text.ts";
import { checkGenerated, DEV_MARK } from "../../src/server/generated.ts";

const input = z.object({
  text: z.string().max(9).describe("What."),
  size: z.int().default(1).describe("Size."),
});
const output = z.object({ text: z.string().describe("The same.") });
const sold = { summary: "Say it.", input, output, price: price.fixed("0.01", { per: "call" }) } as const;

/** A new definition each time, as a new process makes it. */
const apiOf = (changes: object = {}, head: object = {}): ApiDefinition =>
  defineApi({
    title: "Words",
    version: "1.0.0",
    description: "Words.",
    resources: { say: resource({ ...sold, ...changes }) },
    ...head,
  });

const hashOf = (api: ApiDefinition): string => createHash("sha256").update(definitionText(api)).digest("hex");
const start = (api: ApiDefinition, generatedFrom = hashOf(apiOf())) => checkGenerated(api, generatedFrom);
const CHANGED = /server\.gen\.ts .*`npx resource402 generate`/;
const job = { timeout: "1m" } as const;

afterEach(() => {
  Reflect.deleteProperty(globalThis, DEV_MARK);
});

describe("a server does not start when its definition has changed since its code was generated", () => {
  it.each([
    ["a price", { price: price.fixed("0.02", { per: "call" }) }],
    ["a unit", { price: price.fixed("0.01", { per: "word" }) }],
    ["a summary", { summary: "Say it again." }],
    ["a method", { method: "GET" }],
    ["a path", { path: "/v1/other" }],
    ["a time-out", { timeout: "5s" }],
    ["a cache", { cache: "1h" }],
    ["a job", { job }],
    ["when it is charged", { charge: "before" }],
    ["an error", { errors: { odd: "It is odd." } }],
    ["a tag", { tags: ["Words"] }],
    ["an example", { examples: [{ input: { text: "a" }, output: { text: "a" } }] }],
    ["a new field", { input: input.extend({ more: z.string().optional().describe("More.") }) }],
    ["a limit of a field", { input: input.extend({ text: z.string().max(8).describe("What.") }) }],
    ["the text of a field", { input: input.extend({ text: z.string().max(9).describe("Which.") }) }],
    ["a default", { input: input.extend({ size: z.int().default(2).describe("Size.") }) }],
    ["a field of the output", { output: output.extend({ more: z.string().describe("More.") }) }],
  ])("(%s)", (_, changes) => {
    expect(() => start(apiOf(changes))).toThrow(CHANGED);
  });

  it.each([
    ["its title", { title: "Other" }],
    ["its version", { version: "1.0.1" }],
    ["another resource", { resources: { say: resource(sold), shout: resource(sold) } }],
    ["another name", { resources: { shout: resource(sold) } }],
  ])("(%s)", (_, head) => {
    expect(() => start(apiOf({}, head))).toThrow(CHANGED);
  });

  it("(the policy for cancellation)", () => {
    const generatedFrom = hashOf(apiOf({ job, cancel: "refund" }));
    expect(() => start(apiOf({ job, cancel: "keep" }), generatedFrom)).toThrow(CHANGED);
  });
});

describe("a server starts", () => {
  it.each([
    ["when nothing has changed", {}],
    ["when only private costs have changed", { costs: { compute: "0.001" } }],
    ["when only what may be logged has changed", { loggable: ["text"] }],
  ])("%s", (_, changes) => {
    expect(() => start(apiOf(changes))).not.toThrow();
  });

  it("when only limits of the running server have changed", () => {
    const generatedFrom = hashOf(apiOf({ job }));
    expect(() =>
      start(apiOf({ job: { ...job, concurrency: 2, maxQueued: 5 } }), generatedFrom),
    ).not.toThrow();
  });

  it("when members are written in another order", () => {
    const { price, output, input, summary } = sold;
    const reordered = { resources: { say: resource({ price, output, input, summary }) } };
    expect(() => start(apiOf({}, reordered))).not.toThrow();
  });

  it("when a default is an id or a time of its own for each call", () => {
    const volatile = () => ({
      input: z.object({
        id: z
          .string()
          .default(() => crypto.randomUUID())
          .describe("Names it."),
        at: z
          .number()
          .default(() => Date.now())
          .describe("When."),
      }),
    });
    const generatedFrom = hashOf(apiOf(volatile()));
    const until = Date.now() + 5;
    while (Date.now() < until);
    expect(() => start(apiOf(volatile()), generatedFrom)).not.toThrow();
  });

  it("when a schema holds what JSON Schema cannot, or comes from a library that describes nothing", () => {
    const odd = {
      input: z.object({ at: z.date().describe("When."), n: z.bigint().default(3n).describe("N.") }),
    };
    expect(() => start(apiOf(odd), hashOf(apiOf(odd)))).not.toThrow();
    const plain = { "~standard": { version: 1, vendor: "plain", validate: (value: unknown) => ({ value }) } };
    expect(() => start(apiOf({ input: plain }), hashOf(apiOf({ input: plain })))).not.toThrow();
  });

  it("when its code has no hash", () => {
    expect(() => checkGenerated(apiOf(), undefined)).not.toThrow();
  });

  it("under `resource402 dev`, which generates again itself", () => {
    Object.assign(globalThis, { [DEV_MARK]: true });
    expect(() => start(apiOf({ summary: "Changed." }))).not.toThrow();
  });
});
