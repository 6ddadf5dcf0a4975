// Our server on facilitators made with other packages, on a chain: a paid call, a job, a refund, and payers without money. `npm run test:strangers`. Ends with 1 when one of them is not as it has to be.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { defineApi, resource } from "../../schema/api.ts";
import { price } from "../../schema/price.ts";
import { connect } from "../../src/client/connect.ts";
import { isResourceError } from "../../src/client/errors.ts";
import { evmPayer } from "../../src/client/evm.ts";
import { serve } from "../../src/server/serve.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { startWorld, type World } from "../../src/testing/world.ts";

/**
 * How each refuses a payer without money. `rejected`: by a word that the server knows, so the call ends. `unconfirmed`: it
 * verifies without a look at the balance and cannot say what became of the settlement, so the chain decides after the
 * signature has expired. `version 1`: it does not speak version 2, and the server does not start.
 */
const FACILITATORS = {
  "@x402/core": "rejected",
  "@faremeter/payment-evm": "unconfirmed",
  x402: "version 1",
} as const;
type Way = Exclude<(typeof FACILITATORS)[keyof typeof FACILITATORS], "version 1">;
const here = fileURLToPath(new URL(".", import.meta.url));
/** The second of anvil's published accounts: it has ether on that chain, and nowhere else. */
const GAS_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const PRICE = 10_000n;

async function startFacilitator(kind: string, rpcUrl: string) {
  const child: ChildProcess = spawn(process.execPath, ["facilitator.mjs", kind, rpcUrl, GAS_KEY], {
    ...{ cwd: here, stdio: ["ignore", "pipe", "inherit"] },
  });
  if (!child.stdout) throw new Error("the facilitator has no output");
  const [url] = (await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit").then(() => {
      throw new Error(`${kind} did not start`);
    }),
  ])) as string[];
  return { url: url ?? "", stop: () => child.kill() };
}

const text = z.object({ text: z.string().describe("What.") });
const common = {
  summary: "Say a text back.",
  input: text,
  output: text,
  price: price.fixed("0.01", { per: "text" }),
};
const api = defineApi({
  title: "Echo",
  version: "1.0.0",
  description: "One resource of each kind.",
  resources: {
    echo: resource(common),
    render: resource({ ...common, job: { timeout: "1m" } }),
    broken: resource({ ...common, job: { timeout: "1m" }, errors: { refused: "It was refused." } }),
    drained: resource(common),
  },
});
const names = ["echo", "render", "broken", "drained"] as const;
const documents = Object.fromEntries(
  names.map((name) => [name, { method: "POST", path: `/v1/${name}`, maxPrice: "0.01" } as const]),
);

async function openSeller(world: World, url: string) {
  const refunder = await world.account({ usdc: "1" });
  let drain: () => Promise<void> = async () => {};
  const echo = async (input: { text: string }) => input;
  const server = serve(api, documents, {
    handlers: {
      echo,
      render: echo,
      broken: (_: unknown, ctx: { fail: (code: string) => never }) => ctx.fail("refused"),
      drained: async (input: { text: string }) => {
        await drain();
        return input;
      },
    },
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address, rpcUrl: world.rpcUrl ?? "" }],
      facilitator: url,
      refunds: { account: refunder },
    },
    ...{ log: (process.env.VERBOSE ? "debug" : "fatal") as never, store: memoryStore({ completeSince: 0 }) },
  });
  await server.start();
  const clientOf = (account: World["buyer"]) =>
    connect({
      baseUrl: "http://echo.test",
      ...{ payer: evmPayer(account), retries: 1, patienceMs: 3_000 },
      fetch: (input, init) => server.fetch(new Request(input, init)),
    });
  const onDrained = (task: () => Promise<void>): void => {
    drain = task;
  };
  return { server, clientOf, onDrained };
}

const priced = { kind: "fixed", usd: "0.01", per: "text" } as const;
const definition = (name: string) => ({ name, method: "POST", path: `/v1/${name}`, price: priced }) as const;
type Text = { readonly text: string };

/** Each case returns what is wrong, or nothing. */
const CASES: Readonly<
  Record<
    string,
    (world: World, seller: Awaited<ReturnType<typeof openSeller>>, way: Way) => Promise<string | undefined>
  >
