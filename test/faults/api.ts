import { z } from "zod";
import { defineApi, price, resource } from "../../schema/index.ts";
import type { CallDefinition } from "../../src/client/definition.ts";
import type { Documents } from "../../src/server/resource.ts";

/** The four ways in which a call is answered and charged. */
export const RESOURCES = ["syncAfter", "syncBefore", "jobBefore", "jobAfter"] as const;
export type ResourceName = (typeof RESOURCES)[number];

/** What each costs: all differ, so that a sum tells which. In US dollars. */
export const PRICES = { syncAfter: "0.01", syncBefore: "0.02", jobBefore: "0.03", jobAfter: "0.05" } as const;

export const PATHS = {
  syncAfter: "/v1/sync-after",
  syncBefore: "/v1/sync-before",
  jobBefore: "/v1/job-before",
  jobAfter: "/v1/job-after",
} as const satisfies Record<ResourceName, string>;

export const isJob = (name: ResourceName): boolean => name.startsWith("job");
export const chargeOf = (name: ResourceName): "before" | "after" =>
  name.endsWith("After") ? "after" : "before";
export const atomicPrice = (name: ResourceName): bigint =>
  BigInt(Math.round(Number(PRICES[name]) * 1_000_000));

/** `item` names the purchase; `serial` is a new number for every run of a handler. */
export interface Made {
  readonly item: string;
  readonly serial: number;
}

function one<Name extends ResourceName>(name: Name) {
  return resource({
    summary: `Make something: ${name}.`,
    input: z.object({ item: z.string().max(80).describe("What to make.") }),
    output: z.object({ item: z.string().describe("What it is."), serial: z.number().describe("Which one.") }),
    price: price.fixed(PRICES[name], { per: "item" }),
    ...(isJob(name) ? { job: { timeout: "30s", retention: "24h" } } : { timeout: "10s" }),
    charge: chargeOf(name),
    errors: { sold_out: "There are none left." },
  } as never);
}

export const api = defineApi({
  title: "Faults",
  version: "1.0.0",
  description: "One resource of each way to answer and to charge.",
  resources: {
    syncAfter: one("syncAfter"),
    syncBefore: one("syncBefore"),
    jobBefore: one("jobBefore"),
    jobAfter: one("jobAfter"),
  },
});

/** What the compiler would write, as far as the server reads it. */
export const documents: Documents = Object.fromEntries(
  RESOURCES.map((name) => [
    name,
    {
      method: "POST" as const,
      path: PATHS[name],
      maxPrice: PRICES[name],
    },
  ]),
);

export const definitionOf = (name: ResourceName): CallDefinition => ({
  name,
  method: "POST",
  path: PATHS[name],
  price: { kind: "fixed", usd: PRICES[name], per: "item" },
});
