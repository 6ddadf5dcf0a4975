// A buyer in a process of its own, to be killed: `node buyer.ts <baseUrl> <private key> <directory> <echo|render|resume>`.
// It keeps its calls in the directory, and says on one line how it ended.

import { privateKeyToAccount } from "viem/accounts";
import { evmPayer } from "../../src/client/evm.ts";
import { connect, isResourceError } from "../../src/client/index.ts";
import { fileCalls } from "../../src/runtime/calls.ts";

const [baseUrl = "", key = "", directory = "", what = ""] = process.argv.slice(2);
const { resource, jobResource, pending } = connect({
  baseUrl,
  payer: evmPayer(privateKeyToAccount(key as `0x${string}`)),
  calls: fileCalls(directory),
});
const echo = resource({
  name: "echo",
  method: "POST",
  path: "/v1/echo",
  price: { kind: "fixed", usd: "0.01", per: "text" },
});
const render = jobResource({
  name: "render",
  method: "POST",
  path: "/v1/render",
  price: { kind: "fixed", usd: "0.10", per: "picture" },
});

async function work(): Promise<unknown> {
  if (what === "echo") return echo({ text: "from another process" });
  if (what === "render") return render({ prompt: "from another process" });
  const outputs: unknown[] = [];
  for (const call of await pending()) outputs.push(await call.resume());
  return outputs;
}

const end = await work().catch((error: unknown) => {
  if (!isResourceError(error)) throw error;
  return { code: error.code, message: error.message };
});
process.stdout.write(`${JSON.stringify(end)}\n`);
