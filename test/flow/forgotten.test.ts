import { defineApi, price, resource } from "resource402";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { memoryStore, type Server, type Store, serve } from "resource402/server";
import { startWorld, type World } from "resource402/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { latch, openShop, post, type Shop, signedByHand, until } from "./shop.ts";

const DAY_MS = 24 * 3_600_000;
const caught = (thrown: unknown) => thrown;

afterEach(() => void vi.useRealTimers());

const openLongLived = () => openShop({ store: memoryStore({ now: () => Date.now(), completeSince: 0 }) });

/** Lets two days pass, after which the store has nothing left of what was bought. */
async function forget({ store }: Shop): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * DAY_MS });
  while ((await store.sweep(Date.now(), 100)) > 0);
}

/** A facilitator that cannot be reached. */
async function unreachable(): Promise<never> {
  throw new TypeError("fetch failed");
}

/** Loses the answer to every paid request, once the server has given it. */
function loseAnswers(shop: Shop): () => void {
  const through = shop.network;
  shop.network = async (request) => {
    const answer = await through(request);
    if (request.headers.has("payment-signature")) throw new TypeError("fetch failed");
    return answer;
  };
  return () => {
    shop.network = through;
  };
}

describe("a payment that was settled, and that the store has forgotten since,", () => {
  it("is not called unused when the facilitator cannot be reached", async () => {
    await using shop = await openLongLived();
    const body = { text: "x" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "long-ago-1" });
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    await forget(shop);
    shop.facilitator.verify = unreachable;
    const problem = await (await shop.fetch("/v1/echo", post(body, headers))).json();
    expect(problem).toMatchObject({ code: "facilitator_unavailable" });
    expect(problem.paymentState).not.toBe("unused");
  });

  it.each<[string, { text: string }, boolean]>([
    ["refused as expired", { text: "x" }, false],
    ["not looked at, since the facilitator cannot be reached", { text: "x" }, true],
    ["sent with another input", { text: "z" }, false],
  ])("is not called unused when its key names a later call, and it is %s", async (_, input, isDown) => {
    await using shop = await openLongLived();
    const body = { text: "x" };
    const old = await signedByHand(shop, "/v1/echo", body, { key: "my-order" });
    expect((await shop.fetch("/v1/echo", post(body, old.headers))).status).toBe(200);
    await forget(shop);
    const later = await signedByHand(shop, "/v1/echo", body, { key: "my-order" });
    expect((await shop.fetch("/v1/echo", post(body, later.headers))).status).toBe(200);
    expect((await shop.moved()).paid).toBe(20_000n);
    if (isDown) shop.facilitator.verify = unreachable;
    const answer = await shop.fetch("/v1/echo", post(input, old.headers));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect((await answer.json()).paymentState).not.toBe("unused");
  });

  it("is not called unused when the address for its callback is refused", async () => {
    await using shop = await openLongLived();
    const body = { prompt: "x", size: "small" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "long-ago-2" });
    const { statusUrl } = await (await shop.fetch("/v1/render", post(body, headers))).json();
    await until(
      async () => (await shop.fetch(new URL(statusUrl).pathname)).json(),
      ({ state }) => state === "succeeded",
    );
    await forget(shop);
    const again = post(body, { ...headers, "callback-url": "http://no.example/" });
    const answer = await shop.fetch("/v1/render", again);
    // The payer proves itself before the callback is looked at, and a used nonce proves nothing.
    expect(answer.status).toBe(402);
    const problem = await answer.json();
    expect(problem.paymentState).not.toBe("unused");
  });

  it("stays open for the client that comes back for its answer", async () => {
    await using shop = await openLongLived();
    const client = shop.client({ retries: 0, patienceMs: 0 });
    const findAnswers = loseAnswers(shop);
    await client.echo({ text: "x" }).catch(caught);
    expect((await shop.moved()).paid).toBe(10_000n);
    findAnswers();
    await forget(shop);
    shop.facilitator.verify = unreachable;
    const [pending] = await client.pending();
    expect(await pending?.resume().catch(caught)).toMatchObject({
      failure: "facilitator_unavailable",
      charged: "unknown",
    });
    expect(await client.pending()).toHaveLength(1);
  });
});

