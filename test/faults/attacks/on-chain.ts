import { evmPayer } from "../../../src/client/evm.ts";
import { serve } from "../../../src/server/index.ts";
import { memoryStore } from "../../../src/store/memory.ts";
import {
  hostileNode,
  ledgerNode,
  listenWith,
  type NodeLies,
  remoteNode,
  scriptedFacilitator,
  startWorld,
} from "../../../src/testing/index.ts";
import type { Found } from "../counts.ts";
import { api, documents, isJob, KINDS, type Kind, pathOf } from "./api.ts";
import { parse } from "./buyers.ts";
import { saysNo } from "./judge.ts";
import { SECRET } from "./replies.ts";

/** Nodes in front of a real chain, in real time. All of them see the state; what they show of the logs differs. */
export const CHAIN_LIES: Readonly<Record<string, () => NodeLies>> = {
  "logs are omitted": () => ({ omitLogs: true }),
  "the node lags": () => ({ blocksBehind: 3 }),
  "another chain": () => ({
    instead: ledgerNode({ uses: [], balanceOf: async () => 0n }, { chainId: 8453 }),
  }),
  "another event between the two": () => ({ eventBetween: true }),
  "eth_getLogs takes ten blocks": () => ({ maxLogBlocks: 10, rangeError: "alchemy" }),
};

const BASE_URL = "http://seller.test";
/** How long the node lies. */
const UNREST_MS = 4_000;
/** How long a truthful node may take to bring all to its end. */
const REST_MS = 40_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Buys one of each kind from a server that knows a real facilitator and a real chain by HTTP alone. The connection to the
 * facilitator breaks after each settlement, and the node does not tell the truth for a while.
 */
export async function attackOnChain(lies: NodeLies): Promise<readonly Found[]> {
  const found: Found[] = [];
  const world = await startWorld();
  const facilitator = scriptedFacilitator(world.facilitator, {
    settle: ({ times }) => (times === 1 ? { moves: true, reply: () => "reset" } : undefined),
  });
  const node = hostileNode(remoteNode(world.rpcUrl ?? ""), lies);
  const [facilitatorAt, nodeAt] = await Promise.all([
    listenWith(facilitator.handler),
    listenWith(node.handler),
  ]);
  const log = (fields: object, message: string): void => {
    const line = `${message} ${JSON.stringify(fields)}`;
    if (line.includes(SECRET))
      found.push({ kind: "secret in the log", item: "", detail: line.slice(0, 200) });
  };
  const server = serve(
    api,
    documents as never,
    {
      handlers: Object.fromEntries(KINDS.map((kind) => [kind, ({ item }: { item: string }) => ({ item })])),
      payments: {
        accepts: [
          { network: world.network, payTo: world.seller.address, rpcUrl: `${nodeAt.url}/v2/${SECRET}` },
        ],
        facilitator: `${facilitatorAt.url}/${SECRET}`,
      },
      store: memoryStore(),
      log: { debug: log, info: log, warn: log, error: log },
      recovery: { everyMs: 200 },
    } as never,
  );
  await server.start();

  async function ask(
    url: string,
    init?: RequestInit,
  ): Promise<{ status: number; body: string; headers: Headers }> {
    const response = await server.fetch(new Request(url, init));
    return { status: response.status, body: await response.text(), headers: response.headers };
  }

  /** Sends the same bytes until there is a result. @returns what was told last, where there is none in time */
  async function buy(
    kind: Kind,
    account: typeof world.buyer,
    until: () => boolean,
  ): Promise<string | undefined> {
    const url = BASE_URL + pathOf(kind);
    const body = JSON.stringify({ item: kind });
    const headers = { "content-type": "application/json", "idempotency-key": `key-of-${kind}-on-a-chain` };
    const offer = await ask(url, { method: "POST", headers, body });
    if (kind === "free") return offer.status === 200 ? undefined : `${offer.status} ${offer.body}`;
    const required = Buffer.from(offer.headers.get("payment-required") ?? "", "base64").toString("utf8");
    const payment = await evmPayer(account).createPaymentPayload(JSON.parse(required));
    const signature = Buffer.from(JSON.stringify(payment)).toString("base64");
    const moved = async () => (await world.transfers()).some(({ from }) => from === account.address);
    let last = "";
    for (; !until(); await pause(300)) {
      const paid = await moved();
      const told = await ask(url, {
        method: "POST",
        headers: { ...headers, "payment-signature": signature },
        body,
      });
      last = `${told.status} ${told.body.slice(0, 200)}`;
      const { statusUrl } = parse(told.body);
      const job = typeof statusUrl === "string" ? await ask(statusUrl) : undefined;
      for (const one of job ? [told, job] : [told])
        if (paid && saysNo(one)) {
          found.push({ kind: "told no", item: kind, detail: `${one.status} ${one.body.slice(0, 200)}` });
          return undefined;
        }
      if (isJob(kind) ? parse(job?.body ?? "").state === "succeeded" : told.status === 200) return undefined;
    }
    return last;
  }

  try {
    const accounts = await Promise.all(KINDS.map(() => world.account({ usdc: "1" })));
    const startedAt = performance.now();
    const healing = pause(UNREST_MS).then(() => {
      for (const name of Object.keys(node.lies)) delete node.lies[name as keyof NodeLies];
    });
    const late = () => performance.now() - startedAt > UNREST_MS + REST_MS;
    await Promise.all(
      KINDS.map(async (kind, index) => {
        const last = await buy(kind, accounts[index] as typeof world.buyer, late);
        if (last !== undefined) found.push({ kind: "stuck", item: kind, detail: last });
      }),
    );
    await healing;
    const transfers = await world.transfers();
    for (const { address } of accounts)
      if (transfers.filter(({ from }) => from === address).length > 1)
        found.push({ kind: "charged twice", item: "", detail: address });
  } finally {
    await server.stop(0);
    await Promise.all([facilitatorAt.close(), nodeAt.close()]);
    await world.stop();
  }
  return found.filter((one, index) => found.findIndex(({ kind }) => kind === one.kind) === index);
}
