import pg from "pg";
import { postgresStore } from "../../src/store/postgres.ts";
import type { Store } from "../../src/store/store.ts";
import { type PostgresServer, startPostgres } from "../store/postgres-server.ts";
import type { VirtualClock } from "./clock.ts";

/** The stores of one run, each with connections of its own, as a process has them. */
export interface PostgresStores {
  open(): Store;
  /** No listener is left for this one. */
  silence(store: Store): void;
  close(): Promise<void>;
}

const SCHEMA = "resource402";
/** A listener may be connecting. One that has heard nothing by then never will. In real milliseconds. */
const TOLD_MS = 20_000;
const TELL_AGAIN_MS = 25;

interface Listening {
  readonly of: Store;
  readonly stop: () => void;
  /** The last of our own words that it has heard. */
  heard: number;
}

/** One for all runs of this thread, since starting it takes longer than they do; so do connections. */
let started: Promise<{ server: PostgresServer; client: pg.Client }> | undefined;
const idle: Store[] = [];
let said = 0;

async function start(): Promise<{ server: PostgresServer; client: pg.Client }> {
  const server = await startPostgres();
  const client = new pg.Client(server.connectionString);
  await client.connect();
  return { server, client };
}

/** To be called in real time: begins a run with nothing in the database. */
export async function postgresStores(): Promise<(clock: VirtualClock) => PostgresStores> {
  started ??= start();
  const { server, client } = await started;
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname = '${SCHEMA}' AND relkind = 'r' AND relname <> 'version'`,
  );
  // A few rows are sooner deleted than eight tables are truncated.
  await client.query(rows.map(({ name }) => `DELETE FROM ${name}`).join("; "));

  return (clock) => {
    const opened: Store[] = [];
    const listening = new Set<Listening>();
    let changed = false;

    // Others hear of a change over the network, which the clock knows nothing of: a word of ours comes after it.
    clock.stir = async () => {
      if (!changed || listening.size === 0) return false;
      changed = false;
      said += 1;
      const word = said;
      const say = `NOTIFY ${SCHEMA}_jobs, 'stage charged done word-${word}'`;
      await clock.outside(async () => {
        const from = realNow();
        const isDeaf = ({ heard }: Listening) => heard < word;
        do {
          if (realNow() - from > TOLD_MS)
            throw new Error("a server does not hear of changes in the database");
          await client.query(say);
          await new Promise((resolve) => setTimeout(resolve, realNow() === from ? 0 : TELL_AGAIN_MS));
        } while ([...listening].some(isDeaf));
      });
      return true;
    };

    return {
      open() {
        const store =
          idle.pop() ??
          postgresStore({
            connectionString: server.connectionString,
            maxConnections: 3,
            now: () => Date.now(),
          });
        opened.push(store);
        const proxy: Store = new Proxy(store, {
          get(target, name: keyof Store) {
            if (name === "watch") {
              return (listener: Parameters<Store["watch"]>[0]) => {
                const one: Listening = {
                  of: proxy,
                  heard: 0,
                  stop: () => {
                    listening.delete(one);
                    unlisten();
                  },
                };
                listening.add(one);
                let unlisten = (): void => {};
                void clock.outside(async () => {
                  unlisten = target.watch((event) => {
                    const [, word] = /^word-(\d+)$/.exec(event?.id ?? "") ?? [];
                    if (word === undefined) clock.inside(() => listener(event));
                    else one.heard = Number(word);
                  });
                });
                return one.stop;
              };
            }
            return (...args: unknown[]) => {
              if (name === "change" || name === "begin") changed = true;
              return clock.outside(() =>
                (target[name] as (...args: unknown[]) => Promise<unknown>).apply(target, args),
              );
            };
          },
        });
        return proxy;
      },

      silence(store) {
        for (const one of listening) if (one.of === store) one.stop();
      },

      async close() {
        for (const one of listening) one.stop();
        idle.push(...opened);
      },
    };
  };
}

/** Once no more runs use it. */
export async function stopPostgres(): Promise<void> {
  const ending = started;
  started = undefined;
  for (const store of idle.splice(0)) await store.close();
  if (!ending) return;
  const { server, client } = await ending;
  await client.end();
  await server.stop();
}

/** In milliseconds, whatever has been put in the place of the usual clocks. */
const realNow = (): number => Number(process.hrtime.bigint() / 1_000_000n);
