import { join } from "node:path";
import { sqliteStore } from "resource402/sqlite";
import { describe, expect, it } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { openShop, post, signedByHand } from "../flow/shop.ts";
import { answer, call, HOUR } from "../store/records.ts";
import { createProject, type Project } from "./project.ts";

const PAYER = "0xalice";
const decided = ["--store", "shop.db", "--by", " Jo Doe ", "--why", "seen by hand"];

/** A store with one unconfirmed call, whose authorization ended hours ago, or ends in hours. */
async function unconfirmed(project: Project, endsInHours: number): Promise<Store> {
  const store = sqliteStore(join(project.folder, "shop.db"));
  const createdAt = Date.now() - 3 * HOUR;
  const state = {
    phase: "submitted",
    charge: "after",
    ambiguous: true,
    tries: 4,
    reason: "timeout",
  } as const;
  const identity = { validBefore: Math.floor((Date.now() + endsInHours * HOUR) / 1000) };
  await store.begin(call("c1", { ...state, createdAt, answer, identity }), undefined, { durable: true });
  return store;
}

describe("resource402 payments list", () => {
  it("shows unconfirmed calls, oldest first, and asks no chain without --rpc", async () => {
    using project = createProject({});
    const store = await unconfirmed(project, -2);
    const { code, out, err } = await project.run("payments", "list", "--store", "shop.db");
    expect(code).toBe(0);
    const [head, row, ...others] = out.trimEnd().split("\n");
    expect(others).toEqual([]);
    expect(head).toMatch(
      /^Call +Since \(UTC\) +Resource +Amount +Network +Payer +Tries +Reason +Valid before \(UTC\) +Chain$/,
    );
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d`;
    expect(row).toMatch(
      new RegExp(
        `^c1 +${time} +upscale +0\\.05 USDC +eip155:84532 +${PAYER} +4 +timeout +${time} +not asked$`,
      ),
    );
    expect(err).toContain("--rpc");
    const json = await project.run("payments", "list", "--store", "shop.db", "--json");
    expect(json).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(json.out)).toMatchObject([
      {
        ...{ id: "c1", resource: "upscale", amount: "0.05", currency: "USDC", network: "eip155:84532" },
        ...{ payer: PAYER, tries: 4, reason: "timeout", ambiguous: true, evidence: null },
        validBefore: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    ]);
    expect(json.out).not.toContain("signature");
    expect(json.out).not.toContain("zoë");
    await store.close();
  });

  it("shows what the chain proves, and resolving respects it", async () => {
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
    const [open] = await shop.store.unconfirmedCalls(9);
    const id = open?.id ?? "";
    // Only a block that cannot be undone proves a transfer, and anvil mines at once.
    const rpc = ["--rpc", `${shop.world.network}=${shop.world.rpcUrl}`];
    const listed = await project.run("payments", "list", "--store", "shop.db", "--json", ...rpc);
    expect(JSON.parse(listed.out)).toMatchObject([
      { id, evidence: { evidence: "settled", transaction: expect.stringMatching(/^0x/) } },
    ]);
    const wrong = await project.run("payments", "resolve", id, "unpaid", ...decided, ...rpc);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("Resolve it as paid.") });
    expect(wrong.out).toMatch(/^Evidence: settled 0x/);
    const right = await project.runProcess("payments", "resolve", id, "paid", ...decided, ...rpc);
    expect(right).toMatchObject({ code: 0, out: expect.stringContaining("Its output is delivered.") });
    const again = await shop.fetch("/v1/echo", post(body, headers));
    expect([again.status, await again.json()]).toEqual([200, { text: "x" }]);
    expect(shop.runs.echo).toBe(1);
    expect((await project.run("payments", "list", "--store", "shop.db")).out).toBe(
      "No payment is unconfirmed.\n",
    );
  });
});

describe("resource402 payments resolve", () => {
  it("refuses unpaid while the payment could still settle", async () => {
    using project = createProject({});
    const store = await unconfirmed(project, 1);
    const { code, out, err } = await project.run("payments", "resolve", "c1", "unpaid", ...decided);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^The payment could still settle\. Try again after \d{4}-.* UTC\.\n$/);
    expect(await store.call("c1")).toMatchObject({ phase: "submitted" });
    await store.close();
  });

  it("resolves as unpaid after that, and keeps and logs who decided, why and when", async () => {
    using project = createProject({});
    const store = await unconfirmed(project, -2);
    const { code, out, err } = await project.runProcess("payments", "resolve", "c1", "unpaid", ...decided);
    expect({ code, out }).toEqual({
      code: 0,
      out: "Call c1 is resolved as unpaid. The buyer is told that the payment is unused.\n",
    });
    const resolution = { by: "Jo Doe", why: "seen by hand" };
    expect(await store.call("c1")).toMatchObject({
      phase: "void",
      resolution: { ...resolution, at: expect.any(Number) },
    });
    expect(JSON.parse(err)).toMatchObject({
      msg: "payment resolved by an operator",
      requestId: "c1",
      outcome: "unpaid",
      ...resolution,
    });
    await store.close();
  });

  it("names what is missing or wrong before anything is changed", async () => {
    using project = createProject({});
    const store = await unconfirmed(project, -2);
    const resolve = (...words: string[]) => project.run("payments", "resolve", ...words);
    const wrong: [string[], number, RegExp][] = [
      [["c1", "paid", "--store", "shop.db", "--why", "x"], 2, /--by <name>/],
      [["c1", "paid", "--store", "shop.db", "--by", "x"], 2, /--why <text>/],
      [["c1", "perhaps", ...decided], 2, /paid, unpaid/],
      [["c1", "paid", ...decided, "--by", "  "], 2, /--by: expected a text/],
      [["c1", "paid", ...decided, "--why", "x".repeat(1_001)], 2, /--why: expected at most 1000/],
      [["c1", "paid", ...decided, "--rpc", "base"], 2, /--rpc: expected network=URL/],
      [["c1", "paid", ...decided, "--transaction", "0x12"], 1, /--transaction: expected 0x/],
      [["c9", "paid", ...decided], 1, /No call has the id c9\. .*payments list/],
      [["c1", "paid", ...decided, "--store", "other.db"], 1, /There is no store at other\.db/],
    ];
    for (const [words, code, message] of wrong) {
      expect(await resolve(...words)).toMatchObject({ code, out: "", err: expect.stringMatching(message) });
    }
    expect(await store.call("c1")).toMatchObject({ phase: "submitted" });
    const help = await project.run("payments", "--help");
    expect(help.out).toContain("payments resolve");
    expect(help.out).toContain("Exit codes:");
    await store.close();
  });
});
