import { x402Client } from "@x402/core/client";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import fc from "fast-check";
import { memoryCalls, type PaymentPayload } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterEach, describe, expect, it, vi } from "vitest";
import { decodeHeader, type PaymentRequirements } from "../../src/protocol/index.ts";
import { type Hostile, offerOf, openHostile as openUsual, problem, receipt } from "./hostile.ts";
import { openShop as openUsualShop, type Shop } from "./shop.ts";

const OTHER_TOKEN = "0x0000000000000000000000000000000000000a55";
/** As usual, with clients that pay ahead. */
async function openHostile(paid: Hostile["paid"]): Promise<Hostile> {
  const hostile = await openUsual(paid);
  const { connect } = hostile;
  return Object.assign(hostile, {
    connect: (options = {}) => connect({ payAhead: true, ...options }),
  } satisfies Pick<Hostile, "connect">);
}
const openShop: typeof openUsualShop = async (options) => {
  const shop = await openUsualShop(options);
  const { client } = shop;
  return Object.assign(shop, {
    client: (more = {}) => client({ payAhead: true, ...more }),
  } satisfies Pick<Shop, "client">);
};
const caught = (thrown: unknown) => thrown;
const paymentOf = (request: Request): PaymentPayload =>
  decodeHeader(request.headers.get("payment-signature") ?? "") as PaymentPayload;
const nonceOf = ({ payload }: PaymentPayload): string =>
  (payload as { authorization: { nonce: string } }).authorization.nonce;

/** A seller that takes a payment only for the offer it makes now. */
async function openCareful(offer: Partial<PaymentRequirements> = {}) {
  const terms = { offer };
  const hostile: Hostile = await openHostile(async (request) => {
    const { cents = 1 } = (await request.clone().json()) as { cents?: number };
    const now = { ...offerOf(hostile.ledger, cents), ...terms.offer };
    const isSame = JSON.stringify(paymentOf(request).accepted) === JSON.stringify(now);
    return isSame ? Response.json({ ok: true }, { headers: receipt() }) : hostile.refuse(request.url, cents);
  });
  const { challenge } = hostile;
  hostile.challenge = (usual) => challenge({ ...usual, ...terms.offer });
  return { hostile, terms };
}

describe("a call at terms that are known", () => {
  let shop: Shop | undefined;
  afterEach(async () => {
    await shop?.[Symbol.asyncDispose]();
    shop = undefined;
  });

  it("sends its payment at once, and asks the seller where the price is another", async () => {
    shop = await openShop();
    const { requests } = shop;
    const events: string[] = [];
    const client = shop.client({ onEvent: ({ type }) => events.push(type) });
    const counts: number[] = [];
    for (const text of ["one", "two", "three"]) {
      const before = requests.length;
      expect(await client.echo({ text })).toEqual({ text });
      counts.push(requests.length - before);
    }
    expect(counts).toEqual([2, 1, 1]);
    expect(events.filter((type) => type === "challenged")).toHaveLength(1);
    expect(events.filter((type) => type === "signed")).toHaveLength(3);
    const { paid, received } = await shop.moved();
    expect(paid).toBe(received);
    expect(Number((await client.budget()).spent) * 1e6).toBe(Number(paid));
  });

  it("sends it at once for a job as well", async () => {
    shop = await openShop();
    const client = shop.client();
    await client.render({ prompt: "a" });
    const posts = () => shop?.requests.filter(({ method }) => method === "POST").length;
    expect(posts()).toBe(2);
    await client.render({ prompt: "b" });
    expect(posts()).toBe(3);
    await client.render({ prompt: "c", size: "large" });
    expect(posts()).toBe(5);
  });

  it("is not charged when its input is invalid, and the next call asks again", async () => {
    shop = await openShop();
    const client = shop.client();
    await client.echo({ text: "a" });
    const before = await shop.moved();
    const error = await client.echo({ text: 5 } as never).catch(caught);
    expect(error).toMatchObject({ code: "invalid_input", charged: "no" });
    expect(await shop.moved()).toEqual(before);
    const sent = shop.requests.length;
    await client.echo({ text: "b" });
    expect(shop.requests.length - sent).toBe(2);
  });

  it("resends the same bytes after a lost response, and is charged once", async () => {
    shop = await openShop();
    const client = shop.client();
    await client.echo({ text: "a" });
    const { received } = await shop.moved();
    const { network } = shop;
    let lost = 0;
    shop.network = async (request) => {
      const answer = await network(request);
      if (lost++ === 0) throw new TypeError("fetch failed");
      return answer;
    };
    const sent = shop.requests.length;
    expect(await client.echo({ text: "b" })).toEqual({ text: "b" });
    const signatures = shop.requests.slice(sent).map((request) => request.headers.get("payment-signature"));
    expect(signatures).toHaveLength(2);
    expect(new Set(signatures).size).toBe(1);
    expect((await shop.moved()).received).toBe(received * 2n);
  });

  it("is resumed by the same bytes after a crash", async () => {
    shop = await openShop();
    const calls = memoryCalls();
    const client = shop.client({ calls, retries: 0 });
    await client.echo({ text: "a" });
    const { received } = await shop.moved();
    const { network } = shop;
    shop.network = () => Promise.reject(new TypeError("fetch failed"));
    await client.echo({ text: "b" }).catch(caught);
    shop.network = network;
    const open = await shop.client({ calls }).pending();
    expect(open).toHaveLength(1);
    expect(await open[0]?.resume()).toEqual({ text: "b" });
    expect((await shop.moved()).received).toBe(received * 2n);
  });
});

