import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "resource402/sqlite";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChainRecord, Evidence } from "../../src/ledger/evidence.ts";
import { createRefunds } from "../../src/ledger/refund.ts";
import {
  type Decision,
  factsOfCommand,
  type Resolved,
  resolvePayment,
  resolveRefund,
} from "../../src/ledger/resolve.ts";
import { signTransfer } from "../../src/protocol/transfer.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallRecord,
  type RefundRecord,
  type SignedPayment,
  type Store,
} from "../../src/store/store.ts";
import { type MemoryLedger, memoryLedger } from "../../src/testing/ledger.ts";
import { systemTime } from "../../src/time/time.ts";
import { answer, call, job, refund, START } from "../store/records.ts";

const VALID_BEFORE = START / 1000 + 600;
/** The last moment at which a decision that nothing was paid is refused. */
const LAST = VALID_BEFORE * 1000 + AUTHORIZATION_MARGIN_MS;
const paid: Decision = { outcome: "paid", by: "Jo", why: "seen in the wallet" };
const unpaid: Decision = { outcome: "unpaid", by: "Jo", why: "never sent" };
const TRANSACTION = `0x${"7".repeat(64)}`;

let now = START;
let folder: string;
let store: Store;
let chain: MemoryLedger;
let logged: Record<string, unknown>[];

