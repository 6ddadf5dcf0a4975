import { z } from "zod";
import { defineApi, price, resource } from "../../schema/index.ts";
import { listen } from "../../src/runtime/index.ts";
import { serve } from "../../src/server/index.ts";

/** Starts a server: facilitator, port, and network if it is another than Base. */
const [facilitator = "", port = "", network = "eip155:8453"] = process.argv.slice(2);
const shape = z.object({ text: z.string() });
const say = resource({
  summary: "Say.",
  input: shape,
  output: shape,
  price: price.fixed("0.01", { per: "word" }),
});
const api = defineApi({ title: "T", version: "1.0.0", description: "D.", resources: { say } });
const documents = { say: { method: "POST", path: "/v1/say", maxPrice: "0.01" } } as const;
const server = serve(api, documents, {
  handlers: { say: (input: object) => input },
  payments: {
    accepts: [{ network: network as "eip155:8453", payTo: "0x0000000000000000000000000000000000000402" }],
    facilitator,
  },
  log: "error",
});
await listen(server, { port: Number(port), hostname: "127.0.0.1" });
