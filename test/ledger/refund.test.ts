import { memoryStore, type RefundRecord, type Store } from "resource402/server";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { beforeEach, describe, expect, it } from "vitest";
import type { ChainRecord } from "../../src/ledger/evidence.ts";
import type { Facilitator } from "../../src/ledger/facilitator.ts";
import { createRefunds } from "../../src/ledger/refund.ts";
import type { SignedPayment } from "../../src/store/store.ts";
import { systemTime } from "../../src/time/time.ts";
import { latch } from "../flow/shop.ts";
import { refund } from "../store/records.ts";

const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const account = () => privateKeyToAccount(generatePrivateKey());
const settled = { evidence: "settled", transaction: `0x${"1".repeat(64)}` } as const;

describe("a refund", () => {
  let store: Store;
  beforeEach(async () => {
    store = memoryStore();
    const asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
    await store.change({
      durable: true,
      refund: { add: refund("ref_1", "c", { asset, to: account().address }) },
    });
  });

  const owed = async () => (await store.refunds({ limit: 1 }))[0] as RefundRecord;

  function payer(by: PrivateKeyAccount, settle: Facilitator["settle"], chain?: ChainRecord, now = Date.now) {
    const verify = async () => ({ verdict: "valid", payer: undefined }) as const;
    return createRefunds({
      store,
      facilitator: { verify, settle },
      account: by,
      chain,
      facts: () => ({
        now: now(),
        owner: "s1",
        hasNode: () => false,
        retentionMs: () => 0,
        comeBackMs: 0,
      }),
      time: { ...systemTime, now },
      log,
      faults: undefined,
    });
  }

  it("that another account has signed and never paid is not called paid by a word about another nonce", async () => {
    const lost = async () => ({ evidence: "unclear", reason: "no_reply" }) as const;
    expect(await payer(account(), lost).pay(await owed())).toMatchObject({ state: "signed", tries: 1 });
    // The node says that the first transfer has lapsed, and cannot be reached after that.
    let looks = 0;
    const lookUp = async () => {
      looks += 1;
      if (looks > 1) throw new Error("node unreachable");
      return { evidence: "lapsed" } as const;
    };
    // For an account of the facilitator's own.
    const busy = async () => ({ evidence: "unclear", reason: "nonce_already_used" }) as const;
    const second = await payer(account(), busy, { lookUp }).pay(await owed());
    expect(second).toMatchObject({ state: "signed", tries: 3, transaction: undefined });
  });

  it("is not paid by another account while a copy of the first one's transfer is on its way", async () => {
    const moved = new Set<unknown>();
    const lands = async ({ payload }: SignedPayment) => {
      moved.add((payload.payload.authorization as { from: string }).from);
      return settled;
    };
    const [old, next] = [account(), account()];
    const sent = latch();
    const refused = latch();
    const sentAgain = latch();
    const landing = latch();
    const one = payer(old, async () => {
      sent.open();
      await refused.opened;
      return { evidence: "refused", reason: "insufficient_funds" };
    }).pay(await owed());
    await sent.opened;
    // Another server looks meanwhile; the account has been filled up, and this copy will land.
    const two = payer(old, async (payment) => {
      sentAgain.open();
      await landing.opened;
      return lands(payment);
    }).pay(await owed());
    await sentAgain.opened;
    refused.open();
    await one;
    // A third one, rolled out already with another account.
    await payer(next, lands).pay(await owed());
    landing.open();
    await two;
    expect([...moved]).toEqual([old.address]);
  });

  it("that one account could not pay is not paid by another before the refused transfer has lapsed", async () => {
    const [poor, rich] = [account(), account()];
    const broke = async () => ({ evidence: "refused", reason: "insufficient_funds" }) as const;
    await payer(poor, broke).pay(await owed());
    const sent: unknown[] = [];
    const settle = async ({ payload }: SignedPayment) => {
      sent.push((payload.payload.authorization as { from: string }).from);
      return settled;
    };
    const waiting = await payer(rich, settle).pay(await owed());
    expect(waiting).toMatchObject({ state: "owed", problem: expect.stringContaining(poor.address) });
    expect(sent).toEqual([]);
    const lapsed = { lookUp: async () => ({ evidence: "lapsed" }) as const };
    expect(await payer(rich, settle, lapsed).pay(await owed())).toMatchObject({ state: "paid" });
    expect(sent).toEqual([rich.address]);
  });

  it("whose refused transfer the chain shows is paid, and no other account pays it again", async () => {
    const broke = async () => ({ evidence: "refused", reason: "insufficient_funds" }) as const;
    await payer(account(), broke).pay(await owed());
    const shown = { evidence: "settled", transaction: `0x${"2".repeat(64)}` } as const;
    const settle = () => Promise.reject(new Error("paid twice"));
    const paid = await payer(account(), settle, { lookUp: async () => shown }).pay(await owed());
    expect(paid).toMatchObject({ state: "paid", transaction: shown.transaction });
  });

  it("that is refused at the second try is not paid by another account: the first may have been heard", async () => {
    const by = account();
    const lost = async () => ({ evidence: "unclear", reason: "no_reply" }) as const;
    const refused = async () => ({ evidence: "refused", reason: "insufficient_funds" }) as const;
    await payer(by, lost).pay(await owed());
    await payer(by, refused).pay(await owed());
    const other = await payer(account(), async () => settled).pay(await owed());
    expect(other).toMatchObject({ state: "signed", problem: expect.stringContaining(by.address) });
  });

  it("that is signed again once its transfer has expired has the same nonce", async () => {
    const by = account();
    const sent: Record<string, unknown>[] = [];
    const settle: Facilitator["settle"] = async ({ payload }) => {
      sent.push(payload.payload.authorization as Record<string, unknown>);
      return { evidence: "unclear", reason: "timeout" };
    };
    await payer(by, settle).pay(await owed());
    await payer(by, settle, undefined, () => Date.now() + 3 * 3_600_000).pay(await owed());
    expect(sent).toHaveLength(2);
    expect(sent[1]?.validBefore).not.toBe(sent[0]?.validBefore);
    expect(sent[1]?.nonce).toBe(sent[0]?.nonce);
  });

  it("that cannot be signed stays owed, and its failure is recorded", async () => {
    const broken = {
      ...account(),
      signTypedData: async () => {
        throw new Error("the key is not at hand");
      },
    };
    const tried = await payer(broken, async () => settled).pay(await owed());
    expect(tried).toMatchObject({ state: "owed", problem: "cannot_be_signed", tries: 1 });
  });

  it("is sent by one of two servers that have read it at the same time", async () => {
    let sent = 0;
    const settle = async () => {
      sent += 1;
      return settled;
    };
    const [by, read] = [account(), await owed()];
    await Promise.all([payer(by, settle).pay(read), payer(by, settle).pay(read)]);
    expect(sent).toBe(1);
  });
});