beforeEach(async () => {
  now = START;
  logged = [];
  folder = mkdtempSync(join(tmpdir(), "resource402-resolve-"));
  store = sqliteStore(join(folder, "shop.db"));
  chain = memoryLedger({ now: () => now });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const line = (fields: object, message: string) => void logged.push({ message, ...fields });
const log = { debug: line, info: line, warn: line, error: line };
const time = { ...systemTime, now: () => now };
const options = (more: { chain?: ChainRecord | undefined; store?: Store } = {}) => ({
  store,
  chain: undefined,
  time,
  log,
  ...more,
});

const refusal = (resolved: Resolved<unknown>): string => {
  if ("changed" in resolved) throw new Error("it was not refused");
  return resolved.refused;
};

/** A payment that a funded buyer has really signed. */
async function signed(): Promise<SignedPayment> {
  const buyer = privateKeyToAccount(generatePrivateKey());
  await chain.mint(buyer.address, 50_000n);
  const { payment } = call("any");
  if (payment?.version !== 2) throw new Error("expected a v2 payment");
  const { requirements } = payment;
  const payload = await signTransfer(buyer, {
    network: requirements.network,
    asset: requirements.asset,
    domain: { name: "USDC", version: "2" },
    to: requirements.payTo,
    atomicAmount: requirements.amount,
    nonce: `0x${randomBytes(32).toString("hex")}`,
    validBefore: VALID_BEFORE,
  });
  return { ...payment, payload: { x402Version: 2, accepted: requirements, payload } };
}

/** Executes a payment on the chain; returns its transaction. */
async function execute({ payload, requirements }: SignedPayment): Promise<string> {
  const { success, transaction } = await chain.settle(payload as never, requirements as never);
  if (!success) throw new Error("the transfer was refused");
  return transaction;
}

/** An unconfirmed call. Default: synchronous, and its output is kept. */
async function unconfirmed(part: Partial<Omit<CallRecord, "identity">> = {}): Promise<SignedPayment> {
  const payment = await signed();
  const state = { phase: "submitted", ambiguous: true, tries: 3, reason: "timeout" } as const;
  await store.begin(call("c1", { ...state, charge: "after", answer, payment, ...part }), undefined, {
    durable: true,
  });
  return payment;
}

const kept = async () => (await store.call("c1")) as CallRecord;

describe("a payment that an operator calls unpaid", () => {
  it("is refused until the authorization and its margin have passed", async () => {
    await unconfirmed();
    now = LAST;
    const refused = refusal(await resolvePayment("c1", unpaid, options()));
    expect(refused).toBe("The payment could still settle. Try again after 2026-01-01 00:20:00 UTC.");
    expect(await kept()).toMatchObject({ phase: "submitted", resolution: undefined });
    now = LAST + 1;
    expect(await resolvePayment("c1", unpaid, options())).toMatchObject({ changed: { phase: "void" } });
  });

  it("is void, and its record and the log keep who decided, why and when", async () => {
    await unconfirmed();
    now = LAST + 1;
    await resolvePayment("c1", unpaid, options());
    expect(await kept()).toMatchObject({
      phase: "void",
      answer: undefined,
      receipt: undefined,
      resolution: { by: "Jo", why: "never sent", at: now },
    });
    expect(logged.at(-1)).toMatchObject({
      message: "payment resolved by an operator",
      requestId: "c1",
      ...unpaid,
      was: "submitted",
      phase: "void",
    });
  });

  it("is looked up again by a server with a node, since the operator may be wrong", async () => {
    await unconfirmed();
    now = LAST + 1;
    await resolvePayment("c1", unpaid, options());
    expect((await kept()).retryAt).toBeGreaterThan(now);
  });

  it("is refused when the chain shows the transfer", async () => {
    const transaction = await execute(await unconfirmed());
    now = LAST + 1;
    const resolved = await resolvePayment("c1", unpaid, options({ chain }));
    expect(refusal(resolved)).toContain(transaction);
    expect(resolved.evidence).toEqual({ evidence: "settled", transaction });
    expect(await kept()).toMatchObject({ phase: "submitted", resolution: undefined });
    expect(logged).toEqual([]);
  });

  it("is refused while the chain is behind the end of the authorization", async () => {
    await unconfirmed();
    now = LAST + 1;
    const behind = { lookUp: async () => ({ evidence: "unused-yet" }) as const };
    expect(refusal(await resolvePayment("c1", unpaid, options({ chain: behind })))).toContain("still settle");
    expect(await kept()).toMatchObject({ phase: "submitted" });
  });

  it("is void when the chain cannot be read, since the operator decides then", async () => {
    await unconfirmed();
    now = LAST + 1;
    const away = { lookUp: () => Promise.reject(new Error("away")) };
    const resolved = await resolvePayment("c1", unpaid, options({ chain: away }));
    expect(resolved).toMatchObject({ changed: { phase: "void" }, evidence: undefined });
  });

  it("is refused when the call has settled meanwhile", async () => {
    const payment = await unconfirmed();
    const read = await kept();
    await store.change({ durable: true, call: { id: "c1", set: { phase: "delivered", payment } } });
    now = LAST + 1;
    let reads = 0;
    const stale = async (id: string) => (reads++ === 0 ? read : store.call(id));
    const resolved = await resolvePayment("c1", unpaid, options({ store: { ...store, call: stale } }));
    expect(refusal(resolved)).toContain("it is delivered");
    expect(await kept()).toMatchObject({ phase: "delivered", resolution: undefined });
  });

  it("takes no transaction", async () => {
    await unconfirmed();
    now = LAST + 1;
    const decision = { ...unpaid, transaction: TRANSACTION };
    expect(refusal(await resolvePayment("c1", decision, options()))).toContain("--transaction");
  });
});

describe("a payment that an operator calls paid", () => {
  it("delivers the output that is kept, with the transaction of the chain", async () => {
    const transaction = await execute(await unconfirmed());
    const resolved = await resolvePayment("c1", paid, options({ chain }));
    expect(resolved).toMatchObject({ changed: { phase: "delivered" } });
    expect(await kept()).toMatchObject({
      answer,
      receipt: { transaction, atomicAmount: "50000" },
      resolution: { by: "Jo", why: "seen in the wallet", at: now },
    });
    expect(await store.refunds({ limit: 9 })).toEqual([]);
  });

  it("delivers without a receipt when the transaction is unknown, and with one when the operator names it", async () => {
    await unconfirmed();
    await resolvePayment("c1", paid, options());
    expect(await kept()).toMatchObject({ phase: "delivered", receipt: undefined });
    await store.begin(
      call("c2", { phase: "submitted", tries: 1, charge: "after", answer, payment: await signed() }),
      undefined,
      { durable: true },
    );
    await resolvePayment("c2", { ...paid, transaction: TRANSACTION }, options());
    expect(await store.call("c2")).toMatchObject({ receipt: { transaction: TRANSACTION } });
  });

  it("ends a job with its output, and keeps the job for its buyer", async () => {
    const part = { phase: "submitted", charge: "after", tries: 1, jobId: "j1" } as const;
    await store.begin(
      call("c1", { ...part, payment: await signed() }),
      job("j1", "c1", { phase: "submitted", work: "done", result: '{"n":1}' }),
      { durable: true },
    );
    await resolvePayment("c1", paid, options());
    expect(await store.job("j1")).toMatchObject({ phase: "delivered", work: "done", result: '{"n":1}' });
    expect(await store.job("j1")).toMatchObject({ expiresAt: now + 30 * 24 * 3_600_000 });
  });

  it.each([
    ["was charged before its work", { charge: "before", answer: undefined }],
    ["has lost its output after 90 days", { charge: "after", answer: undefined }],
    ["counted as unpaid", { phase: "void", answer: undefined }],
  ] as const)("owes one refund when the call %s", async (_, part) => {
    await unconfirmed(part);
    expect(await resolvePayment("c1", paid, options())).toMatchObject({ changed: { phase: "owed" } });
    expect(await store.refunds({ limit: 9 })).toMatchObject([{ callId: "c1", atomicAmount: "50000" }]);
    expect(refusal(await resolvePayment("c1", paid, options()))).toContain("is owed");
    expect(await store.refunds({ limit: 9 })).toHaveLength(1);
  });

  it.each<[string, Evidence]>([
    ["has lapsed", { evidence: "lapsed" }],
    ["was canceled", { evidence: "spent-elsewhere", transaction: undefined }],
    ["has not been executed so far", { evidence: "unused-yet" }],
  ])("is refused when the chain proves that it %s", async (_, evidence) => {
    await unconfirmed();
    const resolved = await resolvePayment("c1", paid, options({ chain: { lookUp: async () => evidence } }));
    expect(refusal(resolved)).toContain(evidence.evidence);
    expect(await kept()).toMatchObject({ phase: "submitted", resolution: undefined });
  });

  it.each(["0x12", `0x${"0".repeat(64)}`, "seen"])(
    "is refused with the transaction %s",
    async (transaction) => {
      await unconfirmed();
      expect(refusal(await resolvePayment("c1", { ...paid, transaction }, options()))).toContain(transaction);
      expect(await kept()).toMatchObject({ phase: "submitted" });
    },
  );

  it("is refused with another transaction than the chain shows", async () => {
    const transaction = await execute(await unconfirmed());
    const resolved = await resolvePayment("c1", { ...paid, transaction: TRANSACTION }, options({ chain }));
    expect(refusal(resolved)).toContain(transaction);
  });
});

describe("a call that is not unconfirmed", () => {
  it.each([
    ["charged", paid],
    ["delivered", unpaid],
    ["refunded", paid],
    ["open", paid],
    ["void", unpaid],
  ] as const)("(%s) cannot be resolved", async (phase, decision) => {
    await unconfirmed({ phase });
    now = LAST + 1;
    expect(refusal(await resolvePayment("c1", decision, options()))).toContain(`is ${phase}`);
    expect(await kept()).toMatchObject({ phase, resolution: undefined });
  });

  it("because it is free or unknown, cannot be resolved", async () => {
    await unconfirmed({ payment: undefined, phase: "delivered" });
    expect(refusal(await resolvePayment("c1", paid, options()))).toContain("free");
    expect(refusal(await resolvePayment("c9", paid, options()))).toContain("payments list");
  });
});

describe("a refund", () => {
  async function owing(part: Partial<RefundRecord> = {}): Promise<void> {
    await store.begin(call("c1", { phase: "owed", charge: "before", payment: await signed() }), undefined, {
      durable: true,
    });
    const to = privateKeyToAccount(generatePrivateKey()).address;
    await store.change({ durable: true, refund: { add: refund("ref_c1", "c1", { to, ...part }) } });
  }
  const found = async () => (await store.refund("ref_c1")) as RefundRecord;

  it.each(["owed", "signed"] as const)(
    "that is %s and was paid by hand is paid, and its call is refunded",
    async (state) => {
      await owing({ state, ...(state === "signed" ? { payment: await signed(), tries: 2 } : {}) });
      const decision = { ...paid, transaction: TRANSACTION };
      expect(await resolveRefund("ref_c1", decision, options())).toMatchObject({
        changed: { state: "paid" },
      });
      expect(await found()).toMatchObject({
        transaction: TRANSACTION,
        resolution: { by: "Jo", why: "seen in the wallet", at: now },
      });
      expect(await kept()).toMatchObject({ phase: "refunded" });
      expect(logged.at(-1)).toMatchObject({
        message: "refund resolved by an operator",
        refund: "ref_c1",
        ...paid,
      });
      expect(refusal(await resolveRefund("ref_c1", decision, options()))).toContain("is paid");
    },
  );

  it("was not paid: refused until its transfer and the margin have passed, and when the chain shows it", async () => {
    const payment = await signed();
    await owing({ state: "signed", ambiguous: true, payment, tries: 1 });
    now = LAST;
    expect(refusal(await resolveRefund("ref_c1", unpaid, options()))).toContain("2026-01-01 00:20:00 UTC");
    now = START;
    const transaction = await execute(payment);
    now = LAST + 1;
    expect(refusal(await resolveRefund("ref_c1", unpaid, options({ chain })))).toContain(transaction);
    expect(await found()).toMatchObject({ state: "signed", ambiguous: true });
    expect((await found()).resolution).toBeUndefined();
  });

  it.each(["signed", "owed"] as const)(
    "that is %s and was not paid is owed again, and another account can pay it",
    async (state) => {
      await owing({ state, ambiguous: state === "signed", payment: await signed(), tries: 1 });
      now = LAST + 1;
      await resolveRefund("ref_c1", unpaid, options({ chain }));
      const resolution = { by: "Jo", why: "never sent", at: now };
      expect(await found()).toMatchObject({
        state: "owed",
        ambiguous: false,
        payment: undefined,
        resolution,
      });
      const account = privateKeyToAccount(generatePrivateKey());
      const verify = async () => ({ verdict: "valid", payer: undefined }) as const;
      const settle = async () => ({ evidence: "settled", transaction: TRANSACTION }) as const;
      const facts = () => factsOfCommand(time);
      const refunds = createRefunds({
        ...options(),
        facilitator: { verify, settle },
        account,
        facts,
        faults: undefined,
      });
      expect(await refunds.pay(await found())).toMatchObject({ state: "paid" });
      expect((await found()).payment).toMatchObject({
        payload: { payload: { authorization: { from: account.address } } },
      });
    },
  );

  it("that lapsed and was paid in another way is paid", async () => {
    await owing({ state: "signed", payment: await signed(), tries: 1 });
    now = LAST + 1;
    expect(await resolveRefund("ref_c1", paid, options({ chain }))).toMatchObject({
      changed: { state: "paid" },
      evidence: { evidence: "lapsed" },
    });
  });

  it("whose signed transfer may still be executed is not called paid", async () => {
    await owing({ state: "signed", payment: await signed(), tries: 1 });
    expect(refusal(await resolveRefund("ref_c1", paid, options({ chain })))).toContain("unused-yet");
  });

  it("that a server has tried again meanwhile stays signed", async () => {
    const payment = await signed();
    await owing({ state: "signed", payment, tries: 1 });
    const read = await found();
    await store.change({ durable: true, refund: { id: "ref_c1", set: { tries: 2 } } });
    now = LAST + 1;
    const stale = { ...store, refund: async () => read };
    expect(refusal(await resolveRefund("ref_c1", unpaid, options({ store: stale })))).toContain("moved on");
    expect(await found()).toMatchObject({ state: "signed" });
    expect((await found()).resolution).toBeUndefined();
  });

  it("that is not signed, or unknown, is not resolved as unpaid", async () => {
    await owing();
    expect(refusal(await resolveRefund("ref_c1", unpaid, options()))).toContain("no signed transfer");
    expect(refusal(await resolveRefund("ref_c9", unpaid, options()))).toContain("refunds list");
  });
});
