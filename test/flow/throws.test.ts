import { describe, expect, it } from "vitest";
import { openShop, post, signedByHand, until } from "./shop.ts";

/** What libraries throw that is not an Error: an answer that knows its request, which knows its answer. */
function ring(): object {
  const response: Record<string, unknown> = { status: 500 };
  response.request = { url: "http://x.test", response };
  return response;
}

describe("a handler that throws an object that is not an Error and refers to itself", () => {
  it("fails a call that is charged after it: nothing is charged, and the same bytes get the same answer", async () => {
    await using shop = await openShop();
    shop.handlers.echo = () => {
      throw ring();
    };
    const body = { text: "x" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "ring-1" });
    const first = await (await shop.fetch("/v1/echo", post(body, headers))).json();
    expect(first).toMatchObject({ code: "internal_error", paymentState: "unused" });
    expect(await (await shop.fetch("/v1/echo", post(body, headers))).json()).toEqual(first);
    expect((await shop.moved()).paid).toBe(0n);
  });

  it("fails a call that is charged before it, and owes the price back", async () => {
    await using shop = await openShop();
    shop.handlers.brew = () => {
      throw ring();
    };
    const body = { cup: "mine" };
    const { headers } = await signedByHand(shop, "/v1/brew", body, { key: "ring-2" });
    const answer = await shop.fetch("/v1/brew", post(body, headers));
    expect(await answer.json()).toMatchObject({ code: "internal_error", paymentState: "refund_owed" });
    expect(await shop.store.refunds({ limit: 9 })).toHaveLength(1);
  });

  it("fails a job, which is not run again, and leaves no rejection unheard", async () => {
    await using shop = await openShop({ recovery: { everyMs: 20 } });
    await shop.server.start();
    shop.handlers.render = () => {
      throw ring();
    };
    const job = await shop.client().render.start({ prompt: "x" });
    const { code } = await until(
      () => job.status(),
      ({ state }) => state === "failed",
    );
    expect([code, shop.runs.render]).toEqual(["internal_error", 1]);
  });
});
