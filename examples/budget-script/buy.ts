import { join } from "node:path";
import { isResourceError } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { fileCalls } from "resource402/node";
import { privateKeyToAccount } from "viem/accounts";
import { createClient } from "../studio/client.gen.ts";
import type { GenerateImageInput } from "../studio/types.gen.ts";
import orders from "./orders.json" with { type: "json" };
import { dollars, millionths, openResults } from "./results.ts";

/** In US dollars. */
const MAX_PER_CALL = "0.10";
const { API_URL = "", WALLET_KEY = "", FOLDER = "", BUDGET = "0.25" } = process.env;

const results = await openResults(join(FOLDER, "results"));
// What earlier runs have paid is gone. Payments that they left open are in `calls`, and the client counts those.
const left = Math.max(0, millionths(BUDGET) - results.paid());
const client = createClient({
  baseUrl: API_URL,
  payer: evmPayer(privateKeyToAccount(WALLET_KEY as `0x${string}`)),
  budget: { perCall: MAX_PER_CALL, total: dollars(left) },
  calls: fileCalls(join(FOLDER, "calls")),
  onEvent: (event) => {
    if (event.type === "signed") console.log(`signed ${event.idempotencyKey} for $${event.usd}`);
  },
});

const open = await client.pending();
console.log(`$${dollars(left)} left, ${open.length} open payments`);

for (const { name, input } of orders as { name: string; input: GenerateImageInput }[]) {
  if (results.has(name)) continue;
  // The same key in every run: a call that was signed before is sent again with the same signature.
  const idempotencyKey = `poster/${name}`;
  // A price that only the server can tell counts as the most that it may be.
  const price = client.generateImage.quote(input) ?? MAX_PER_CALL;
  try {
    const { imageUrl } = await client.generateImage(input, { idempotencyKey });
    await results.save(name, { paid: price, imageUrl });
    console.log(`bought ${name}`);
  } catch (error) {
    if (!isResourceError(error)) throw error;
    if (error.code === "failed") {
      const paid = error.charged === "no" ? "0" : price;
      await results.save(name, { paid, failed: error.failure ?? error.message });
      console.log(`failed ${name}: ${error.message}`);
    } else {
      // Over the budget, or no connection: nothing is lost, and the next run continues here.
      console.log(`stopped at ${name}: ${error.code} ${error.reason ?? ""}`);
      process.exitCode = 1;
      break;
    }
  }
}
console.log(`paid $${dollars(results.paid())}`);