describe("a payment that was sent ahead and not taken", () => {
  it.each([
    ["another payee", { payTo: "0x0000000000000000000000000000000000000403" }],
    ["a lower price", { amount: "8000" }],
    ["another description", { extra: { name: "USDC", version: "2", pricing: { amount: "0.01" } } }],
    ["more time", { maxTimeoutSeconds: 400 }],
  ])("is replaced where the seller has %s, and only one of the two can settle", async (_, offer) => {
    const { hostile, terms } = await openCareful();
    const connection = hostile.connect({ budget: { total: "0.02" } });
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    terms.offer = offer;
    expect(await echo({})).toEqual({ ok: true });
    const [, ahead, replacement] = hostile.payments();
    expect(hostile.payments()).toHaveLength(3);
    expect(nonceOf(replacement as PaymentPayload)).toBe(nonceOf(ahead as PaymentPayload));
    // What was sent ahead is settled first, although it was refused.
    expect(await hostile.takeAll()).toBe(20_000n);
    expect(await connection.budget()).toEqual({ spent: "0.02", held: "0.00", free: "0.00" });
    // And the new terms are known.
    hostile.requests.length = 0;
    await hostile.echo()({});
    expect(hostile.requests).toHaveLength(2);
  });

  it.each(["echo", "render"] as const)(
    "is replaced where a server of ours has a new payee (%s)",
    async (name) => {
      await using shop = await openShop();
      const { world, store } = shop;
      const { network } = world;
      const payTo = privateKeyToAccount(generatePrivateKey()).address;
      await using renewed = await openShop({ world, store, payments: { accepts: [{ network, payTo }] } });
      const client = shop.client();
      const buy = (text: string) =>
        name === "echo" ? client.echo({ text }) : client.render({ prompt: text });
      await buy("a");
      const { received } = await shop.moved();
      shop.network = renewed.network;
      const posts = () => shop.requests.filter(({ method }) => method === "POST").length;
      const before = posts();
      await buy("b");
      expect(posts() - before).toBe(2);
      await buy("c");
      expect(posts() - before).toBe(3);
      expect((await shop.moved()).received).toBe(received);
      expect(await world.balanceOf(payTo)).toBe(received * 2n);
      expect(await client.budget()).toMatchObject({ held: "0.00" });
      expect(Number((await client.budget()).spent) * 1e6).toBeCloseTo(Number(received * 3n));
      expect(await client.pending()).toEqual([]);
    },
  );

  it("is held until `retryAt` where the seller says that it did not charge it", async () => {
    const { hostile, terms } = await openCareful();
    const echo = hostile.echo();
    await echo({});
    terms.offer = { amount: "20000" };
    hostile.paid = (request) => {
      const { headers } = hostile.refuse(request.url, 1);
      return new Response(JSON.stringify({ paymentState: "unused" }), { status: 402, headers });
    };
    const error = await echo({}).catch(caught);
    expect(error).toMatchObject({ reason: "over_price", charged: "no", retryAt: expect.any(String) });
  });

  it("is replaced at a higher price only within the ceilings", async () => {
    const { hostile, terms } = await openCareful();
    const echo = hostile.echo();
    await echo({});
    terms.offer = { amount: "20000" };
    expect(await echo({}).catch(caught)).toMatchObject({ reason: "over_price", charged: "unknown" });
    expect(hostile.payments()).toHaveLength(2);
    expect(await echo({}, { maxPrice: "0.02" })).toEqual({ ok: true });
    expect(await echo({}, { maxPrice: "0.02" })).toEqual({ ok: true });
    expect(hostile.payments()).toHaveLength(4);
  });

  it.each([
    ["another token", { asset: OTHER_TOKEN }],
    ["another network", { network: "eip155:1" as const }],
    ["less time", { maxTimeoutSeconds: 200 }],
  ])("is not replaced where the seller has %s: both could settle", async (_, offer) => {
    const { hostile, terms } = await openCareful();
    const { network, asset } = hostile.ledger;
    const other = { symbol: "USDX", decimals: 6 };
    const elsewhere = { ...other, network: "eip155:1", address: asset };
    const echo = hostile.echo({ assets: [{ ...other, network, address: OTHER_TOKEN }, elsewhere] });
    await echo({});
    terms.offer = offer;
    expect(await echo({}).catch(caught)).toMatchObject({ reason: "changed_terms", charged: "unknown" });
    expect(hostile.payments()).toHaveLength(2);
    // The next call asks first, and takes the new terms.
    expect(await echo({})).toEqual({ ok: true });
  });

  it("is not signed again where the seller asks for the same", async () => {
    const { hostile } = await openCareful();
    const echo = hostile.echo();
    await echo({});
    hostile.paid = (request) => hostile.refuse(request.url, 1);
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_rejected" });
    expect(hostile.requests).toHaveLength(3);
  });

  it("is not replaced where the chain proves that it has settled", async () => {
    const { hostile, terms } = await openCareful();
    const payer = { ...hostile.payer, used: async () => true };
    const echo = hostile.echo({ payer });
    await echo({});
    terms.offer = { amount: "8000" };
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_rejected", charged: "yes" });
    expect(hostile.requests).toHaveLength(3);
  });

  it("is not replaced once it was renewed after a proof that it lapsed", async () => {
    const { hostile } = await openCareful();
    let proofs = 0;
    const payer = { ...hostile.payer, lapsed: async () => proofs++ === 0 };
    const echo = hostile.echo({ payer });
    await echo({});
    let count = 0;
    const { challenge } = hostile;
    hostile.challenge = (offer) => {
      count += 1;
      return challenge({ ...offer, extra: { ...offer.extra, count } });
    };
    hostile.paid = (request) => hostile.refuse(request.url, 1);
    await echo({}).catch(caught);
    const [, ahead, renewed] = hostile.payments().map(nonceOf);
    expect(hostile.payments()).toHaveLength(3);
    expect(renewed).not.toBe(ahead);
  });

  it("is not replaced twice", async () => {
    const { hostile } = await openCareful();
    const echo = hostile.echo();
    await echo({});
    let count = 0;
    const { challenge } = hostile;
    hostile.challenge = (offer) => {
      count += 1;
      return challenge({ ...offer, extra: { ...offer.extra, count } });
    };
    hostile.paid = (request) => hostile.refuse(request.url, 1);
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_rejected" });
    expect(hostile.payments()).toHaveLength(3);
  });
});

