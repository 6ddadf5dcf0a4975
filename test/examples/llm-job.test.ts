import { evmPayer } from "resource402/evm";
import { startWorld, type World } from "resource402/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, createClient } from "../../examples/llm-job/client.gen.ts";
import { type Hook, openHook } from "../../examples/llm-job/hook.ts";
import { openMill } from "../../examples/llm-job/server.ts";

let world: World;
let mill: Awaited<ReturnType<typeof openMill>>;
let hook: Hook;
let client: Client;

beforeAll(async () => {
  world = await startWorld();
  mill = await openMill({
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: world.facilitator,
      refunds: { account: world.seller },
    },
    isLocal: true,
  });
  hook = await openHook();
  client = createClient({ baseUrl: mill.url, payer: evmPayer(world.buyer), budget: { perCall: "0.05" } });
});

afterAll(async () => {
  hook.close();
  await mill.close(0);
  await world.stop();
});

describe("examples/llm-job", () => {
  it("streams the text while it is written, and notifies the buyer with a signed callback", async () => {
    const order = { prompt: "a lighthouse", model: "large", maxTokens: 101 } as const;
    expect(client.complete.quote(order)).toBe("0.014");
    const job = await client.complete.start(order, { callbackUrl: hook.url });
    const callback = hook.ended(job.id, job.webhookSecret ?? "");
    const seen: string[] = [];
    for await (const { message } of job) if (message !== undefined) seen.push(message);
    expect(seen.length).toBeGreaterThan(1);

    const document = await callback;
    const { text } = await job.result();
    // The first message shows a part of the text.
    expect(seen[0]).not.toBe(seen.at(-1));
    expect(seen.filter((part) => !text.includes(part))).toEqual([]);
    expect(document).toMatchObject({ state: "succeeded", paymentState: "settled" });
    expect(document.result).toEqual(await job.result());
    expect(document.result).toMatchObject({ tokens: 101 });
    expect(await world.balanceOf(world.seller.address)).toBe(14_000n);
  });

  it("refuses a callback that the seller has not signed", async () => {
    let isEnded = false;
    void hook.ended("job_forged", `whsec_${btoa("another secret of the buyer")}`).then(() => {
      isEnded = true;
    });
    const response = await fetch(hook.url, {
      method: "POST",
      body: JSON.stringify({ jobId: "job_forged", state: "succeeded" }),
      headers: {
        "webhook-id": "job_forged",
        "webhook-timestamp": String(Math.floor(Date.now() / 1000)),
        "webhook-signature": `v1,${btoa("forged")}`,
      },
    });
    expect([response.status, isEnded]).toEqual([401, false]);
  });

  it("refunds a text that moderation refuses", async () => {
    const before = await world.balanceOf(world.buyer.address);
    const job = await client.complete.start(
      { prompt: "something forbidden", maxTokens: 100 },
      { callbackUrl: hook.url },
    );
    const document = await hook.ended(job.id, job.webhookSecret ?? "");
    expect(document).toMatchObject({ state: "failed", code: "content_filtered" });
    await expect.poll(async () => (await job.status()).paymentState).toBe("refunded");
    expect(await world.balanceOf(world.buyer.address)).toBe(before);
  });
});
