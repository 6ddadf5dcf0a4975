import { join } from "node:path";
import { serve } from "../../../src/server/index.ts";
import { memoryStore } from "../../../src/store/memory.ts";
import { sqliteStore } from "../../../src/store/sqlite-store.ts";
import type { FaultPoint } from "../../../src/testing/index.ts";
import { type Crashable, crashable } from "../../../src/testing/index.ts";
import { postgresStores } from "../postgres.ts";
import type { StoreKind } from "../stage.ts";
import { api, documents, KINDS, type Kind } from "./api.ts";
import type { Arena, Deal } from "./arena.ts";
import { plain, poisonedStore } from "./poisoned-store.ts";
import { SECRET } from "./replies.ts";
import type { SkewedClock } from "./skewed-clock.ts";

/** A server that runs. */
export interface Running {
  readonly life: Crashable;
  fetch(request: Request): Promise<Response>;
  stop(): void;
}

/** The stores of one run: each server opens its own, over the same rows. */
export interface Stores {
  open(): object;
  /** The server of this store has died. */
  silence(store: object): void;
  close(): Promise<void>;
}

/** To be called in real time, before the clock is put up. */
export async function storesOf(kind: StoreKind): Promise<(clock: SkewedClock, folder: string) => Stores> {
  if (kind === "postgres") {
    const onPostgres = await postgresStores();
    return (clock) => {
      const stores = onPostgres(clock);
      return { ...stores, silence: (store) => stores.silence(store as ReturnType<typeof stores.open>) };
    };
  }
  return (_, folder) => {
    const shared = kind === "memory" ? memoryStore() : undefined;
    const opened: { close(): Promise<void> }[] = [];
    return {
      open() {
        const store = shared ?? sqliteStore(join(folder, "calls.db"));
        opened.push(store);
        return store;
      },
      silence() {},
      async close() {
        await Promise.allSettled(opened.map((store) => store.close()));
      },
    };
  };
}

export const ADMIN_TOKEN = "a-token-of-an-operator";

/** Starts a server that knows facilitator and node by their addresses alone. */
export async function startSeller(
  arena: Arena,
  stores: Stores,
  onPass: (point: FaultPoint, life: Crashable) => void,
): Promise<Running> {
  const { setup, clock, ledger, deals, seller, till } = arena;
  const life: Crashable = crashable({ onPass: (point) => onPass(point, life) });
  const opened = stores.open();
  const badRow = setup.poisonedRow === undefined ? undefined : deals[setup.poisonedRow];
  const store = badRow
    ? poisonedStore(opened, badRow, () => !arena.healed && arena.moved(badRow).length > 0)
    : opened;
  const unsignable = (setup.unsignableRefunds ?? []).map((index) =>
    deals[index]?.account.address.toLowerCase(),
  );
  const account = {
    address: till.address,
    signTypedData: async (data: { message: { to: string } }) => {
      if (!arena.healed && unsignable.includes(String(data.message.to).toLowerCase()))
        throw new Error("the key's guard refused to sign");
      return till.signTypedData(data as never);
    },
  };
  const log = (fields: object, message: string): void => {
    const line = `${message} ${JSON.stringify(fields, plain)}`;
    if (line.includes(SECRET)) arena.say("secret in the log", undefined, line.slice(0, 300));
    if (process.env.FAULTS_LOG) console.error("  log", line.slice(0, 600));
  };
  const server = await clock.skewed(setup.skew?.server ?? 0, async () => {
    const made = serve(
      api,
      documents as never,
      {
        handlers: life.guard(Object.fromEntries(KINDS.map((kind) => [kind, handler(arena, kind)]))),
        payments: {
          accepts: [
            {
              network: ledger.network,
              payTo: seller.address,
              ...(setup.node ? { rpcUrl: `http://node.test/v2/${SECRET}` } : {}),
            },
          ],
          facilitator: `http://facilitator.test/${SECRET}`,
          facilitatorTimeout: setup.facilitatorTimeout ?? "20s",
          refunds: { account },
        },
        store: life.guard(store),
        log: { debug: log, info: log, warn: log, error: log },
        faults: life.faults,
        admin: { token: ADMIN_TOKEN },
        recovery: { everyMs: 5_000 },
      } as never,
    );
    await made.start();
    return made;
  });
  return {
    life,
    stop() {
      stores.silence(opened);
      server.stop(0).catch(() => {});
    },
    fetch: (request) =>
      clock.skewed(setup.skew?.server ?? 0, () => life.fetch((one) => server.fetch(one))(request)),
  };
}

/** Does what the deal's conduct says, and notes on which evidence it was started. */
function handler(arena: Arena, kind: Kind) {
  return async ({ item }: { item: string }, ctx: { fail(code: string): never }): Promise<unknown> => {
    const deal = arena.deals.find((one) => one.item === item);
    arena.starts.push({ item, ...evidenceOf(arena, deal) });
    const conduct = deal?.conduct ?? "works";
    await new Promise((resolve) => setTimeout(resolve, conduct === "dawdles" ? 8_000 : 50));
    if (conduct === "fails") return ctx.fail("sold_out");
    if (conduct === "throws") throw new Error(`the machine is broken (${kind})`);
    if (conduct === "throws oddly") throw [null, undefined, "text", Object.create(null)][item.length % 4];
    return { item: conduct === "returns nonsense" ? 42n : item };
  };
}

/** A settlement that names a transaction and the asked network, as the rules want it. */
const SETTLED = [
  /"success":true/,
  /"transaction":"0x(?!0{64})[0-9a-f]{64}"/,
  /"network":"(eip155:84532|base-sepolia)"/,
];

function evidenceOf(arena: Arena, deal: Deal | undefined) {
  const nonces = [...(deal?.nonces ?? [])];
  const isOwn = (nonce: string) => nonces.includes(nonce.toLowerCase());
  return {
    transferred: deal !== undefined && arena.moved(deal).length > 0,
    verified: [...arena.facilitator.verified].some(isOwn),
    saidSettled: arena.facilitator.settlements.some(
      ({ nonce, reply }) =>
        isOwn(nonce) && typeof reply === "object" && SETTLED.every((part) => part.test(reply.body)),
    ),
  };
}
