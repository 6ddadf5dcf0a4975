import { evmPayer } from "../../../src/client/evm.ts";
import { connect, isResourceError, memoryCalls } from "../../../src/client/index.ts";
import { definitionOf, isJob, pathOf } from "./api.ts";
import type { Arena, Deal, Told } from "./arena.ts";

const BASE_URL = "http://seller.test";

const sleep = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

const encode = (document: unknown): string => Buffer.from(JSON.stringify(document)).toString("base64");
const inVersion1 = ({ payload }: { payload: unknown }) => ({
  "x-payment": encode({ x402Version: 1, scheme: "exact", network: "base-sepolia", payload }),
});
const decode = (header: string | null): Record<string, unknown> =>
  JSON.parse(Buffer.from(header ?? "", "base64").toString("utf8"));
export const parse = (text: string): Record<string, unknown> => {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === "object" && document !== null ? (document as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

/** Buys one thing, until the seller has said how it ends. Resolves early when the arena stops its buyers. */
export function buy(arena: Arena, deal: Deal): Promise<void> {
  return deal.who === "client" ? withClient(arena, deal) : byHand(arena, deal);
}

/** This project's client; every error is a crash, after which another client goes on with what was kept. */
async function withClient(arena: Arena, deal: Deal): Promise<void> {
  const { kind, key, item, account } = deal;
  const calls = memoryCalls();
  for (let attempt = 0; !arena.stop.signal.aborted; attempt += 1) {
    if (attempt > 0) await sleep(Math.min(1_000 * 2 ** attempt, 60_000), arena.stop.signal);
    const client = connect({
      baseUrl: BASE_URL,
      payer: evmPayer(account),
      calls,
      fetch: ((input: RequestInfo | URL, init?: RequestInit) =>
        arena.network(deal, input, init)) as typeof fetch,
      retries: 2,
      attemptMs: 30_000,
      patienceMs: 20_000,
    });
    try {
      const pending = (await client.pending()).find(({ idempotencyKey }) => idempotencyKey === key);
      const definition = definitionOf(kind);
      const call = isJob(kind) ? client.jobResource(definition) : client.resource(definition);
      const signal = arena.stop.signal;
      const output = pending
        ? await pending.resume({ signal })
        : await call({ item }, { idempotencyKey: key, signal });
      deal.outcome = { state: "delivered", output };
      return;
    } catch (thrown) {
      if (arena.stop.signal.aborted) return;
      if (!isResourceError(thrown)) {
        arena.say("raw error", deal, `the client threw ${String(thrown)}`);
        return;
      }
      const { charged, code, message } = thrown;
      deal.client.push({ at: arena.clock.now(), charged, why: `${code}: ${message}` });
      // The client also keeps a call that has ended, until its payment can no longer settle.
      const kept = (await client.pending()).some(({ idempotencyKey }) => idempotencyKey === key);
      if (kept || (charged === "no" && (code === "network" || code === "http"))) continue;
      deal.outcome = { state: "failed", why: `${code}: ${message}` };
      return;
    }
  }
}

/** Signs once, and sends the same bytes until there is a final response. */
async function byHand(arena: Arena, deal: Deal): Promise<void> {
  const { signal } = arena.stop;
  let paid: Record<string, string> = {};
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    if (attempt > 0) await sleep(Math.min(500 * 2 ** attempt, 60_000), signal);
    const told = await send(arena, deal, paid).catch(() => undefined);
    if (deal.leaves && Object.keys(paid).length > 0) return;
    if (!told) continue;
    if (told.status === 402 && Object.keys(paid).length === 0) {
      const required = decode(told.headers.get("payment-required"));
      const payment = await evmPayer(deal.account).createPaymentPayload(required as never);
      paid =
        deal.version === 1
          ? inVersion1(payment as { payload: unknown })
          : { "payment-signature": encode(payment) };
      attempt = -1;
      continue;
    }
    if (told.status === 200) {
      deal.outcome = { state: "delivered", output: parse(told.body) };
      return;
    }
    if (told.status === 202) return poll(arena, deal, parse(told.body).statusUrl as string);
    const retried = [409, 425, 429, 502, 503, 504].includes(told.status);
    if (!retried) {
      deal.outcome = { state: "failed", why: `${told.status} ${told.body.slice(0, 160)}` };
      return;
    }
  }
}

async function poll(arena: Arena, deal: Deal, statusUrl: string): Promise<void> {
  const { signal } = arena.stop;
  while (!signal.aborted) {
    await sleep(5_000, signal);
    const told = await arena
      .network(deal, statusUrl)
      .then((response) => response.text())
      .catch(() => "");
    const { state } = parse(told);
    if (state === "succeeded" || state === "failed") {
      deal.outcome = { state: state === "succeeded" ? "delivered" : "failed", why: told.slice(0, 160) };
      return;
    }
  }
}

/** One request of a deal. */
async function send(arena: Arena, deal: Deal, headers: Record<string, string>): Promise<Told> {
  const response = await arena.network(deal, BASE_URL + pathOf(deal.kind), {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": deal.key, ...headers },
    body: JSON.stringify({ item: deal.item }),
    signal: AbortSignal.timeout(90_000),
  });
  await response.text();
  return deal.told.at(-1) as Told;
}
