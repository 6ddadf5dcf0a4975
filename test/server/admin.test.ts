import { memoryStore } from "resource402/server";
import { describe, expect, it } from "vitest";
import { openShop, post, type Shop, signedByHand, until } from "../flow/shop.ts";
import { answer, call } from "../store/records.ts";

const TOKEN = "an-operator-token-of-32-letters!";
const CANARY = "canary-4e21";
const admin = { token: TOKEN };
const basic = (user: string, password: string) => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` });
const bearer = { authorization: `Bearer ${TOKEN}` };
const PATHS = ["/admin", "/admin/data"] as const;

async function data(shop: Shop, query = "") {
  const given = await shop.fetch(`/admin/data${query}`, { headers: bearer });
  expect([given.status, given.headers.get("content-type")]).toEqual([200, "application/json"]);
  return given.json();
}

describe("who may see the operator page", () => {
  it("has no access, unless a token is set", async () => {
    await using shop = await openShop();
    for (const path of PATHS) expect((await shop.fetch(path, { headers: bearer })).status).toBe(404);
  });

  it("is who has the token, as a password or as a bearer", async () => {
    await using shop = await openShop({ admin });
    for (const path of PATHS) {
      for (const headers of [basic("op", TOKEN), basic("", TOKEN), bearer]) {
        expect((await shop.fetch(path, { headers })).status).toBe(200);
      }
      for (const headers of [
        undefined,
        basic(TOKEN, ""),
        basic("op", `${TOKEN} `),
        basic("op", TOKEN.slice(1)),
        { authorization: `Bearer ${TOKEN.toUpperCase()}` },
        { authorization: `Digest ${TOKEN}` },
        { authorization: "Basic ====" },
        { authorization: `Basic ${btoa(TOKEN)}` },
      ]) {
        const refused = await shop.fetch(path, headers ? { headers } : {});
        expect(refused.status).toBe(401);
        expect(refused.headers.get("www-authenticate")).toMatch(/^Basic realm="operator"/);
        expect(await refused.text()).toBe("The token is needed.");
      }
    }
  });

  it("does not guess: a short token is refused at once, with the fix", async () => {
    for (const token of ["", "fifteen-letters", undefined as unknown as string]) {
      await expect(openShop({ admin: { token } })).rejects.toThrow(
        "admin.token must have at least 16 characters; make one with `openssl rand -hex 24`",
      );
    }
  });

  it("is not another site: no answer may be framed, kept, or read by another origin", async () => {
    await using shop = await openShop({ admin });
    for (const path of PATHS) {
      for (const init of [
        { headers: bearer },
        {},
        { method: "OPTIONS" },
        { method: "POST", headers: bearer },
      ]) {
        const { headers } = await shop.fetch(path, init);
        for (const [name] of headers) expect(name).not.toMatch(/^access-control/);
      }
      const { headers } = await shop.fetch(path, { headers: bearer });
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-frame-options")).toBe("DENY");
    }
  });
});

describe("the page", () => {
  it("runs its own script and style alone, and loads nothing", async () => {
    await using shop = await openShop({ admin });
    const page = await shop.fetch("/admin", { headers: bearer });
    const policy = page.headers.get("content-security-policy") ?? "";
    const [, nonce = ""] = /script-src 'nonce-([^']+)'/.exec(policy) ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain(`style-src 'nonce-${nonce}'`);
    expect(policy).not.toContain("unsafe");
    const html = await page.text();
    expect(html.match(/<(script|style)[^>]*>/g)).toEqual([
      `<style nonce="${nonce}">`,
      `<script nonce="${nonce}">`,
    ]);
    expect(html).not.toMatch(/ style=| on[a-z]+=|innerHTML|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    const again = await shop.fetch("/admin", { headers: bearer });
    expect(again.headers.get("content-security-policy")).not.toBe(policy);
  });
});

describe("its figures", () => {
  /** Two answers, an error, a job that fails and is refunded, and one that waits for its turn. */
  async function trade(shop: Shop): Promise<void> {
    await shop.client().echo({ text: CANARY });
    await shop.client().echo({ text: `${CANARY} again` });
    await shop.fetch("/v1/echo", post({ text: 5, [CANARY]: CANARY }));
    shop.handlers.render = (_, ctx) => ctx.fail("refused", `Refused: ${CANARY}`);
    const job = { prompt: CANARY, size: "large" };
    const { headers } = await signedByHand(shop, "/v1/render", job, { key: CANARY });
    await shop.fetch(
      "/v1/render",
      post(job, { ...headers, "callback-url": `https://${CANARY}.example/told` }),
    );
    await until(
      () => shop.store.refunds({ limit: 9 }),
      (refunds) => refunds.length === 1,
    );
    shop.handlers.bake = (_, ctx) =>
      new Promise((resolve) => {
        ctx.progress(40, CANARY);
        ctx.signal.addEventListener("abort", () => resolve({ bread: "" }));
      });
    const bread = await signedByHand(shop, "/v1/bake", { loaf: CANARY });
    await shop.fetch("/v1/bake", post({ loaf: CANARY }, bread.headers));
    await until(
      () => shop.store.recentJobs({ ended: false, limit: 9 }),
      ([job]) => job?.progress === 40,
    );
    await shop.store.begin(
      call("unconfirmed", {
        resource: "echo",
        phase: "submitted",
        tries: 2,
        createdAt: Date.now(),
        answer,
      }),
      undefined,
      { durable: true },
    );
  }

  it("say what runs, what has ended, what it brought and which refunds are owed", async () => {
    await using shop = await openShop({ admin });
    await trade(shop);
    const shown = await data(shop);
    expect(shown.title).toBe("Shop");
    const { resources, failures, refunds, unknown, from, bucketMs } = shown.stats;
    const named = Object.fromEntries(resources.map((one: { resource: string }) => [one.resource, one]));
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    expect(Object.keys(named)).toContain("ping");
    expect([sum(named.echo.calls), sum(named.echo.good), sum(named.echo.revenue)]).toEqual([3, 2, 20_000]);
    expect([sum(named.render.calls), sum(named.render.bad), sum(named.render.revenue)]).toEqual([
      1, 1, 100_000,
    ]);
    expect([named.bake.running, named.bake.queued]).toEqual([1, 0]);
    for (const list of ["calls", "good", "bad", "ms", "revenue"]) expect(named.echo[list]).toHaveLength(61);
    expect(bucketMs).toBe(60_000);
    expect(shown.now - from).toBeGreaterThanOrEqual(3_600_000);
    expect(failures).toEqual([{ resource: "render", code: "refused", jobs: 1 }]);
    expect(refunds).toEqual([
      { resource: "render", state: "owed", currency: "USDC", refunds: 1, value: 100_000 },
    ]);
    expect(unknown).toBe(1);
    expect(shown.funnels).toContainEqual({ resource: "echo", challenged: 2, paid: 2 });
    expect(shown.errors).toEqual([{ resource: "echo", code: "invalid_input", calls: 1 }]);
    expect(shown.going).toMatchObject([{ resource: "bake", status: "running", progress: 40, attempt: 1 }]);
    expect(shown.ended).toMatchObject([
      { resource: "render", status: "failed", code: "refused", attempt: 1 },
    ]);
    expect(shown.owed).toMatchObject([{ resource: "render", reason: "refused", amount: "0.10", tries: 0 }]);
    expect(shown.unconfirmed).toMatchObject([
      { id: "unconfirmed", resource: "echo", value: 50_000, tries: 2 },
    ]);
  });

  it("hold no input, result, message, signature, key or secret", async () => {
    await using shop = await openShop({ admin });
    await trade(shop);
    const shown = JSON.stringify([await data(shop), await data(shop, "?range=24h")]);
    for (const secret of [CANARY, "whsec_", "signature", '"0x01"', "payload", "bytesHash", "pictures.test"]) {
      expect(shown).not.toContain(secret);
    }
  });

  it("cost the store one look, however many people look at once", async () => {
    const store = memoryStore();
    let looks = 0;
    const callStats: typeof store.callStats = (by) => {
      looks += 1;
      return store.callStats(by);
    };
    await using shop = await openShop({ admin, store: { ...store, callStats } });
    await Promise.all(Array.from({ length: 20 }, () => data(shop)));
    expect(looks).toBe(1);
    expect((await data(shop, "?range=24h")).stats.bucketMs).toBe(900_000);
    expect((await data(shop, "?range=nonsense")).stats.bucketMs).toBe(60_000);
    expect(looks).toBe(2);
  });

  it("come back when the store does", async () => {
    const store = memoryStore();
    let broken = true;
    const callStats: typeof store.callStats = (by) =>
      broken ? Promise.reject(new Error(`cannot reach ${CANARY}`)) : store.callStats(by);
    await using shop = await openShop({ admin, store: { ...store, callStats } });
    const failed = await shop.fetch("/admin/data", { headers: bearer });
    expect(failed.status).toBe(503);
    expect(failed.headers.has("access-control-allow-origin")).toBe(false);
    expect(await failed.text()).not.toContain(CANARY);
    broken = false;
    await data(shop);
  });
});
