import { setTimeout } from "node:timers/promises";
import type { ClientConfig } from "pg";
import { Client } from "./postgres-driver.ts";

const FIRST_WAIT_MS = 50;
const LAST_WAIT_MS = 2000;
/** A connection that breaks without a word is noticed so soon. */
const HEARTBEAT_MS = 10_000;
const ANSWER_MS = 5000;

/**
 * Listens on a channel over a connection of its own, which is made again when it breaks.
 * @param heard Called with what was said; with `undefined` whenever the connection stands, since something may have
 *   been said before.
 * @returns Ends it.
 */
export function listenForNotifications(
  config: ClientConfig,
  channel: string,
  heard: (payload: string | undefined) => void,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const ending = new AbortController();

  async function listenOnce(onListening: () => void): Promise<void> {
    const client = new Client({ ...config, query_timeout: ANSWER_MS });
    const gone = new Promise<void>((resolve) => client.once("end", resolve));
    client.on("error", () => {});
    client.on("notification", ({ payload }) => heard(payload ?? ""));
    const end = () => void client.end().catch(() => {});
    const heartbeat = setInterval(() => void client.query("SELECT 1").catch(end), HEARTBEAT_MS).unref();
    try {
      await client.connect();
      (client as { unref?: () => void }).unref?.();
      if (ending.signal.aborted) return;
      ending.signal.addEventListener("abort", end);
      await client.query(`LISTEN ${channel}`);
      onListening();
      await gone;
      if (!ending.signal.aborted) throw new Error("the connection that listens for changes has ended");
    } finally {
      clearInterval(heartbeat);
      ending.signal.removeEventListener("abort", end);
      await client.end().catch(() => {});
    }
  }

  async function listenOn(): Promise<void> {
    let wait = FIRST_WAIT_MS;
    while (!ending.signal.aborted) {
      try {
        await listenOnce(() => {
          wait = FIRST_WAIT_MS;
          heard(undefined);
        });
      } catch (error) {
        if (!ending.signal.aborted) onError(error);
      }
      await setTimeout(wait * (0.5 + Math.random()), undefined, { signal: ending.signal, ref: false }).catch(
        () => {},
      );
      wait = Math.min(wait * 2, LAST_WAIT_MS);
    }
  }

  const listening = listenOn();
  return () => {
    ending.abort();
    return listening;
  };
}
