// Our client buys from sellers made with other packages, on a chain, directly and through a proxy that rewrites Host.
// `npm run test:strangers`. Ends with 1 when a purchase fails.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { connect } from "../../src/client/connect.ts";
import { evmPayer } from "../../src/client/evm.ts";
import { startWorld } from "../../src/testing/world.ts";

/** The folder of each seller, and its kind there. Their packages need versions of zod, viem and @x402 that conflict. */
const ALL: Readonly<Record<string, readonly [folder: string, kind: string]>> = {
  "@x402/hono": [".", "@x402/hono"],
  "@x402/express": [".", "@x402/express"],
  "x402-hono": [".", "x402-hono"],
  "x402-express": [".", "x402-express"],
  "@faremeter/middleware hono": ["faremeter", "hono"],
  "@faremeter/middleware express": ["faremeter", "express"],
  "@dexterai/x402": ["dexterai", "express"],
};
const wanted = process.argv.slice(2);
const SELLERS = Object.entries(ALL).filter(([name]) => wanted.length === 0 || wanted.includes(name));
const here = new URL(".", import.meta.url);
const BYTES = [0x50, 0x4b, 3, 4, 0xff, 0xfe, 0x80, 0];
/** What each path sells. */
const GOODS: Readonly<Record<string, unknown>> = {
  json: { ok: true },
  created: { orderId: "o1" },
  job: { ok: true },
  bytes: BYTES,
  text: "42",
};

async function startSeller([folder, kind]: readonly [string, string], facilitator: string, payTo: string) {
  const child: ChildProcess = spawn(process.execPath, ["seller.mjs", kind, facilitator, payTo], {
    ...{ cwd: fileURLToPath(new URL(`${folder}/`, here)), stdio: ["ignore", "pipe", "inherit"] },
  });
  if (!child.stdout) throw new Error("the seller has no output");
  const [port] = (await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit").then(() => {
      throw new Error(`${kind} did not start`);
    }),
  ])) as string[];
  return { port: Number(port), stop: () => child.kill() };
}

/** A reverse proxy that tells the seller its own inner name. */
async function startProxy(port: number) {
  const proxy = createServer((request, response) => {
    const headers = { ...request.headers, host: `127.0.0.1:${port}` };
    const { method, url } = request;
    const inner = send({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    inner.on("error", () => response.destroy());
    request.pipe(inner);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return { port: (proxy.address() as AddressInfo).port, stop: () => proxy.close() };
}

await using world = await startWorld();
const facilitator = await world.startFacilitatorServer();
let failures = 0;
for (const [kind, place] of SELLERS) {
  const seller = await startSeller(place, facilitator.url, world.seller.address);
  const proxy = await startProxy(seller.port);
  for (const [way, port] of Object.entries({ direct: seller.port, proxied: proxy.port })) {
    const client = connect({
      baseUrl: `http://127.0.0.1:${port}`,
      payer: evmPayer(world.buyer),
      resourceHosts: [`127.0.0.1:${seller.port}`],
    });
    for (const [name, good] of Object.entries(GOODS)) {
      const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
      const produces = name === "text" ? { produces: ["text/plain"] } : {};
      const definition = { name, method: "POST", path: `/${name}`, price, ...produces } as const;
      const before = await world.balanceOf(world.seller.address);
      const call = name === "job" ? client.jobResource(definition) : client.resource(definition);
      let output: unknown;
      try {
        const bought: unknown = await call({});
        output = bought instanceof Blob ? [...new Uint8Array(await bought.arrayBuffer())] : bought;
      } catch (error) {
        output = error;
      }
      const paid = (await world.balanceOf(world.seller.address)) - before;
      const isRight = isDeepStrictEqual(output, good) && paid === 10_000n;
      if (!isRight) failures += 1;
      console.log(`${isRight ? "pass" : "FAIL"}  ${kind}  ${way}  ${name}  paid ${paid}`);
      if (!isRight) console.log(output);
    }
  }
  proxy.stop();
  seller.stop();
}
process.exitCode = failures === 0 ? 0 : 1;
