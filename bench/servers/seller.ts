import { z } from "zod";
import { compile } from "../../codegen/compile.ts";
import { descriptions } from "../../codegen/discovery.ts";
import { defineApi, price, resource } from "../../dist/index.js";
import { listen } from "../../dist/node.js";
import { type ChainRecord, type Server, type Store, serve } from "../../dist/server.js";
import { stubFacilitator } from "./facilitator.ts";
import { report } from "./report.ts";
import { NETWORK, OUTPUT, PATH, PAY_TO, PRICE, SUMMARY } from "./route.ts";

const api = defineApi({
  title: "Bench",
  version: "1.0.0",
  description: "One paid route.",
  resources: {
    caption: resource({
      summary: SUMMARY,
      input: z.object({
        imageUrl: z.url().describe("Public URL of the image."),
        tone: z.enum(["plain", "witty"]).default("plain").describe("Style of the sentence."),
      }),
      output: z.object({ caption: z.string().describe("One sentence.") }),
      price: price.fixed(PRICE, { per: "caption" }),
    }),
  },
});

// As the compiler writes it.
const documents = {
  caption: {
    method: "POST",
    path: PATH,
    maxPrice: PRICE,
  },
} as const;

/** The record of a chain, which nothing asks here: with it a receipt need not be on the disk before the response. */
const chain: ChainRecord = { lookUp: async () => undefined, covers: () => true };

/** Serves the one route, on a free port of 127.0.0.1. */
export async function sell(store: Store): Promise<void> {
  const { port } = await listen(await seller(store), { hostname: "127.0.0.1", port: 0 });
  report(port);
}

export async function seller(store: Store): Promise<Server> {
  const compilation = await compile(api);
  if ("mistakes" in compilation) throw new Error(JSON.stringify(compilation.mistakes));
  const described = JSON.stringify(descriptions(compilation.model));
  return serve(
    api,
    documents,
    {
      handlers: { caption: () => OUTPUT },
      payments: { accepts: [{ network: NETWORK, payTo: PAY_TO }], facilitator: stubFacilitator, chain },
      store,
      // The peers write no line per request either.
      log: "warn",
    },
    async () => ({ openapi: "", llms: "", docs: "", described }),
  );
}
