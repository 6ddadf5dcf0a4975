import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { startWorld } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { openStudio } from "../studio/server.ts";
import { runAgent } from "./agent.ts";

const out = fileURLToPath(new URL("./out/", import.meta.url));
await mkdir(out, { recursive: true });
const world = await startWorld();
const key = generatePrivateKey();
await world.fund(privateKeyToAccount(key).address, "1");
const studio = await openStudio(
  { accepts: [{ network: world.network, payTo: world.seller.address }], facilitator: world.facilitator },
  join(out, `studio-${process.pid}.db`),
);

// The same command as in the settings of an agent. The wallet's key is in its environment, never with the model.
const server = new StdioClientTransport({
  command: "npx",
  args: ["resource402", "mcp", studio.url, "--budget", "0.05"],
  env: { PATH: process.env.PATH ?? "", RESOURCE402_WALLET_KEY: key },
});
console.log(await runAgent(server, console.log));
console.log("The seller has", await world.balanceOf(world.seller.address), "millionths of a dollar.");

await studio.close(0);
await world.stop();
