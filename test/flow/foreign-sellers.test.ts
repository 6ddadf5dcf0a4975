import { describe, expect, it, vi } from "vitest";
import { decodeHeader, encodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { BASE_URL, openHostile, receipt } from "./hostile.ts";
import { openShop } from "./shop.ts";
import { openStranger, operation } from "./stranger.ts";

const caught = (thrown: unknown) => thrown;
const paid = () => Response.json({ ok: true }, { headers: receipt() });
const offered = (hostile: Awaited<ReturnType<typeof openHostile>>, change: object, ...more: object[]) => {
  const { challenge } = hostile;
  hostile.challenge = (offer) => ({
    ...(challenge(offer) as object),
    accepts: [change, ...more].map((one) => ({ ...offer, ...one })),
  });
};

describe("a seller of version 1 alone", () => {
  it("is paid on the chain by X-PAYMENT, once, and its receipt is read", async () => {
    await using shop = await openShop({ chain: true });
    const through = shop.network;
    shop.network = async (request) => {
      expect(request.headers.has("payment-signature")).toBe(false);
      const answer = await through(request);
      const headers = new Headers(answer.headers);
      for (const name of ["payment-required", "payment-response"]) headers.delete(name);
      return new Response(await answer.text(), { status: answer.status, headers });
    };
    const settled: unknown[] = [];
    const client = shop.client({
      onEvent: (event) => event.type === "settled" && settled.push(event.receipt),
    });
    expect(await client.echo({ text: "v1" })).toEqual({ text: "v1" });
    expect(await client.render({ prompt: "v1" })).toMatchObject({ note: "v1" });
    expect(settled).toMatchObject([{ amount: "0.01", network: "eip155:84532" }, { amount: "0.02" }]);
    const headers = shop.requests.map((request) => request.headers.get("x-payment")).filter(Boolean);
    expect(decodeHeader(headers[0] ?? "")).toMatchObject({
      ...{ x402Version: 1, scheme: "exact", network: "base-sepolia" },
      payload: { signature: expect.stringMatching(/^0x/), authorization: { value: "10000" } },
    });
    expect(await shop.moved()).toEqual({ paid: 30_000n, received: 30_000n });
  });

  it("is held to the price, and to the resource that was called", async () => {
    const hostile = await openHostile(paid);
    const body = (change: object) => ({
      x402Version: 1,
      accepts: [
        {
          ...{ scheme: "exact", network: "base-sepolia", maxAmountRequired: "10000", maxTimeoutSeconds: 60 },
          ...{ resource: `${BASE_URL}/v1/echo`, payTo: `0x${"11".repeat(20)}` },
          ...{ asset: hostile.ledger.asset, extra: { name: "USDC", version: "2" }, ...change },
        },
      ],
    });
    for (const [change, reason] of [
      [{ maxAmountRequired: "10001" }, "over_price"],
      [{ resource: "https://evil.test/v1/echo" }, "other_resource"],
      [{ network: "base" }, "unknown_asset"],
      [{ extra: { name: "Evil", version: "2" } }, "other_domain"],
    ] as const) {
      hostile.refuse = () => Response.json(body(change), { status: 402 });
      expect(await hostile.echo()({}).catch(caught)).toMatchObject({ code: "payment_refused", reason });
    }
    expect(hostile.requests.some((request) => request.headers.has("x-payment"))).toBe(false);
  });
});

describe("a seller behind a proxy", () => {
  const at = async (inner: string, baseUrl: string, resourceHosts?: readonly string[]) => {
    const hostile = await openHostile(paid);
    hostile.refuse = () => {
      const offer = {
        scheme: "exact",
        network: "eip155:84532",
        asset: hostile.ledger.asset,
        amount: "10000",
      };
      const terms = {
        payTo: `0x${"11".repeat(20)}`,
        maxTimeoutSeconds: 60,
        extra: { name: "USDC", version: "2" },
      };
      const document = { x402Version: 2, resource: { url: inner }, accepts: [{ ...offer, ...terms }] };
      return new Response(null, { status: 402, headers: { "payment-required": encodeHeader(document) } });
    };
    return hostile
      .echo({ baseUrl, ...(resourceHosts ? { resourceHosts } : {}) })({})
      .catch(caught);
  };

  it.each([
    ["http://localhost:3000/v1/echo", "http://127.0.0.1:3000"],
    ["http://127.0.0.1:3000/v1/echo", "http://[::1]:3000"],
    ["http://[::1]:3000/v1/echo", "http://localhost:3000"],
  ])("is the same under any loopback name: %s called at %s", async (inner, baseUrl) => {
    expect(await at(inner, baseUrl)).toEqual({ ok: true });
  });

  it("is refused under an inner name, and the error says how to allow it", async () => {
    const inner = "http://10.0.0.5:3000/v1/echo";
    expect(await at(inner, "https://api.test")).toMatchObject({
      reason: "other_resource",
      message: expect.stringContaining('resourceHosts: ["10.0.0.5:3000"]'),
    });
    expect(await at(inner, "https://api.test", ["10.0.0.5:3000"])).toEqual({ ok: true });
    const other = await at("http://10.0.0.5:3000/v1/other", "https://api.test", ["10.0.0.5:3000"]);
    expect(other).toMatchObject({ reason: "other_resource" });
    expect(await at("http://localhost:1/v1/echo", "http://127.0.0.1:2")).toMatchObject({
      reason: "other_resource",
    });
  });
});

describe("an offer", () => {
  it("of Circle Gateway is skipped, though it comes first", async () => {
    const hostile = await openHostile(paid);
    const extra = { name: "GatewayWalletBatched", version: "1", verifyingContract: `0x${"77".repeat(20)}` };
    offered(hostile, { extra }, {});
    expect(await hostile.echo()({})).toEqual({ ok: true });
    expect(await hostile.takeAll()).toBe(10_000n);
    offered(hostile, { extra });
    expect(await hostile.echo()({}).catch(caught)).toMatchObject({ reason: "no_offer" });
  });

  it.each([{ name: "Another Coin" }, { version: "9" }])(
    "in another domain (%j) is not signed",
    async (part) => {
      const hostile = await openHostile(paid);
      offered(hostile, { extra: { name: "USDC", version: "2", ...part } });
      expect(await hostile.echo()({}).catch(caught)).toMatchObject({ reason: "other_domain", charged: "no" });
      expect(hostile.payments()).toEqual([]);
    },
  );

  it("on a network that is not pinned is not signed", async () => {
    const hostile = await openHostile(paid);
    const client = (networks: readonly string[]) => hostile.echo({ networks })({}).catch(caught);
    expect(await client(["eip155:8453"])).toMatchObject({ reason: "other_network", charged: "no" });
    expect(hostile.payments()).toEqual([]);
    expect(await client(["eip155:8453", "eip155:84532"])).toEqual({ ok: true });
  });

  it("in the body of a 402 of version 2 is read like one in its header", async () => {
    const hostile = await openHostile(paid);
    const { refuse } = hostile;
    hostile.refuse = (url, cents) => {
      const header = refuse(url, cents).headers.get("payment-required") ?? "";
      return Response.json(decodeHeader(header) as PaymentRequired, { status: 402 });
    };
    expect(await hostile.echo()({})).toEqual({ ok: true });
  });

  it("in base64url is read without Node's Buffer as well", async () => {
    const native = globalThis.Buffer;
    vi.resetModules();
    Reflect.deleteProperty(globalThis, "Buffer");
    try {
      const { decodeHeader } = await import("../../src/protocol/headers.ts");
      expect(decodeHeader("eyJhIjoiPz8_fn5-In0")).toEqual({ a: "???~~~" });
    } finally {
      globalThis.Buffer = native;
    }
  });
});

describe("a clock that is off is noticed before anything is signed", () => {
  const sell = async (offMs: number, more: Record<string, string> = {}) => {
    const hostile = await openHostile(paid);
    const { refuse } = hostile;
    hostile.refuse = (url, cents) => {
      const answer = refuse(url, cents);
      answer.headers.set("date", new Date(Date.now() + offMs).toUTCString());
      for (const [name, value] of Object.entries(more)) answer.headers.set(name, value);
      return answer;
    };
    return { hostile, end: await hostile.echo()({}).catch(caught) };
  };
  it.each([
    ["behind", 400_000],
    ["ahead of", -4_000_000],
  ])("%s the seller's", async (word, offMs) => {
    const { hostile, end } = await sell(offMs);
    expect(end).toMatchObject({ reason: "clock_off", charged: "no" });
    expect((end as Error).message).toContain(word);
    expect(hostile.payments()).toEqual([]);
  });

  it("but not where it is off by little, or the 402 comes out of a cache", async () => {
    expect((await sell(100_000)).end).toEqual({ ok: true });
    expect((await sell(-100_000)).end).toEqual({ ok: true });
    expect((await sell(-4_000_000, { age: "4000" })).end).toEqual({ ok: true });
  });
});

describe("a request", () => {
  it("is not sent again after a 5xx to a seller without idempotency keys: its work is done once", async () => {
    await using seller = await openStranger(
      (app) => app.post("/paid/work", (c) => c.json({ error: "broken" }, 500)),
      { chain: false },
    );
    const work = (more: object = {}) =>
      seller.connect().resource(operation("work", more))({}).catch(caught) as Promise<{ url: string }>;
    expect(await work()).toMatchObject({ status: 500, url: `${seller.url}/paid/work` });
    expect(seller.runs["/paid/work"]).toBe(1);
  });

  it("that cannot be made is the caller's mistake, and is not tried as if the network had failed", async () => {
    let requests = 0;
    const hostile = await openHostile(paid);
    const fetch = async () => {
      requests += 1;
      return paid();
    };
    const echo = hostile.echo({ fetch });
    await expect(echo({}, { idempotencyKey: "ключ" })).rejects.toThrow(TypeError);
    expect(requests).toBe(0);
  });

  it("with half a character in its path is invalid input", async () => {
    await using shop = await openShop();
    const error = await shop.client().quoteOf({ symbol: "a\ud800" }).catch(caught);
    expect(error).toMatchObject({ code: "invalid_input", charged: "no", issues: [{ path: "symbol" }] });
  });

  it("that is not answered is an error that names the address", async () => {
    const hostile = await openHostile(paid);
    const fetch = async () => {
      throw new TypeError("fetch failed");
    };
    const error = await hostile.echo({ fetch, retries: 0 })({}).catch(caught);
    expect(error).toMatchObject({ code: "network", url: `${BASE_URL}/v1/echo` });
    expect((error as Error).message).toContain(`${BASE_URL}/v1/echo could not be reached`);
  });

  it("is sent again after least pauses and a bounded number of times, whatever Retry-After says", async () => {
    const retry = { "retry-after": "0" };
    const busy = () => Response.json({ code: "in_progress" }, { status: 409, headers: retry });
    const hostile = await openHostile(busy);
    const sentMs: number[] = [];
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    const { paid: answer } = hostile;
    hostile.paid = (...given) => {
      sentMs.push(Date.now());
      return answer(...given);
    };
    let hasEnded = false;
    const end = hostile.echo({ patienceMs: 3_600_000 })({}).catch(caught);
    void end.then(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(100);
    }
    vi.useRealTimers();
    expect(await end).toMatchObject({ status: 409, charged: "unknown" });
    expect(sentMs).toHaveLength(50);
    const pauses = sentMs.slice(1).map((ms, index) => ms - (sentMs[index] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(100);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(2_000);
  });
});

describe("a rejection", () => {
  const reject = (reason: string) => (hostile: Awaited<ReturnType<typeof openHostile>>) => () => {
    const header = encodeHeader({
      success: false,
      errorReason: reason,
      transaction: "",
      network: "eip155:84532",
    });
    void hostile;
    return new Response("{}", { status: 402, headers: { "payment-response": header } });
  };

  it("has a reason of one short line", async () => {
    const hostile = await openHostile(paid);
    hostile.paid = reject(`reverted\n\n  Contract Call:\n    address: 0x1\n${"x".repeat(5_000)}`)(hostile);
    const error = (await hostile.echo()({}).catch(caught)) as { reason: string; message: string };
    expect(error.reason).toMatch(/^reverted Contract Call: address: 0x1 x+…$/);
    expect(error.reason.length).toBeLessThanOrEqual(200);
    expect(error.message).not.toContain("\n");
  });

  it("without enough money says what is needed, by whom, and where to send it", async () => {
    const hostile = await openHostile(paid);
    hostile.paid = reject("insufficient_funds")(hostile);
    const error = (await hostile.echo()({}).catch(caught)) as Error;
    expect(error).toMatchObject({ code: "payment_rejected", reason: "insufficient_funds" });
    expect(error.message).toMatch(/0x\w{40} does not hold enough: 0\.01 USDC is needed on eip155:84532/);
    expect(error.message).toContain(`(the token ${hostile.ledger.asset})`);
  });
});