describe("the seller is asked first", () => {
  it("where the price is another", async () => {
    const { hostile } = await openCareful();
    const echo = hostile.echo();
    for (const cents of [1, 2, 2, 1]) await echo({ cents });
    expect(hostile.requests.map((request) => request.headers.has("payment-signature"))).toEqual([
      ...[false, true, false, true],
      ...[true, false, true],
    ]);
  });

  it("where payAhead is not asked for", async () => {
    const { hostile } = await openCareful();
    const echo = hostile.echo({ payAhead: false });
    for (let n = 0; n < 2; n += 1) await echo({});
    expect(hostile.requests).toHaveLength(4);
  });

  it("where the payer cannot replace a payment, as that of the official package", async () => {
    const { hostile } = await openCareful();
    const payer = new x402Client().register(
      "eip155:*",
      new ExactEvmScheme(privateKeyToAccount(generatePrivateKey())),
    );
    const echo = hostile.echo({ payer });
    for (let n = 0; n < 2; n += 1) await echo({});
    expect(hostile.requests).toHaveLength(4);
  });

  it("where the price is quoted, or not published", async () => {
    const hostile = await openHostile(() => Response.json({ ok: true }, { headers: receipt() }));
    const connection = hostile.connect();
    const quoted = { kind: "quoted", min: "0.01", max: "0.05", per: "call" } as const;
    for (const price of [quoted, { kind: "unknown" } as const]) {
      hostile.requests.length = 0;
      const call = connection.resource<object, unknown>({ ...echoDefinition, name: price.kind, price });
      for (let n = 0; n < 2; n += 1) await call({}, { maxPrice: "0.05" });
      expect(hostile.requests).toHaveLength(4);
    }
  });
});

