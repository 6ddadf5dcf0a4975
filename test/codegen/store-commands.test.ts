import { join } from "node:path";
import { sqliteStore } from "resource402/sqlite";
import { describe, expect, it } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { openShop, post, signedByHand, until } from "../flow/shop.ts";
import { answer, call, job, receipt, refund } from "../store/records.ts";
import { createProject } from "./project.ts";

/** The store of a shop: two synchronous calls, one failed job with an owed refund, and one resource without calls. */
async function written(folder: string): Promise<void> {
  await using shop = await openShop({ store: sqliteStore(join(folder, "shop.db")) });
  shop.handlers.render = (_, ctx) => ctx.fail("refused");
  await shop.client().echo({ text: "one" });
  await shop.client().echo({ text: "two" });
  const body = { prompt: "three", size: "large" };
  const { headers } = await signedByHand(shop, "/v1/render", body, { key: "three" });
  expect((await shop.fetch("/v1/render", post(body, headers))).status).toBe(202);
  await until(
    () => shop.store.refunds({ limit: 9 }),
    (refunds) => refunds.length === 1,
  );
  await shop.server.stop();
  await shop.store.close();
}

describe("resource402 stats", () => {
  it("prints a line for each resource, owed refunds, and error codes of jobs", async () => {
    using project = createProject({});
    await written(project.folder);
    const { code, out, err } = await project.run("stats", "--store", "shop.db");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.split("\n");
    expect(lines[0]).toMatch(/^The last 24 hours, until \d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    expect(lines[2]).toMatch(
      /^Resource +Calls +Paid +Success +Mean time +Revenue +Refunded +Running +Waiting +Owed +Calls/,
    );
    expect(lines[3]).toMatch(/^echo +2 +2 +100\.0 % +\S+ m?s +\$0\.0200 +– +0 +0 +– +█$/);
    expect(lines[4]).toMatch(/^render +1 +1 +0\.0 % +\S+ m?s +\$0\.1000 +– +0 +0 +0\.10 USDC +█$/);
    expect(lines[5]).toMatch(/^All +3 +3 +66\.7 % +\S+ m?s +\$0\.1200 +– +0 +0 +0\.10 USDC +█$/);
    expect(out).toContain("Failed jobs: render refused 1×");
    expect(out).toContain("1 refund owed, 0.10 USDC. See: npx resource402 refunds list --store shop.db");
    expect(out).not.toContain("\u001b");
  });

  it("counts refunded revenue as refunded, not as owed", async () => {
    using project = createProject({});
    await written(project.folder);
    const store = sqliteStore(join(project.folder, "shop.db"));
    await store.workers();
    const [owed] = await store.refunds({ state: "owed", limit: 1 });
    await store.change({ durable: true, refund: { id: owed?.id ?? "", set: { state: "paid" } } });
    await store.close();
    const { out } = await project.run("stats", "--store", "shop.db");
    expect(out).toMatch(/^echo .+ \$0\.0200 +– +0 +0 +– /m);
    expect(out).toMatch(/^render .+ \$0\.1000 +0\.10 USDC +0 +0 +– /m);
    expect(out).toMatch(/^All .+ \$0\.1200 +0\.10 USDC +0 +0 +– /m);
    expect(out).not.toContain("refund owed");
    const { resources, refunds } = JSON.parse(
      (await project.run("stats", "--store", "shop.db", "--json")).out,
    );
    expect(refunds).toEqual([
      { resource: "render", state: "paid", currency: "USDC", refunds: 1, amount: 0.1 },
    ]);
    const refunded = resources.map((one: { resource: string; refunded: object }) => [
      one.resource,
      one.refunded,
    ]);
    expect(Object.fromEntries(refunded)).toEqual({ echo: {}, render: { USDC: 0.1 } });
  });

  it("prints the same as JSON", async () => {
    using project = createProject({});
    await written(project.folder);
    const { out } = await project.run("stats", "--store", "shop.db", "--json", "--since", "1h");
    const stats = JSON.parse(out);
    expect(stats).toMatchObject({
      stepMs: 112_500,
      failures: [{ resource: "render", code: "refused", jobs: 1 }],
      refunds: [{ resource: "render", state: "owed", currency: "USDC", refunds: 1, amount: 0.1 }],
      unknownSettlements: 0,
    });
    const echo = stats.resources.find(({ resource }: { resource: string }) => resource === "echo");
    expect(echo).toMatchObject({ calls: 2, paid: 2, succeeded: 2, failed: 0, revenueUsd: 0.02, queued: 0 });
    expect(echo.callsOverTime.reduce((sum: number, calls: number) => sum + calls)).toBe(2);
  });

  it("reports an empty store, and names the command that lists unconfirmed payments", async () => {
    using project = createProject({});
    const store = sqliteStore(join(project.folder, "shop.db"));
    await store.workers();
    const empty = await project.run("stats", "--store", "shop.db", "--since", "7d");
    expect(empty.out).toBe("Nothing was called in the last 7 days, and no jobs are queued.\n");
    const now = { createdAt: Date.now(), phase: "submitted", tries: 1 } as const;
    await store.begin(call("c1", now), undefined, { durable: true });
    expect((await project.run("stats", "--store", "shop.db")).out).toContain(
      "1 unconfirmed payment. See: npx resource402 payments list --store shop.db",
    );
    await store.close();
  });

  it("prints again and again with --watch, until it is interrupted", async () => {
    using project = createProject({});
    const store = sqliteStore(join(project.folder, "shop.db"));
    await store.workers();
    const { process, until } = project.start("stats", "--store", "shop.db", "--watch");
    await until("Nothing was called");
    await store.begin(call("c1", { createdAt: Date.now() }), undefined, { durable: true });
    await until("upscale");
    const ended = new Promise((resolve) => process.once("exit", resolve));
    process.kill("SIGINT");
    expect(await ended).toBe(0);
    await store.close();
  });

  it("names what is missing or wrong, with the fix, and no password", async () => {
    using project = createProject({ "not-a-store.db": "this is text" });
    expect(await project.run("stats")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--store <file|url>"),
    });
    expect(await project.run("stats", "--store", "shop.db")).toMatchObject({
      code: 1,
      err: expect.stringContaining("There is no store at shop.db"),
    });
    expect(await project.run("stats", "--store", "not-a-store.db")).toMatchObject({
      code: 1,
      err: expect.stringContaining("cannot be opened"),
    });
    expect(await project.run("stats", "--store", "not-a-store.db", "--since", "soon")).toMatchObject({
      code: 2,
      err: expect.stringContaining("Example: --since 24h"),
    });
    expect((await project.run("stats", "-s", "not-a-store.db", "--json", "--watch")).code).toBe(2);
    const away = await project.run("stats", "--store", "postgres://bob:hunter2@127.0.0.1:9/shop");
    expect(away).toMatchObject({ code: 1, err: expect.stringContaining("127.0.0.1:9/shop cannot be used") });
    expect(away.err + away.out).not.toContain("hunter2");
    expect((await project.run("stats", "--help")).out).toContain("--since 7d");
  });
});

