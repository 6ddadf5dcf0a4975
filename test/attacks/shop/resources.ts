import { defineApi, price, resource } from "resource402";
import { z } from "zod";

const output = z.object({ ok: z.boolean().describe("Always true.") });
const line = z.object({
  from: z.string().describe("Payer."),
  to: z.string().describe("Payee."),
  amount: z.number().describe("Cents."),
});
const cent = price.fixed("0.01", { per: "call" });
const text = z.string().max(200).describe("Any text.");
const name = z.object({ name: z.string().max(200).describe("Any name.") });

/** What a careless seller writes: lists and records without a limit. Every version of resource402 can compile it. */
export default defineApi({
  title: "Attacked",
  version: "1.0.0",
  description: "Inputs of all kinds.",
  resources: {
    ledger: resource({
      summary: "Take a list.",
      input: z.object({ entries: z.array(line).describe("Lines.") }),
      output,
      price: cent,
    }),
    short: resource({
      summary: "Take a list that has a limit.",
      input: z.object({ entries: z.array(line).max(1_000).describe("Lines.") }),
      output,
      price: cent,
    }),
    values: resource({
      summary: "Take a record.",
      input: z.object({ values: z.record(z.string(), z.number()).describe("Numbers by name.") }),
      output,
      price: cent,
    }),
    mixed: resource({
      summary: "Take a list of two kinds.",
      input: z.object({
        entries: z
          .array(
            z.union([z.object({ a: z.string().describe("A.") }), z.object({ b: z.number().describe("B.") })]),
          )
          .describe("Of two kinds."),
      }),
      output,
      price: cent,
    }),
    caption: resource({
      summary: "Take a text.",
      input: z.object({ text, tags: z.array(text).max(3).optional().describe("Tags.") }),
      output,
      price: cent,
    }),
    item: resource({
      summary: "Take a part of the address.",
      method: "GET",
      path: "/v1/items/:id",
      input: z.object({ id: text }),
      output,
      price: cent,
    }),
    anything: resource({
      summary: "Take any value.",
      input: z.object({ value: z.any().describe("Any value.") }),
      output,
      price: price.free(),
    }),
    echo: resource({
      summary: "Return a text.",
      input: z.object({ text: z.string().max(600_000).describe("A long text.") }),
      output: z.object({ text: z.string().describe("The same text.") }),
      price: price.free(),
    }),
    quoted: resource({
      summary: "Ask the seller for a price.",
      input: name,
      output,
      price: price.quoted({ min: "0.01", max: "0.50", per: "run" }),
    }),
    draft: resource({
      summary: "Draw for nothing.",
      input: name,
      output,
      price: price.free(),
      job: { timeout: "60s", retention: "1h" },
    }),
    image: resource({
      summary: "Draw.",
      input: name,
      output,
      price: price.fixed("0.02", { per: "picture" }),
      job: { timeout: "60s", retention: "1h" },
    }),
  },
});