describe("a key of the caller's own, after a payment that was sent ahead", () => {
  const key = { idempotencyKey: "order-0000000000001" };
  afterEach(() => void vi.useRealTimers());

  it("still takes the right input after an invalid one", async () => {
    await using shop = await openShop();
    const client = shop.client();
    await client.echo({ text: "a" });
    const { received } = await shop.moved();
    expect(await client.echo({ text: 5 } as never, key).catch(caught)).toMatchObject({
      code: "invalid_input",
    });
    expect(await client.echo({ text: 6 } as never, key).catch(caught)).toMatchObject({
      code: "invalid_input",
      charged: "no",
    });
    expect(await client.echo({ text: "b" }, key)).toEqual({ text: "b" });
    expect((await shop.moved()).received).toBe(received * 2n);
    expect(await client.pending()).toEqual([]);
    // The first payment of that key and its replacement count once.
    expect(Number((await client.budget()).spent) * 1e6).toBe(Number(received * 2n));
    expect(await client.budget()).toMatchObject({ held: "0.00" });
    expect(await client.echo({ text: "c" }, key).catch(caught)).toMatchObject({ reason: "key_mismatch" });
  });

  it("can be called again with more, in a new process as well", async () => {
    const { hostile, terms } = await openCareful();
    const calls = memoryCalls();
    const echo = hostile.echo({ calls });
    await echo({});
    terms.offer = { amount: "20000" };
    expect(await echo({}, key).catch(caught)).toMatchObject({ reason: "over_price", charged: "unknown" });
    const later = hostile.connect({ calls, budget: { total: "0.02" } });
    const call = later.resource<object, unknown>(echoDefinition);
    expect(await call({}, { ...key, maxPrice: "0.02" })).toEqual({ ok: true });
    expect(await later.budget()).toEqual({ spent: "0.02", held: "0.00", free: "0.00" });
    const [first, second] = hostile.payments().slice(-2).map(nonceOf);
    expect(second).toBe(first);
  });

  it("is not signed for above the budget, nor without a price", async () => {
    const { hostile, terms } = await openCareful();
    const calls = memoryCalls();
    const echo = hostile.echo({ calls });
    await echo({});
    terms.offer = { amount: "20000" };
    await echo({}, key).catch(caught);
    const later = hostile.connect({ calls, budget: { total: "0.015" } });
    const call = later.resource<object, unknown>(echoDefinition);
    const more = { ...key, maxPrice: "0.02" } as const;
    expect(await call({}, more).catch(caught)).toMatchObject({ reason: "over_budget", charged: "unknown" });
    const unpriced = { ...echoDefinition, price: { kind: "unknown" } } as const;
    const blind = hostile.connect({ calls }).resource<object, unknown>(unpriced);
    expect(await blind({}, key).catch(caught)).toMatchObject({ code: "payment_rejected" });
    expect(hostile.payments()).toHaveLength(2);
  });

  it("is not signed for above the budget of a buyer that has not counted the first payment", async () => {
    const { hostile } = await openCareful();
    const calls = memoryCalls();
    const late = hostile.connect({ calls, budget: { total: "0.01" } });
    const lateEcho = late.resource<object, unknown>(echoDefinition);
    await lateEcho({});
    const echo = hostile.echo({ calls });
    await echo({});
    const { paid } = hostile;
    hostile.paid = () => problem(400, "invalid_input", "unused");
    await echo({ wrong: true } as object, key).catch(caught);
    hostile.paid = paid;
    expect(await lateEcho({}, key).catch(caught)).toMatchObject({ reason: "over_budget" });
    expect(hostile.payments()).toHaveLength(3);
  });

  it("is paid for once the payment has expired that the seller said nothing about", async () => {
    const { hostile } = await openCareful();
    const connection = hostile.connect();
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    const { paid } = hostile;
    hostile.paid = () => new Response("{}", { status: 401 });
    expect(await echo({}, key).catch(caught)).toMatchObject({ status: 401, charged: "unknown" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 400_000 });
    hostile.paid = (request, count) => {
      const { validBefore } = (paymentOf(request).payload as { authorization: { validBefore: string } })
        .authorization;
      return Number(validBefore) * 1000 < Date.now() ? hostile.refuse(request.url, 1) : paid(request, count);
    };
    expect(await echo({}, key)).toEqual({ ok: true });
    expect(await connection.budget()).toMatchObject({ spent: "0.02", held: "0.00" });
  });

  it("is not signed for by the wallet of another buyer that shares `calls`", async () => {
    const { hostile, terms } = await openCareful();
    const calls = memoryCalls();
    const echo = hostile.echo({ calls });
    await echo({});
    terms.offer = { amount: "20000" };
    await echo({}, key).catch(caught);
    const payer = evmPayer(privateKeyToAccount(generatePrivateKey()));
    const more = { ...key, maxPrice: "0.02" } as const;
    const error = await hostile.echo({ calls, payer })({}, more).catch(caught);
    expect(error).toMatchObject({ reason: "payer_failed" });
    expect(hostile.payments()).toHaveLength(2);
  });
});

