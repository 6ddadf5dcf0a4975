import { join } from "node:path";
import { sqliteStore } from "resource402/sqlite";
import { describe, expect, it } from "vitest";
import { openShop, post, signedByHand } from "../flow/shop.ts";
import { answer, call, HOUR, job, receipt, refund, START } from "../store/records.ts";
import { createProject, type Project } from "./project.ts";

const TRANSACTION = `0x${"d".repeat(64)}`;

/** A store with a call in each phase. */
async function written(project: Project): Promise<void> {
  const store = sqliteStore(join(project.folder, "shop.db"));
  const keep = (...[record, its]: [ReturnType<typeof call>, ReturnType<typeof job>?]) =>
    store.begin(record, its, { durable: true });
  const settled = { receipt: { ...receipt, transaction: TRANSACTION } };
  const submitted = { phase: "submitted", ambiguous: true, tries: 4, reason: "timeout", answer } as const;
  await keep(call("unclear", { ...submitted, createdAt: START + HOUR }));
  await keep(call("aged", { ...submitted, retryAt: undefined }));
  await keep(
    call("owing", { phase: "owed", jobId: "j1", charge: "before", ...settled, retryAt: undefined }),
    job("j1", "owing", {
      phase: "owed",
      work: "failed",
      attempt: 3,
      failures: 3,
      failure: { code: "boom", error: "It broke." },
    }),
  );
  await store.change({
    durable: true,
    refund: { add: refund("ref_owing", "owing", { tries: 2, problem: "no_funds" }) },
  });
  await store.change({
    durable: true,
    refund: {
      add: refund("ref_lost", "lost", { state: "paid", transaction: TRANSACTION.replace("d", "e") }),
    },
  });
  await keep(
    call("queued", {
      jobId: "j2",
      phase: "charged",
      charge: "before",
      ...settled,
      identity: { payer: "0xbob" },
    }),
    job("j2", "queued", { phase: "charged" }),
  );
  await keep(
    call("refused", {
      phase: "void",
      reason: "insufficient_funds",
      resolution: { by: "Jo", why: "seen", at: START },
      identity: { payer: "0xbob" },
    }),
  );
  await store.close();
}

describe("resource402 payments show", () => {
  it("tells the whole story of one call: states, money, times, evidence and what happens next", async () => {
    using project = createProject({});
    await written(project);
    const show = (...words: string[]) => project.run("payments", "show", ...words, "--store", "shop.db");
    const { code, out, err } = await show("unclear");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^Call +unclear, upscale, a synchronous call, charged after the work$/m);
    expect(out).toMatch(/^Phase +submitted: a settlement may have been sent/m);
    expect(out).toMatch(/^Buyer is told +in_flight$/m);
    expect(out).toMatch(/^Price +0\.05 USDC \(\$0\.05\) on eip155:84532$/m);
    expect(out).toMatch(/^Idempotency-Key +key of unclear$/m);
    expect(out).toMatch(/^Began +2026-01-01 01:00:00 UTC$/m);
    expect(out).toMatch(
      /^Submissions +4 without a proven outcome; the last reply: timeout; one may have moved/m,
    );
    expect(out).toMatch(/^Chain +not asked$/m);
    expect(out).toMatch(
      /^Next +A server submits the same payment again, not before 2026-01-01 00:00:00 UTC\..*payments resolve unclear paid/m,
    );
    expect(out).not.toContain("zoë");
    expect((await show("aged")).out).toMatch(/^Next +No server looks at it any longer/m);
    const owing = await show(TRANSACTION, "--json");
    const stories = JSON.parse(owing.out);
    expect(stories.find(({ id }: { id: string }) => id === "owing")).toMatchObject({
      ...{ phase: "owed", paymentState: "refund_owed", receipt: { transaction: TRANSACTION } },
      job: { id: "j1", status: "failed", failures: 3, failure: { code: "boom" } },
      refund: { id: "ref_owing", state: "owed", tries: 2, problem: "no_funds" },
      next: expect.stringContaining("refunds pay ref_owing"),
    });
    expect(owing.out).not.toMatch(/signature|imageUrl|zoë/);
    for (const name of ["j1", "ref_owing", "key of owing"]) {
      expect((await show(name)).out).toMatch(
        /^Refund +ref_owing, 0\.05 USDC to 0xalice: owed, tried 2×, no_funds$/m,
      );
    }
    const refused = (await show("refused")).out;
    expect(refused).toMatch(/^Resolved by hand +by Jo, 2026-01-01 00:00:00 UTC: seen$/m);
    expect(refused).toMatch(/^Next +A server with an rpcUrl looks the payment up/m);
    expect((await show("queued")).out).toMatch(/^Next +A worker claims the job, not before 2026-01-01/m);
  });

  it("lists several calls, the newest first, and says how to show one", async () => {
    using project = createProject({});
    await written(project);
    const { code, out, err } = await project.run("payments", "show", "0xALICE", "--store", "shop.db");
    expect(code).toBe(0);
    const [head, newest] = out.split("\n");
    expect(head).toMatch(/^Call +Since \(UTC\) +Resource +Phase +Amount +Payer +Job$/);
    expect(newest).toMatch(/^unclear +2026-01-01 01:00 +upscale +submitted +0\.05 USDC +0xalice/);
    expect(err).toContain("payments show unclear --store shop.db");
  });

  it("shows a refund whose call is no longer kept, and exits 1 when nothing is known", async () => {
    using project = createProject({});
    await written(project);
    const show = (...words: string[]) => project.run("payments", "show", ...words, "--store", "shop.db");
    for (const name of ["ref_lost", "lost"]) {
      const { code, out } = await show(name);
      expect(code).toBe(0);
      expect(out).toMatch(/^Call +lost, upscale: no longer kept$/m);
      expect(out).toMatch(/^Refund +ref_lost, 0\.05 USDC to 0xalice: paid 0xe/m);
    }
    const unknown = await show("unknown");
    expect(unknown).toMatchObject({ code: 1, out: "" });
    expect(unknown.err).toContain('No call is known by "unknown"');
    expect((await project.run("payments", "show", "x")).code).toBe(2);
    const help = await project.run("payments", "show", "--help");
    expect(help.out).toMatch(/Exit codes: 0 success, 1 no call is found/);
  });

  it("asks the chain about a real payment whose reply was lost, and finds it by its transaction afterwards", async () => {
    using project = createProject({});
    await using shop = await openShop({ chain: true, store: sqliteStore(join(project.folder, "shop.db")) });
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async (...args) => {
      await settle(...args);
      throw new Error("the reply was lost");
    };
    const body = { text: "x" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "one" });
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(503);
    const rpc = ["--rpc", `${shop.world.network}=${shop.world.rpcUrl}`];
    const show = async (name: string) =>
      JSON.parse((await project.run("payments", "show", name, "--store", "shop.db", "--json", ...rpc)).out);
    const [unclear] = await show("one");
    expect(unclear).toMatchObject({ phase: "submitted", evidence: { evidence: "settled" } });
    const { transaction } = unclear.evidence;
    const by = ["--by", "Jo", "--why", "seen", "--store", "shop.db", ...rpc];
    expect((await project.runProcess("payments", "resolve", unclear.id, "paid", ...by)).code).toBe(0);
    expect(await show(transaction)).toMatchObject([{ id: unclear.id, phase: "delivered", status: 200 }]);
  });
});
