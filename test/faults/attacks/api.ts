import { z } from "zod";
import { defineApi, price, resource } from "../../../schema/index.ts";

/** The five kinds of call. */
export const KINDS = ["free", "syncAfter", "syncBefore", "jobAfter", "jobBefore"] as const;
export type Kind = (typeof KINDS)[number];

/** In US dollars. */
const PRICES = {
  free: "0.00",
  syncAfter: "0.01",
  syncBefore: "0.02",
  jobAfter: "0.05",
  jobBefore: "0.03",
} as const satisfies Record<Kind, string>;

export const pathOf = (kind: Kind): string => `/v1/${kind.toLowerCase()}`;
export const isJob = (kind: Kind): boolean => kind.startsWith("job");
export const isChargedBefore = (kind: Kind): boolean => kind.endsWith("Before");

/** Called for every validation of an input, with its `item`. What it throws, the schema throws. */
export const schemaHook: { onValidate: (item: string) => void } = { onValidate: () => {} };

const item = z
  .string()
  .max(80)
  .describe("What to make.")
  .refine((value) => {
    schemaHook.onValidate(value);
    return true;
  });

function one(kind: Kind) {
  return resource({
    summary: `Make something: ${kind}.`,
    input: z.object({ item }),
    output: z.object({ item: z.string().describe("What it is.") }),
    price: kind === "free" ? price.free() : price.fixed(PRICES[kind], { per: "item" }),
    ...(isJob(kind) ? { job: { timeout: "20s", retention: "24h" } } : { timeout: "10s" }),
    ...(kind === "free" ? {} : { charge: isChargedBefore(kind) ? "before" : "after" }),
    errors: { sold_out: "There are none left." },
  } as never);
}

export const api = defineApi({
  title: "Attacks",
  version: "1.0.0",
  description: "One resource of each kind of call.",
  resources: Object.fromEntries(KINDS.map((kind) => [kind, one(kind)])),
});

/** What the compiler would write, as far as the server reads it. */
export const documents = Object.fromEntries(
  KINDS.map((kind) => [kind, { method: "POST" as const, path: pathOf(kind), maxPrice: PRICES[kind] }]),
);

/** What a generated client knows about a resource. */
export const definitionOf = (kind: Kind) => ({
  name: kind as string,
  method: "POST" as const,
  path: pathOf(kind),
  price: kind === "free" ? price.free() : price.fixed(PRICES[kind], { per: "item" }),
});