describe("a replaced payment and its replacement", () => {
  it.each([
    ["more", "20000", "0.02"],
    ["less", "8000", "0.01"],
  ])("count once for a buyer that shares `calls`, where the seller asks for %s", async (_, amount, most) => {
    const { hostile, terms } = await openCareful();
    const calls = memoryCalls();
    const total = { total: "1", acceptPriceUpTo: { echo: "0.02" } } as const;
    const connection = hostile.connect({ calls, budget: total, retries: 0 });
    const other = hostile.connect({ calls, budget: total });
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    terms.offer = { amount };
    const { paid } = hostile;
    hostile.paid = async (request, count) => {
      if (count > 1) await other.pending();
      if (count === 3) throw new TypeError("fetch failed");
      return paid(request, count);
    };
    await echo({}).catch(caught);
    await other.pending();
    expect(await other.budget()).toMatchObject({ spent: "0.00", held: most });
    const later = hostile.connect({ calls, budget: total });
    await later.pending();
    expect(await later.budget()).toMatchObject({ spent: "0.00", held: most });
  });

  it.each([
    ["only of the second", undefined, "unknown", "over_budget"],
    ["of both", "unused", "no", undefined],
  ])("are charged as the seller says, where it says `unused` %s", async (_, first, charged, reason) => {
    const { hostile, terms } = await openCareful();
    const connection = hostile.connect({ budget: { total: "0.02" } });
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    terms.offer = { amount: "8000" };
    const { paid } = hostile;
    hostile.paid = (request, count) => {
      if (count > 3) return paid(request, count);
      if (count === 3) return problem(409, "odd", "unused");
      const { headers } = hostile.refuse(request.url, 1);
      return new Response(JSON.stringify({ paymentState: first }), { status: 402, headers });
    };
    const error = (await echo({}).catch(caught)) as { charged: string; retryAt?: string };
    expect(error.charged).toBe(charged);
    expect(error.retryAt !== undefined).toBe(charged === "no");
    expect(hostile.payments()).toHaveLength(3);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    const next = await echo({}).catch(caught);
    vi.useRealTimers();
    expect((next as { reason?: string }).reason).toBe(reason);
  });

  it("are not charged only where the seller says so twice, for a job as well", async () => {
    const { hostile, terms } = await openCareful();
    const { paid } = hostile;
    const job = {
      success: true,
      jobId: "job_1",
      statusUrl: "https://api.test/v1/jobs/1",
      state: "processing",
    };
    hostile.paid = async (request, count) => {
      if (request.method !== "GET") {
        const answer = await paid(request, count);
        return answer.status === 402 ? answer : Response.json(job, { status: 202 });
      }
      return Response.json({ jobId: "job_1", state: "failed", paymentState: "unused" });
    };
    const render = hostile.connect().jobResource<object, unknown>(echoDefinition);
    expect(await render({}).catch(caught)).toMatchObject({ code: "failed", charged: "no" });
    terms.offer = { amount: "8000" };
    expect(await render({}).catch(caught)).toMatchObject({ code: "failed", charged: "unknown" });
    expect(hostile.payments()).toHaveLength(3);
  });

  it("are not taken for an earlier call that was paid for", async () => {
    const { hostile, terms } = await openCareful();
    const connection = hostile.connect();
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    terms.offer = { amount: "8000" };
    hostile.paid = (request, count) =>
      count === 3
        ? Response.json({ ok: true }, { headers: { ...receipt(), "payment-unused": "true" } })
        : hostile.refuse(request.url, 1);
    await echo({});
    expect(await connection.budget()).toMatchObject({ spent: "0.02", held: "0.00" });
  });

  it("count once where `pending()` read the calls in between", async () => {
    const { hostile, terms } = await openCareful();
    const calls = memoryCalls();
    let slow: Promise<unknown> | undefined;
    let goOn = (): void => {};
    const list: typeof calls.list = async () => {
      const listed = await calls.list();
      if (!slow) return listed;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return listed;
    };
    const connection = hostile.connect({ calls: { ...calls, list } });
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    terms.offer = { amount: "8000" };
    const { paid } = hostile;
    hostile.paid = (request, count) => {
      if (count === 2) {
        slow = Promise.resolve();
        slow = connection.pending();
      }
      return paid(request, count);
    };
    await echo({});
    goOn();
    await slow;
    slow = undefined;
    expect(await connection.budget()).toMatchObject({ spent: "0.02", held: "0.00" });
  });
});

