import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startWorld } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { openStudio } from "../studio/server.ts";

const out = fileURLToPath(new URL("./out/", import.meta.url));
await mkdir(out, { recursive: true });
const folder = await mkdtemp(join(out, "run-"));
const world = await startWorld();
const key = generatePrivateKey();
await world.fund(privateKeyToAccount(key).address, "1");
const studio = await openStudio(
  { accepts: [{ network: world.network, payTo: world.seller.address }], facilitator: world.facilitator },
  join(folder, "studio.db"),
);

/** Runs the script; kills it with SIGKILL as soon as it prints `killAt`. */
async function run(killAt?: string): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./buy.ts", import.meta.url))], {
    env: { ...process.env, API_URL: studio.url, WALLET_KEY: key, FOLDER: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log("  ", line);
    if (killAt !== undefined && line.startsWith(killAt)) child.kill("SIGKILL");
  });
  const [code, signal] = await once(child, "close");
  console.log("   ended:", signal ?? code);
}

console.log("First run, killed after it has signed its second payment:");
await run("signed poster/back");
console.log("Second run:");
await run();
console.log("The seller has", await world.balanceOf(world.seller.address), "millionths of a dollar.");

await studio.close(0);
await world.stop();
