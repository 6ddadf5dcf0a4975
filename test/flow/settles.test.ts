import { SettleError } from "@x402/core/types";
import { listen } from "resource402/node";
import { describe, expect, it } from "vitest";
import { latch, openShop, post, signedByHand, signedHeaders, until } from "./shop.ts";

const caught = (thrown: unknown) => thrown;

describe.concurrent("a facilitator that cannot be reached", () => {
  it("at verification is a 503, never a 402: nothing is stored and nothing runs", async () => {
    await using shop = await openShop();
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "x" }));
    const real = shop.facilitator.verify;
    shop.facilitator.verify = async () => {
      throw new TypeError("fetch failed");
    };
    const answer = await shop.fetch("/v1/echo", post({ text: "x" }, headers));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(await answer.json()).toMatchObject({
      code: "facilitator_unavailable",
      paymentState: "unused",
      retryable: true,
    });
    expect(shop.runs.echo).toBeUndefined();
    shop.facilitator.verify = real;
    expect((await shop.fetch("/v1/echo", post({ text: "x" }, headers))).status).toBe(200);
    expect((await shop.moved()).paid).toBe(10_000n);
  });
});

describe.concurrent("a settlement that is refused", () => {
  it("withholds the answer, frees the key and says why", async () => {
    await using shop = await openShop();
    shop.facilitator.settle = async (_, requirements) => ({
      success: false,
      errorReason: "invalid_exact_evm_insufficient_balance",
      transaction: "",
      network: requirements.network,
    });
    const error = await shop.client().echo({ text: "secret" }).catch(caught);
    expect(error).toMatchObject({
      code: "payment_rejected",
      charged: "no",
      reason: "invalid_exact_evm_insufficient_balance",
    });
    expect(JSON.stringify(error)).not.toContain("secret");
  });

  it("never starts a job", async () => {
    await using shop = await openShop();
    shop.facilitator.settle = async (_, requirements) => {
      throw new SettleError(400, {
        success: false,
        errorReason: "invalid_exact_evm_insufficient_balance",
        transaction: "",
        network: requirements.network,
      });
    };
    const error = await shop.client().render.start({ prompt: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "payment_rejected", charged: "no" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(shop.runs.render).toBeUndefined();
  });

  it("leaves one of many jobs that were begun together on one price, and meanwhile refuses no buyer who pays", async () => {
    await using shop = await openShop({ jobs: { maxQueued: 2 } });
    const poor = await shop.world.account({ usdc: "0.02" });
    const { settle } = shop.facilitator;
    const { opened, open } = latch();
    let waiting = 0;
    // All are verified before the first is settled.
    shop.facilitator.settle = async (...args) => {
      waiting += 1;
      await opened;
      return settle(...args);
    };
    const order = async (key: string, account = poor): Promise<Response> => {
      const body = { prompt: key };
      const { headers } = await signedByHand(shop, "/v1/render", body, { key, account });
      return shop.fetch("/v1/render", post(body, headers));
    };
    const orders = Array.from({ length: 8 }, (_, n) => order(`of-the-poor-${n}`));
    await until(
      async () => waiting,
      (count) => count === 8,
    );
    shop.facilitator.settle = settle;
    expect((await order("of-the-payer", shop.world.buyer)).status).toBe(202);
    open();
    const answers = await Promise.all(orders);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array(7).fill(402)]);
    const jobs = await Promise.all([true, false].map((ended) => shop.store.recentJobs({ ended, limit: 99 })));
    expect(jobs.flat()).toHaveLength(2);
  });
});

const doubts = [
  [
    "the answer is lost after the money has moved",
    true,
    () => {
      throw new TypeError("socket hang up");
    },
  ],
  [
    "the facilitator times out before it moves the money",
    false,
    () => {
      throw new Error("timed out");
    },
  ],
  [
    "it is pending, as HTTP 200",
    false,
    (network: `${string}:${string}`) => ({
      success: false,
      errorReason: "settlement_pending",
      transaction: "0xabc",
      network,
    }),
  ],
  [
    "it is pending, as HTTP 500",
    false,
    (network: `${string}:${string}`) => {
      throw new SettleError(500, {
        success: false,
        errorReason: "settlement_pending",
        transaction: "0xabc",
        network,
      });
    },
  ],
  ...([500, 429] as const).map(
    (status) =>
      [
        `a facilitator that breaks after the money has moved says that it was refused, as HTTP ${status}`,
        true,
        (network: `${string}:${string}`) => {
          throw new SettleError(status, {
            success: false,
            errorReason: "insufficient_funds",
            transaction: "",
            network,
          });
        },
      ] as const,
  ),
] as const;

