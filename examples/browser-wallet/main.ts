import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startWorld } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { openStudio } from "../studio/server.ts";
import { openSite } from "./site.ts";

const out = fileURLToPath(new URL("./out/", import.meta.url));
await mkdir(out, { recursive: true });
const world = await startWorld();
const key = generatePrivateKey();
await world.fund(privateKeyToAccount(key).address, "5");
const studio = await openStudio(
  { accepts: [{ network: world.network, payTo: world.seller.address }], facilitator: world.facilitator },
  join(out, `studio-${process.pid}.db`),
);
const site = await openSite(studio.url);

console.log(`Open ${site.url} in a browser with a wallet.`);
console.log(`Import this throw-away key into the wallet: ${key}. It holds 5 USDC of a test chain.`);
console.log("Ctrl-C ends it.");
process.once("SIGINT", () => {
  site.close();
  void studio.close(0).then(() => world.stop());
});