describe("a call that another server has taken over and settled", () => {
  it("is not called unused by the first one, whose store does not answer", async () => {
    await using other = await openShop();
    let broken: "nothing" | "attend" | "everything" = "nothing";
    const fails = () => Promise.reject(new Error("database is locked"));
    const { store } = other;
    const flaky: Store = {
      ...store,
      attend: (...args) => (broken === "nothing" ? store.attend(...args) : fails()),
      call: (...args) => (broken === "everything" ? fails() : store.call(...args)),
    };
    await using one = await openShop({ world: other.world, store: flaky, recovery: { leaseMs: 150 } });
    const held = latch();
    one.handlers.echo = async ({ text }) => {
      await held.opened;
      return { text };
    };
    const body = { text: "x" };
    const { headers } = await signedByHand(one, "/v1/echo", body, { key: "taken-over-1" });
    const first = one.fetch("/v1/echo", post(body, headers));
    await until(
      async () => one.runs.echo,
      (runs) => runs === 1,
    );
    // Its lease ends, and a copy of the request comes to the other one.
    broken = "attend";
    await until(
      () => other.fetch("/v1/echo", post(body, headers)),
      ({ status }) => status === 200,
    );
    expect((await other.moved()).received).toBe(10_000n);
    broken = "everything";
    held.open();
    const answer = await first;
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { code: "settlement_unknown", paymentState: "in_flight" },
    ]);
  });
});

const text = z.string().describe("What.");
const nothing = () => {};
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const documents = { word: { method: "POST", path: "/v1/word", maxPrice: "0.01" } } as const;

/** A shop with one word, sold or given away. */
function sellWord(
  world: World,
  store: Store,
  cost: ReturnType<typeof price.fixed | typeof price.free>,
  say: (input: { text: string }) => { text: string },
  settle = world.facilitator.settle.bind(world.facilitator),
): Server {
  const shape = z.object({ text });
  const word = resource({ summary: "A word.", input: shape, output: shape, price: cost, timeout: "5s" });
  const api = defineApi({
    title: "Words",
    version: "1.0.0",
    description: "One word.",
    resources: { word },
  });
  return serve(api, documents, {
    handlers: { word: say },
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      chain: { lookUp: async () => ({ evidence: "lapsed" }) },
      facilitator: {
        getSupported: () => world.facilitator.getSupported(),
        verify: (...payment) => world.facilitator.verify(...payment),
        settle,
      },
    },
    log: silent,
    store,
  });
}

describe("a payment that lapsed before its resource became free", () => {
  it("is not asked for again: the same bytes have the answer for nothing", async () => {
    await using world = await startWorld({ chain: false });
    const store = memoryStore({ completeSince: 0 });
    const asked = latch();
    const selling = sellWord(
      world,
      store,
      price.fixed("0.01", { per: "word" }),
      (input) => input,
      () => {
        asked.open();
        return new Promise<never>(() => {});
      },
    );
    const at = (server: Server) => ({
      world,
      fetch: (path: string, init?: RequestInit) =>
        server.fetch(new Request(`http://words.test${path}`, init)),
    });
    const body = { text: "x" };
    const { headers } = await signedByHand(at(selling), "/v1/word", body, { key: "word-1" });
    void at(selling).fetch("/v1/word", post(body, headers));
    await asked.opened;
    await selling.stop(0);
    const giving = at(
      sellWord(
        world,
        store,
        price.free(),
        (input) => input,
        async () => {
          throw new TypeError("fetch failed");
        },
      ),
    );
    const first = await giving.fetch("/v1/word", post(body, headers));
    expect([first.status, first.headers.has("retry-after")]).toEqual([409, true]);
    const second = await giving.fetch("/v1/word", post(body, headers));
    expect([second.status, await second.json()]).toEqual([200, body]);
  });
});

describe("a payment that was settled before its resource became free", () => {
  it("is not called unused by the release that gives it away", async () => {
    await using world = await startWorld({ chain: false });
    const store = memoryStore({ completeSince: 0 });
    const selling = sellWord(world, store, price.fixed("0.01", { per: "word" }), (input) => input);
    const giving = sellWord(world, store, price.free(), () => {
      throw new Error("broken");
    });
    let server = selling;
    const client = connect({
      baseUrl: "http://words.test",
      payer: evmPayer(world.buyer),
      retries: 0,
      patienceMs: 0,
      fetch: async (input, init) => {
        const request = new Request(input, init);
        const answer = await server.fetch(request);
        const isLost = server === selling && request.headers.has("payment-signature");
        if (isLost) throw new TypeError("fetch failed");
        return answer;
      },
    });
    const word = client.resource<{ text: string }, unknown>({
      name: "word",
      method: "POST",
      path: "/v1/word",
      price: { kind: "fixed", usd: "0.01", per: "word" },
    });
    await word({ text: "x" }).catch(caught);
    expect(await world.balanceOf(world.seller.address)).toBe(10_000n);
    server = giving;
    const [pending] = await client.pending();
    expect(await pending?.resume()).toEqual({ text: "x" });
  });
});