describe.concurrent.each(doubts)("when %s", (_, moves, answer) => {
  it("a synchronous call gets 503, and the same bytes get the answer later, paid once", async () => {
    await using shop = await openShop();
    const real = shop.facilitator.settle;
    shop.facilitator.settle = async (payload, requirements) => {
      if (moves) await real(payload, requirements);
      return answer(requirements.network);
    };
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "x" }));
    const first = await shop.fetch("/v1/echo", post({ text: "x" }, headers));
    expect(first.status).toBe(503);
    expect(first.headers.has("retry-after")).toBe(true);
    expect(await first.json()).toMatchObject({
      code: "settlement_unknown",
      paymentState: "in_flight",
      retryable: true,
    });
    shop.facilitator.settle = moves ? idempotent(real) : real;
    const second = await shop.fetch("/v1/echo", post({ text: "x" }, headers));
    expect([second.status, await second.json()]).toEqual([200, { text: "x" }]);
    expect(shop.runs.echo).toBe(1);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("a job is accepted as in flight, does not run before there is evidence, and is paid once", async () => {
    await using shop = await openShop();
    const real = shop.facilitator.settle;
    shop.facilitator.settle = async (payload, requirements) => {
      if (moves) await real(payload, requirements);
      return answer(requirements.network);
    };
    const job = await shop.client().render.start({ prompt: "x" });
    expect(job.receipt).toBeUndefined();
    const status = await (await shop.fetch(`/v1/jobs/${job.id}`)).json();
    expect(status).toMatchObject({
      state: "processing",
      status: "awaiting_payment",
      paymentState: "in_flight",
    });
    expect(shop.runs.render).toBeUndefined();
    shop.facilitator.settle = moves ? idempotent(real) : real;
    await shop.server.start();
    expect(await job.result()).toMatchObject({ note: "x" });
    expect(job.receipt).toMatchObject({ amount: "0.02" });
    expect((await shop.moved()).paid).toBe(20_000n);
  });
});

/** A facilitator that answers a settlement that it has made already with the same success. */
function idempotent<F extends (...args: never[]) => Promise<{ success: boolean }>>(settle: F): F {
  return (async (...args: Parameters<F>) => {
    const answer = await settle(...args);
    return answer.success
      ? answer
      : { ...answer, success: true, errorReason: undefined, transaction: `0x${"f0".repeat(32)}` };
  }) as unknown as F;
}

describe.concurrent("a lost answer between client and server", () => {
  it.each([
    [
      "is cut",
      () => {
        throw new TypeError("fetch failed");
      },
    ],
    ["becomes a 502 of a proxy", () => new Response("<html>Bad gateway</html>", { status: 502 })],
    ["becomes a 500 without a word", () => new Response("", { status: 500 })],
  ] as const)(
    "that %s is asked for again with the same bytes: one signature, one run, one charge",
    async (_, broken) => {
      await using shop = await openShop();
      let lost = 0;
      shop.network = async (request) => {
        const answer = await shop.server.fetch(request);
        if (request.headers.has("payment-signature") && lost < 2) {
          lost += 1;
          return broken();
        }
        return answer;
      };
      expect(await shop.client().echo({ text: "x" })).toEqual({ text: "x" });
      const sent = shop.requests
        .map((request) => request.headers.get("payment-signature"))
        .filter((one) => one !== null);
      expect(sent).toHaveLength(3);
      expect(new Set(sent).size).toBe(1);
      expect(new Set(shop.requests.map((request) => request.headers.get("idempotency-key"))).size).toBe(1);
      expect(shop.runs.echo).toBe(1);
      expect((await shop.moved()).paid).toBe(10_000n);
    },
  );

  it("that never comes is an error that says that the charge is unknown, and carries the key to ask again", async () => {
    await using shop = await openShop();
    shop.network = async (request) => {
      const answer = await shop.server.fetch(request);
      if (request.headers.has("payment-signature")) throw new TypeError("fetch failed");
      return answer;
    };
    const error = await shop.client({ retries: 1 }).echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "network", charged: "unknown" });
    shop.network = (request) => shop.server.fetch(request);
    const { idempotencyKey } = error as { idempotencyKey: string };
    expect(await shop.client().echo({ text: "x" }, { idempotencyKey })).toEqual({ text: "x" });
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("before anything was signed is an error that says that nothing was charged", async () => {
    await using shop = await openShop();
    shop.network = async () => {
      throw new TypeError("fetch failed");
    };
    const error = await shop.client({ retries: 0 }).echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "network", charged: "no" });
  });

  it("by a redirect is not followed: the signature goes to no other host", async () => {
    await using shop = await openShop();
    const seen: string[] = [];
    const nothing = { start: async () => {}, stop: async () => {} };
    const elsewhere = await listen(
      {
        ...nothing,
        fetch: async (request) => {
          seen.push(request.headers.get("payment-signature") ?? "");
          return Response.json({ text: "x" });
        },
      },
      { port: 0, hostname: "127.0.0.1" },
    );
    const redirecting = await listen(
      {
        ...nothing,
        fetch: async (request) =>
          request.headers.has("payment-signature")
            ? new Response(null, { status: 307, headers: { location: elsewhere.url } })
            : shop.server.fetch(request),
      },
      { port: 0, hostname: "127.0.0.1" },
    );
    const client = shop.client({ baseUrl: redirecting.url, fetch: globalThis.fetch });
    const error = await client.echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "protocol", charged: "unknown", status: 307 });
    expect(seen).toEqual([]);
    await Promise.all([elsewhere.close(0), redirecting.close(0)]);
  });
});