describe("a seller that depends on being asked", () => {
  const times = async (count: number, call: () => Promise<unknown>): Promise<string[]> => {
    const ends: string[] = [];
    for (let n = 0; n < count; n += 1)
      ends.push(
        await call().then(
          () => "ok",
          ({ code }) => code,
        ),
      );
    return ends;
  };

  it("by an extension of each 402 is paid for it", async () => {
    const { hostile } = await openCareful();
    let issued = 0;
    const { challenge } = hostile;
    hostile.challenge = (offer) => {
      issued += 1;
      return { ...(challenge(offer) as object), extensions: { quote: { info: { id: issued } } } };
    };
    const idOf = (request: Request) =>
      (paymentOf(request).extensions as { quote: { info: { id: number } } }).quote.info.id;
    // Each is good for one payment.
    hostile.paid = (request) =>
      idOf(request) === issued++
        ? Response.json({ ok: true }, { headers: receipt() })
        : hostile.refuse(request.url, 1);
    const echo = hostile.echo();
    expect(await times(4, () => echo({}))).toEqual(["ok", "ok", "ok", "ok"]);
  });

  it.each([
    ["402", "payment_rejected", (hostile: Hostile, url: string) => hostile.refuse(url, 1)],
    ["410", "http", () => new Response("{}", { status: 410 })],
    ["404", "http", () => new Response("Not found", { status: 404 })],
  ])(
    "and answers %s otherwise, refuses one payment that was sent ahead and no more",
    async (_, code, answer) => {
      const asked = new Set<string>();
      const keyOf = (request: Request) => request.headers.get("idempotency-key") ?? "";
      const hostile = await openHostile((request) =>
        asked.has(keyOf(request))
          ? Response.json({ ok: true }, { headers: receipt() })
          : answer(hostile, request.url),
      );
      const fetch: typeof globalThis.fetch = (input, init) => {
        const request = new Request(input, init);
        if (!request.headers.has("payment-signature")) asked.add(keyOf(request));
        return hostile.fetch(request);
      };
      const echo = hostile.echo({ fetch });
      expect(await times(5, () => echo({}))).toEqual(["ok", code, "ok", "ok", "ok"]);
    },
  );

  it("for its network of the moment refuses one payment that was sent ahead and no more", async () => {
    const { hostile, terms } = await openCareful();
    const { asset } = hostile.ledger;
    const echo = hostile.echo({
      assets: [{ symbol: "USDX", decimals: 6, network: "eip155:1", address: asset }],
    });
    let count = 0;
    const call = () => {
      terms.offer = count++ % 2 ? { network: "eip155:1" } : {};
      return echo({});
    };
    expect(await times(5, call)).toEqual(["ok", "payment_refused", "ok", "ok", "ok"]);
  });

  it.each([
    ["GET", "http://api.test", true],
    ["GET", "https://api.test", false],
    ["POST", "http://inner.test:8080", true],
  ] as const)("names itself as it always does (%s, %s)", async (method, host, hasQuery) => {
    const named = (address: string): string => {
      const { pathname, search } = new URL(address);
      return host + pathname + (hasQuery ? search : "");
    };
    const hostile = await openHostile((request) => {
      const isPaid = request.headers.has("payment-signature");
      const isSame = isPaid && paymentOf(request).resource?.url === named(request.url);
      return isSame ? Response.json({ ok: true }, { headers: receipt() }) : hostile.refuse(request.url, 1);
    });
    const { refuse } = hostile;
    hostile.refuse = (url) => refuse(named(url), 1);
    const definition = { ...echoDefinition, method, path: "/v1/:city/weather" } as const;
    const connection = hostile.connect({ resourceHosts: ["inner.test:8080"] });
    const weather = connection.resource<object, unknown>(definition);
    for (const city of ["a", "b", "c"]) expect(await weather({ city, day: city })).toEqual({ ok: true });
    expect(hostile.requests).toHaveLength(4);
  });

  it("and takes one payment under each key, refuses one replacement and no more", async () => {
    const taken = new Map<string, string>();
    const { hostile, terms } = await openCareful();
    const { paid } = hostile;
    let count = 0;
    hostile.paid = async (request, number) => {
      const [key, header] = ["idempotency-key", "payment-signature"].map((name) => request.headers.get(name));
      const first = taken.get(key ?? "") ?? header ?? "";
      taken.set(key ?? "", first);
      return first === header ? paid(request, number) : new Response("{}", { status: 409 });
    };
    const echo = hostile.echo();
    const call = () => {
      terms.offer = { maxTimeoutSeconds: 300 + count++ };
      return echo({});
    };
    expect(await times(5, call)).toEqual(["ok", "http", "ok", "ok", "ok"]);
  });

  it("is paid ahead where only some inputs are free", async () => {
    const hostile = await openHostile(() => Response.json({ ok: true }, { headers: receipt() }));
    const { refuse } = hostile;
    hostile.refuse = (url, cents) => (cents === 0 ? Response.json({ ok: true }) : refuse(url, cents));
    const echo = hostile.echo();
    for (const cents of [0, 1, 1]) await echo({ cents });
    expect(hostile.requests).toHaveLength(4);
  });

  it.each([
    ["without a receipt", {}],
    ["out of a cache", { age: "1" }],
  ])("and gives more for one payment, %s, is sent one more payment at most", async (_, headers) => {
    const hostile = await openHostile((_, count) =>
      Response.json({ ok: true }, { headers: count === 1 ? receipt() : (headers as Record<string, string>) }),
    );
    const { refuse } = hostile;
    hostile.refuse = (url, cents) =>
      hostile.payments().length === 0 ? refuse(url, cents) : Response.json({ ok: true });
    const echo = hostile.echo();
    expect(await times(5, () => echo({}))).toEqual(["ok", "ok", "ok", "ok", "ok"]);
    expect(hostile.payments()).toHaveLength(2);
  });

  it("because some calls are free is asked each time", async () => {
    let isFree = true;
    const hostile = await openHostile(() => Response.json({ ok: true }, { headers: receipt() }));
    const { refuse } = hostile;
    hostile.refuse = (url, cents) => (isFree ? Response.json({ ok: true }) : refuse(url, cents));
    const echo = hostile.echo();
    await echo({});
    isFree = false;
    await echo({});
    isFree = true;
    await echo({});
    expect(hostile.payments()).toHaveLength(1);
  });
});

