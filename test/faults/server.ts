import { privateKeyToAccount } from "viem/accounts";
import { listen } from "../../src/node/index.ts";
import { serve } from "../../src/server/index.ts";
import { sqliteStore } from "../../src/store/sqlite.ts";
import { killAt } from "../../src/testing/mortal.ts";
import { api, documents, RESOURCES } from "./api.ts";

/** What the parent asks of a server, as JSON in the environment's `SERVER`. */
export interface ServerOrder {
  readonly store: string;
  readonly facilitator: string;
  readonly rpcUrl: string;
  readonly sellerKey: `0x${string}`;
  /** 0 for any. */
  readonly port: number;
  /** `"settle.after:3"` */
  readonly dieAt: string;
  readonly everyMs: number;
  readonly leaseMs: number;
}

/** A server in a process of its own, which ends with its parent. */
const order = JSON.parse(process.env.SERVER ?? "") as ServerOrder;
process.once("disconnect", () => process.exit());

const seller = privateKeyToAccount(order.sellerKey);
let serial = 0;

async function work({ item }: { item: string }): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (item.endsWith("broken")) throw new Error("the machine is broken");
  serial += 1;
  return { item, serial };
}

const server = serve(api, documents, {
  handlers: Object.fromEntries(RESOURCES.map((name) => [name, work])),
  payments: {
    accepts: [{ network: "eip155:84532", payTo: seller.address, rpcUrl: order.rpcUrl }],
    facilitator: order.facilitator,
    refunds: { account: seller },
  },
  store: sqliteStore(order.store),
  log: { debug() {}, info() {}, warn() {}, error() {} },
  faults: killAt(order.dieAt),
  recovery: { everyMs: order.everyMs, leaseMs: order.leaseMs },
});
const { port } = await listen(server, { port: order.port, hostname: "127.0.0.1" });
process.send?.({ port });
