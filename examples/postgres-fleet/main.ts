import { type ChildProcess, spawn } from "node:child_process";
import { env } from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { evmPayer } from "resource402/evm";
import { startWorld } from "resource402/testing";
import { createClient } from "./client.gen.ts";

if (!env.DATABASE_URL)
  throw new Error('Set DATABASE_URL, such as "postgres://user:password@localhost/test".');

const world = await startWorld();
const facilitator = await world.startFacilitatorServer();
const children: ChildProcess[] = [];
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
process.once("SIGTERM", () => process.exit(1));

/** Starts one process of the fleet. Resolves with its address when it is ready. */
function start(name: string, role: "api" | "worker"): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(new URL("./server.ts", import.meta.url))],
    {
      env: {
        ...env,
        ...{ ROLE: role, WORKER: name, FACILITATOR_URL: facilitator.url, PAY_TO: world.seller.address },
        ...{ RPC_URL: world.rpcUrl, LEASE_MS: "3000" },
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  children.push(child);
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => {
      console.log(`${name}: ${line}`);
      resolve({ child, url: line.split(" ").at(-1) ?? "" });
    });
    child.once("exit", (code, signal) => reject(new Error(`${name} ended with ${signal ?? code}`)));
  });
}

const [api1, api2, worker1, worker2] = await Promise.all([
  start("api-1", "api"),
  start("api-2", "api"),
  start("worker-1", "worker"),
  start("worker-2", "worker"),
]);
const workers = new Map([
  ["worker-1", worker1.child],
  ["worker-2", worker2.child],
]);

const client = createClient({ baseUrl: api1.url, payer: evmPayer(world.buyer) });
const job = await client.render.start({ title: "a lighthouse", frames: 40 });
console.log(`bought ${job.id} from api-1`);

let isKilled = false;
for await (const { message = "" } of job) {
  const name = message.split(" by ")[1] ?? "";
  if (isKilled || !message.startsWith("frame ") || !workers.has(name)) continue;
  isKilled = true;
  console.log(`${message}: killing ${name}`);
  workers.get(name)?.kill("SIGKILL");
}

const { frames, renderedBy, attempt } = await job.result();
console.log(`result: ${frames} frames by ${renderedBy}, attempt ${attempt}`);
const elsewhere = await (await fetch(`${api2.url}/v1/jobs/${job.id}`)).json();
console.log(`api-2 reports: ${elsewhere.state}, ${elsewhere.paymentState}`);
console.log(`the seller has ${await world.balanceOf(world.seller.address)} millionths of a dollar`);

await world.stop();
process.exit();
