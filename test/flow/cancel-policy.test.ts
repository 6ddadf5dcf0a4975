import { type CancelPolicy, defineApi, price, resource } from "resource402";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { memoryStore, type Server, serve } from "resource402/server";
import { startWorld, type World } from "resource402/testing";
import { expect, it } from "vitest";
import { z } from "zod";
import { decodeHeader } from "../../src/protocol/index.ts";
import { post, signedByHand } from "./shop.ts";

const nothing = () => {};
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const documents = { slow: { method: "POST", path: "/v1/slow", maxPrice: "0.01" } } as const;

/** Sells one job, charged when it is accepted, that runs until it is canceled. */
function sell(world: World, cancel: CancelPolicy, store = memoryStore({ completeSince: 0 })): Server {
  const api = defineApi({
    title: "Slow",
    version: "1.0.0",
    description: "One job.",
    resources: {
      slow: resource({
        summary: "Take long.",
        input: z.object({ text: z.string().describe("What.") }),
        output: z.object({ text: z.string().describe("The same.") }),
        price: price.fixed("0.01", { per: "job" }),
        job: { timeout: "1m" },
        cancel,
      }),
    },
  });
  return serve(api, documents, {
    handlers: {
      slow: (_: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    },
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: world.facilitator,
    },
    ...{ log: silent, store },
  });
}

/** Buys the job and cancels it. `policy` is the refund policy of the 402. */
async function canceled(cancel: CancelPolicy) {
  await using world = await startWorld({ chain: false });
  const server = sell(world, cancel);
  const shop = {
    world,
    fetch: (path: string, init?: RequestInit) => server.fetch(new Request(`http://slow.test${path}`, init)),
  };
  const body = { text: "a" };
  const asked = await shop.fetch("/v1/slow", post(body));
  const required = decodeHeader(asked.headers.get("payment-required") ?? "") as {
    accepts: { extra: { refundPolicy: string } }[];
  };
  const { headers } = await signedByHand(shop, "/v1/slow", body);
  const accepted = await shop.fetch("/v1/slow", post(body, headers));
  expect(accepted.status).toBe(202);
  const { statusUrl } = (await accepted.json()) as { statusUrl: string };
  const answer = await server.fetch(new Request(statusUrl, { method: "DELETE" }));
  const document = (await answer.json()) as Record<string, unknown>;
  await server.stop(0);
  return { policy: required.accepts[0]?.extra.refundPolicy, status: answer.status, document };
}

it("owes a refund for a canceled job, where the policy is to refund", async () => {
  const { policy, status, document } = await canceled("refund");
  expect(policy).toMatch(
    /If it ends without a result, or the buyer cancels it, a refund of the full amount is owed/,
  );
  expect([status, document]).toMatchObject([200, { status: "cancelled", paymentState: "refund_owed" }]);
});

it("keeps the price of a canceled job, where the policy is to keep it", async () => {
  const { policy, status, document } = await canceled("keep");
  expect(policy).toContain("If the buyer cancels the job, nothing is refunded.");
  expect([status, document]).toMatchObject([200, { status: "cancelled", paymentState: "settled" }]);
});

it("refuses to cancel a job, where the policy forbids it", async () => {
  const { policy, status, document } = await canceled("forbid");
  expect(policy).toContain("The job cannot be canceled.");
  expect([status, document]).toMatchObject([409, { code: "cancel_forbidden", retryable: false }]);
  expect(document.paymentState).toBe("settled");
});

it.each([
  ["forbid", { code: "http", failure: "cancel_forbidden", status: 409, charged: "yes" }],
  ["refund", true],
  ["keep", true],
] as const)("tells the client's caller what the policy %s makes of canceling", async (cancel, end) => {
  await using world = await startWorld({ chain: false });
  const server = sell(world, cancel);
  const client = connect({
    baseUrl: "http://slow.test",
    payer: evmPayer(world.buyer),
    fetch: (input, init) => server.fetch(new Request(input, init)),
  });
  const slow = client.jobResource<{ text: string }, unknown>({
    ...{ name: "slow", method: "POST", path: "/v1/slow" },
    price: { kind: "fixed", usd: "0.01", per: "job" },
  });
  const job = await slow.start({ text: "a" });
  const ended = await job.cancel().catch((error: unknown) => error);
  if (end === true) expect(ended).toBe(true);
  else expect(ended).toMatchObject({ ...end, jobId: job.id });
  await server.stop(0);
});

it.each([
  ["forbid", "refund", 409, "cancel_forbidden"],
  ["refund", "forbid", 200, "cancelled"],
  ["keep", "refund", 200, "cancelled"],
] as const)(
  "keeps the policy %s of the purchase when the definition changes to %s",
  async (bought, now, status, word) => {
    await using world = await startWorld({ chain: false });
    const store = memoryStore({ completeSince: 0 });
    const first = sell(world, bought, store);
    const shop = {
      world,
      fetch: (path: string, init?: RequestInit) => first.fetch(new Request(`http://slow.test${path}`, init)),
    };
    const body = { text: "a" };
    const { headers } = await signedByHand(shop, "/v1/slow", body);
    const { statusUrl } = (await (await shop.fetch("/v1/slow", post(body, headers))).json()) as {
      statusUrl: string;
    };
    await first.stop(0);
    const second = sell(world, now, store);
    const answer = await second.fetch(new Request(statusUrl, { method: "DELETE" }));
    const document = (await answer.json()) as Record<string, unknown>;
    await second.stop(0);
    expect([answer.status, document.code ?? document.status]).toEqual([status, word]);
    expect(document.paymentState).toBe(bought === "refund" ? "refund_owed" : "settled");
  },
);