> = {
  async "a paid call"(world, { clientOf }) {
    const before = await world.balanceOf(world.seller.address);
    const output = await clientOf(world.buyer).resource<Text, Text>(definition("echo"))({ text: "a" });
    const paid = (await world.balanceOf(world.seller.address)) - before;
    return output.text === "a" && paid === PRICE ? undefined : `paid ${paid}`;
  },

  async "a job"(world, { clientOf }) {
    const before = await world.balanceOf(world.seller.address);
    const output = await clientOf(world.buyer).jobResource<Text, Text>(definition("render"))({ text: "b" });
    const paid = (await world.balanceOf(world.seller.address)) - before;
    return output.text === "b" && paid === PRICE ? undefined : `paid ${paid}`;
  },

  async "a refund"(world, { clientOf }) {
    const before = await world.balanceOf(world.buyer.address);
    const job = await clientOf(world.buyer)
      .jobResource<Text, Text>(definition("broken"))
      .start({ text: "c" });
    for (let n = 0; n < 100; n += 1) {
      const { paymentState } = await job.status();
      const balance = await world.balanceOf(world.buyer.address);
      if (paymentState === "refunded" && balance === before) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return `${(await job.status()).paymentState} after 20 seconds`;
  },

  async "an account without money"(world, { clientOf }, way) {
    const poor = await world.account();
    return refused(clientOf(poor).resource<Text, Text>(definition("echo")), way);
  },

  async "an account that is emptied during the work"(world, { clientOf, onDrained }, way) {
    const buyer = await world.account({ usdc: "0.01" });
    onDrained(async () => {
      const other = connect({
        baseUrl: "http://echo.test",
        payer: evmPayer(buyer),
        fetch: (input, init) => drainTo(input, init),
      });
      await other.resource<Text, Text>(definition("echo"))({ text: "d" });
    });
    const drainTo: typeof fetch = (input, init) => rival.server.fetch(new Request(input, init));
    const rival = await openSeller(world, rivalUrl);
    try {
      return await refused(clientOf(buyer).resource<Text, Text>(definition("drained")), way);
    } finally {
      await rival.server.stop(0);
    }
  },
};

const REFUSALS = {
  rejected: { code: "payment_rejected", charged: "no" },
  unconfirmed: { code: "http", failure: "settlement_unknown", charged: "unknown" },
} as const;

/** `undefined` when the call was refused in this way. */
async function refused(call: (input: Text) => Promise<Text>, way: Way): Promise<string | undefined> {
  try {
    await call({ text: "x" });
    return "it was delivered";
  } catch (error) {
    if (!isResourceError(error)) return String(error);
    const isExpected = Object.entries(REFUSALS[way]).every(
      ([name, value]) => Reflect.get(error, name) === value,
    );
    const { code, failure, charged, reason } = error;
    return isExpected ? undefined : JSON.stringify({ code, failure, charged, reason });
  }
}

let rivalUrl = "";
let failures = 0;
function say(kind: string, name: string, wrong: string | undefined): void {
  if (wrong !== undefined) failures += 1;
  console.log([wrong === undefined ? "pass" : "FAIL", kind, name, wrong ?? ""].join("  ").trimEnd());
}

for (const [kind, way] of Object.entries(FACILITATORS)) {
  await using world = await startWorld();
  rivalUrl = (await world.startFacilitatorServer()).url;
  const facilitator = await startFacilitator(kind, world.rpcUrl ?? "");
  try {
    if (way === "version 1") {
      const end = await openSeller(world, facilitator.url).then(() => "it started", String);
      say(kind, "is refused at the start", /version 1/.test(end) ? undefined : end);
      continue;
    }
    const seller = await openSeller(world, facilitator.url);
    for (const [name, run] of Object.entries(CASES)) {
      say(kind, name, await run(world, seller, way).catch((error: unknown) => String(error)));
    }
    await seller.server.stop(0);
  } catch (error) {
    say(kind, "starts", String(error));
  } finally {
    facilitator.stop();
  }
}
process.exitCode = failures === 0 ? 0 : 1;