describe("nothing is signed", () => {
  it("for a call that is aborted before it is sent", async () => {
    const { hostile } = await openCareful();
    const connection = hostile.connect();
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    const signal = AbortSignal.abort(new Error("stopped"));
    await expect(echo({}, { signal })).rejects.toThrow("stopped");
    expect(await connection.pending()).toEqual([]);
    expect(await connection.budget()).toMatchObject({ held: "0.00" });
  });

  it("again while the seller cannot be reached", async () => {
    const { hostile } = await openCareful();
    let isDown = false;
    const fetch: typeof globalThis.fetch = (input, init) =>
      isDown ? Promise.reject(new TypeError("fetch failed")) : hostile.fetch(input, init);
    const connection = hostile.connect({ fetch, retries: 0, budget: { total: "0.04" } });
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    isDown = true;
    expect(await echo({}).catch(caught)).toMatchObject({ code: "network", charged: "unknown" });
    for (let n = 0; n < 3; n += 1) {
      expect(await echo({}).catch(caught)).toMatchObject({ code: "network", charged: "no" });
    }
    expect(await connection.budget()).toMatchObject({ held: "0.01" });
    isDown = false;
    expect(await echo({})).toEqual({ ok: true });
  });

  it("for terms above the ceilings of this call: the seller is asked, which may ask for less now", async () => {
    const { hostile, terms } = await openCareful();
    const connection = hostile.connect({ budget: { total: "0.04" } });
    const echo = connection.resource<object, unknown>(echoDefinition);
    terms.offer = { amount: "20000" };
    await echo({}, { maxPrice: "0.02" });
    expect(await echo({}).catch(caught)).toMatchObject({ reason: "over_price", charged: "no" });
    terms.offer = {};
    expect(await echo({})).toEqual({ ok: true });
    expect(await connection.budget()).toEqual({ spent: "0.03", held: "0.00", free: "0.01" });
  });

  it.each([
    ["with a receipt", () => receipt(), undefined],
    ["and says that it has settled", () => ({}), "settled"],
    ["and says that a refund is owed", () => ({}), "refund_owed"],
  ])("for other terms where the seller refuses the first payment %s", async (_, headers, paymentState) => {
    const { hostile, terms } = await openCareful();
    const connection = hostile.connect();
    const echo = connection.resource<object, unknown>(echoDefinition);
    await echo({});
    terms.offer = { amount: "8000" };
    hostile.paid = (request) => {
      const answer = hostile.refuse(request.url, 1);
      const body = JSON.stringify({ paymentState });
      return new Response(body, {
        status: 402,
        headers: { ...Object.fromEntries(answer.headers), ...headers() },
      });
    };
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_rejected", charged: "yes" });
    expect(hostile.payments()).toHaveLength(2);
  });
});

describe("a clock that is set", () => {
  afterEach(() => void vi.useRealTimers());
  const set = (ms: number): unknown => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });

  it("is compared with the seller's before anything is signed for longer than `maxValidity`", async () => {
    const { hostile } = await openCareful();
    const { refuse } = hostile;
    hostile.refuse = (url, cents) => {
      const answer = refuse(url, cents);
      answer.headers.set("date", new Date(performance.timeOrigin + performance.now()).toUTCString());
      return answer;
    };
    const echo = hostile.echo();
    await echo({});
    set(24 * 3_600_000);
    expect(await echo({}).catch(caught)).toMatchObject({ reason: "clock_off", charged: "no" });
    expect(hostile.payments()).toHaveLength(1);
  });

  it("during a call is noticed by the next one", async () => {
    const { hostile } = await openCareful();
    const echo = hostile.echo();
    await echo({});
    const { paid } = hostile;
    hostile.paid = (request, count) => {
      if (count === 2) set(60_000);
      return paid(request, count);
    };
    await echo({});
    hostile.requests.length = 0;
    await echo({});
    expect(hostile.requests).toHaveLength(2);
  });

  it("never leaves a replacement that lapses before the payment it replaces", async () => {
    const { hostile, terms } = await openCareful();
    const echo = hostile.echo();
    await echo({});
    terms.offer = { amount: "8000" };
    const { paid } = hostile;
    hostile.paid = (request, count) => {
      if (count === 2) set(-120_000);
      return paid(request, count);
    };
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_refused", charged: "unknown" });
    expect(hostile.payments()).toHaveLength(2);
  });
});

