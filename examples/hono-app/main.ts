import { serve } from "@hono/node-server";
import { evmPayer } from "resource402/evm";
import { startWorld } from "resource402/testing";
import { createApp } from "./app.ts";
import { createClient } from "./client.gen.ts";

const world = await startWorld();
const { app, archive } = createApp({
  accepts: [{ network: world.network, payTo: world.seller.address }],
  facilitator: world.facilitator,
});
await archive.start();
const { url, close } = await new Promise<{ url: string; close(): void }>((resolve) => {
  const node = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
    resolve({ url: `http://127.0.0.1:${port}`, close: () => node.close() }),
  );
});

console.log("free:", await (await fetch(`${url}/forecast`)).json());
console.log("unpaid:", (await fetch(`${url}/archive/days/2026-03-31`)).status);

const client = createClient({ baseUrl: `${url}/archive`, payer: evmPayer(world.buyer) });
console.log("paid:", await client.day({ date: "2026-03-31", station: "summit" }));
console.log("the seller has", await world.balanceOf(world.seller.address), "millionths of a dollar");

close();
await archive.stop();
await world.stop();