describe("resource402 sweep", () => {
  const HOUR = 3_600_000;

  async function aged(store: Store, jobs: number): Promise<void> {
    const old = Date.now() - 100 * HOUR;
    const identity = { validBefore: 1 };
    const done = { phase: "delivered", work: "done" } as const;
    for (let n = 0; n < jobs; n += 1) {
      const ended = { answer, phase: "delivered", retryAt: undefined } as const;
      const kept = { createdAt: old, identity, jobId: `j${n}`, ...ended };
      await store.begin(
        call(`c${n}`, kept),
        job(`j${n}`, `c${n}`, { createdAt: old, expiresAt: old, ...done }),
        { durable: true },
      );
    }
  }

  it("deletes all expired records, prints their number, and keeps owed refunds", async () => {
    using project = createProject({});
    const store = sqliteStore(join(project.folder, "shop.db"));
    await store.workers();
    await aged(store, 250);
    await store.begin(call("fresh", { createdAt: Date.now(), receipt }), undefined, { durable: true });
    await store.change({ durable: true, refund: { add: refund("r1", "c7") } });
    const { code, out, err } = await project.run("sweep", "--store", "shop.db");
    expect({ code, out, err }).toEqual({ code: 0, out: "Deleted 498 records.\n", err: "" });
    expect(await store.job("j7")).toMatchObject({ id: "j7" });
    expect(await store.job("j8")).toBe("gone");
    expect(await store.call("fresh")).toBeDefined();
    expect((await project.run("sweep", "--store", "shop.db")).out).toBe("There is nothing to delete.\n");
    await store.close();
  });

  it("makes no store where there is none", async () => {
    using project = createProject({});
    expect(await project.run("sweep", "--store", "shop.db")).toMatchObject({ code: 1 });
    expect(project.has("shop.db")).toBe(false);
    expect((await project.run("sweep", "--help")).out).toContain("It never deletes owed refunds");
  });
});