it("a hostile seller never takes two payments of one call, nor more than the budget", async () => {
  const words = [
    "take",
    "refuse",
    "change",
    "cheaper",
    "dearer",
    "shorter",
    "break",
    "unused",
    "invalid",
    "lost",
  ];
  const answer = fc.constantFrom(...words, "receipt", "settled", "owed", "earlier");
  const step = fc.record({
    answers: fc.tuple(answer, answer),
    settleNow: fc.boolean(),
    key: fc.constantFrom(undefined, undefined, "order-0000000000001", "order-0000000000002"),
    input: fc.constantFrom("a", "b"),
    maxPrice: fc.constantFrom(undefined, "0.02" as const),
    reads: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      let turn: readonly string[] = [];
      let marks = 0;
      let amount = 10_000;
      let seconds = 300;
      const ok = (headers: Record<string, string>) => Response.json({ ok: true }, { headers });
      const hostile: Hostile = await openHostile(async (request) => {
        const [word = "refuse", ...rest] = turn;
        turn = rest;
        if (word === "take") return ok(receipt());
        if (word === "earlier") return ok({ ...receipt(), "payment-unused": "true" });
        if (word === "break") return problem(500, "internal_error");
        if (word === "invalid") return problem(400, "invalid_input", "unused");
        if (word === "unused") return problem(409, "odd", "unused");
        if (word === "lost") throw new TypeError("fetch failed");
        if (word === "cheaper") amount -= 1_000;
        if (word === "dearer") amount += 1_000;
        if (word === "shorter") seconds -= 1;
        if (word !== "refuse") marks += 1;
        const { headers } = hostile.refuse(request.url, 1);
        if (word === "receipt") headers.set("payment-response", receipt()["payment-response"] ?? "");
        const paymentState = word === "settled" ? "settled" : word === "owed" ? "refund_owed" : undefined;
        return new Response(JSON.stringify({ paymentState }), { status: 402, headers });
      });
      const { challenge } = hostile;
      hostile.challenge = (offer) => {
        const extra = { ...offer.extra, marks };
        return challenge({ ...offer, amount: String(amount), maxTimeoutSeconds: seconds, extra });
      };
      const budget = { total: "0.045", strict: true } as const;
      const calls = memoryCalls();
      const connection = hostile.connect({ budget, retries: 0, calls });
      const other = hostile.connect({ calls });
      const echo = connection.resource<object, unknown>(echoDefinition);
      turn = ["take"];
      await echo({});
      for (const { answers, settleNow, key, input, maxPrice, reads } of steps) {
        turn = answers;
        const options = { ...(key ? { idempotencyKey: key } : {}), ...(maxPrice ? { maxPrice } : {}) };
        await echo({ input }, options).catch(caught);
        if (reads) await Promise.all([connection.pending(), other.pending()]);
        const taken = settleNow ? await hostile.takeAll() : 0n;
        const { spent, held } = await connection.budget();
        const counted = BigInt(Math.round((Number(spent) + Number(held)) * 1e6));
        expect(taken).toBeLessThanOrEqual(counted);
        expect(counted).toBeLessThanOrEqual(45_000n);
      }
      const keys = new Map<string, Set<string>>();
      const nonces = new Map<string, bigint>();
      for (const request of hostile.requests) {
        if (!request.headers.has("payment-signature")) continue;
        const key = request.headers.get("idempotency-key") ?? "";
        const payment = paymentOf(request);
        const nonce = nonceOf(payment);
        keys.set(key, (keys.get(key) ?? new Set()).add(nonce));
        const most = nonces.get(nonce) ?? 0n;
        const value = BigInt(payment.accepted.amount);
        nonces.set(nonce, value > most ? value : most);
      }
      for (const nonces of keys.values()) expect(nonces.size).toBe(1);
      // What counts is the most that can be taken, no less and no more.
      const { spent, held } = await connection.budget();
      const counted = BigInt(Math.round((Number(spent) + Number(held)) * 1e6));
      expect(counted).toBe([...nonces.values()].reduce((sum, one) => sum + one, 0n));
      expect(await hostile.takeAll()).toBeLessThanOrEqual(counted);
    }),
    { numRuns: 60 },
  );
});

const echoDefinition = {
  name: "echo",
  method: "POST",
  path: "/v1/echo",
  price: { kind: "fixed", usd: "0.01", per: "call" },
} as const;
