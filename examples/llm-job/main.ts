import { evmPayer } from "resource402/evm";
import { startWorld } from "resource402/testing";
import { createClient } from "./client.gen.ts";
import { openHook } from "./hook.ts";
import { openMill } from "./server.ts";

const world = await startWorld();
const mill = await openMill({
  payments: {
    accepts: [{ network: world.network, payTo: world.seller.address }],
    facilitator: world.facilitator,
    refunds: { account: world.seller },
  },
  isLocal: true,
});
const hook = await openHook();
const client = createClient({ baseUrl: mill.url, payer: evmPayer(world.buyer), budget: { perCall: "0.05" } });

const order = { prompt: "a lighthouse in a storm", model: "large", maxTokens: 120 } as const;
console.log("quote:", client.complete.quote(order), "dollars");

const job = await client.complete.start(order, { callbackUrl: hook.url });
const callback = hook.ended(job.id, job.webhookSecret ?? "");

// Streamed: the text while it is written.
for await (const { progress, message = "" } of job) console.log(`${String(progress).padStart(3)} %`, message);

// Notified: the same job, as the seller has posted and signed it.
const { state, paymentState, result } = await callback;
console.log("callback:", state, paymentState, result);

hook.close();
await mill.close(0);
await world.stop();
