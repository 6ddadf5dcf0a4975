import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStore, type StoreStep as Step, type Store } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { identify, readPayment } from "../../src/ledger/payment.ts";
import { decodeHeader } from "../../src/protocol/index.ts";
import type { ClaimOptions } from "../../src/store/store.ts";
import { latch, openShop, post, type Shop, signedByHand, until } from "./shop.ts";

const RECOVERY = { everyMs: 20, leaseMs: 2_000 };
const folder = mkdtempSync(join(tmpdir(), "resource402-survives-"));
let files = 0;

afterAll(() => rmSync(folder, { recursive: true }));

const newFile = (): string => {
  files += 1;
  return join(folder, `${files}.db`);
};

/** A store whose methods fail when told to: before they do anything, or after, so that only their answer is lost. */
function flaky(store: Store): { store: Store; fail: Map<keyof Store, "before" | "after"> } {
  const fail = new Map<keyof Store, "before" | "after">();
  const wrapped = new Proxy(store, {
    get(target, name: keyof Store) {
      if (typeof target[name] !== "function") return target[name];
      if (name === "watch") return target.watch;
      return async (...args: unknown[]) => {
        const when = fail.get(name);
        if (when === "before") throw new Error("database or disk is full");
        const result = await (target[name] as (...args: unknown[]) => Promise<unknown>).apply(target, args);
        if (when === "after") throw new Error("disk I/O error");
        return result;
      };
    },
  });
  return { store: wrapped, fail };
}

/** The identity of a signed payment. */
function identityIn(headers: Readonly<Record<string, string>>): ReturnType<typeof identify> {
  const presented = readPayment(new Headers(headers));
  if (presented === undefined || presented === "malformed") throw new Error("expected a payment");
  return identify(presented);
}

async function render(shop: Shop, key: string): Promise<() => Promise<Record<string, unknown>>> {
  const body = { prompt: key, size: "small" };
  const { headers } = await signedByHand(shop, "/v1/render", body, { key });
  const accepted = await shop.fetch("/v1/render", post(body, headers));
  expect(accepted.status).toBe(202);
  const { statusUrl } = (await accepted.json()) as { statusUrl: string };
  return async () =>
    (await shop.fetch(new URL(statusUrl).pathname)).json() as Promise<Record<string, unknown>>;
}

describe("a restart on the same file", () => {
  it("gives a replay the stored answer, byte for byte, and runs and charges nothing again", async () => {
    const file = newFile();
    await using before = await openShop({ store: sqliteStore(file) });
    const body = { text: "kept" };
    const { headers } = await signedByHand(before, "/v1/echo", body, { key: "kept-over-restart" });
    const first = await before.fetch("/v1/echo", post(body, headers));
    const receipt = first.headers.get("payment-response");
    const text = await first.text();
    await before.server.stop();
    await before.store.close();
    await using after = await openShop({ world: before.world, store: sqliteStore(file) });
    const again = await after.fetch("/v1/echo", post(body, headers));
    expect([again.status, await again.text(), again.headers.get("payment-response")]).toEqual([
      200,
      text,
      receipt,
    ]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(after.runs.echo).toBeUndefined();
    expect(after.asked).toEqual({ verify: 0, settle: 0 });
  });

  it("runs the jobs that were waiting or running, and delivers them", async () => {
    const file = newFile();
    await using before = await openShop({ store: sqliteStore(file), recovery: RECOVERY });
    const never = new Promise<never>(() => {});
    before.handlers.render = () => never;
    const paths = await Promise.all(["one", "two", "three"].map((key) => render(before, `restart-${key}`)));
    expect(paths).toHaveLength(3);
    await before.server.stop(0);
    await using after = await openShop({ world: before.world, store: sqliteStore(file), recovery: RECOVERY });
    await after.server.start();
    for (const status of paths) await until(status, ({ state }) => state === "succeeded");
    expect(after.runs.render).toBe(3);
    expect((await after.moved()).paid).toBe(0n);
  });
});

describe("a server that dies over a job", () => {
  it("is replaced after its lease: the job runs again as the next attempt, and what the first one makes is dropped", async () => {
    await using shop = await openShop({ recovery: RECOVERY });
    const { opened, open } = latch();
    const attempts: number[] = [];
    const zombie = await openShop({
      world: shop.world,
      store: shop.store,
      recovery: RECOVERY,
      // It goes on, but says no more that it lives, as a process does that was frozen.
      faults: { reach: (point) => (point === "job.ran" ? opened : Promise.resolve()) },
    });
    zombie.handlers.render = (_, ctx) => {
      attempts.push(ctx.attempt);
      return { url: "https://pictures.test/zombie", note: "too late" };
    };
    shop.handlers.render = (_, ctx) => {
      attempts.push(ctx.attempt);
      return { url: "https://pictures.test/second", note: "in time" };
    };
    const status = await render(zombie, "left-behind");
    await until(
      async () => attempts,
      (attempts) => attempts.length === 1,
    );
    await zombie.store.attend(await ownerOf(zombie, await status()), 0);
    await shop.server.start();
    const document = await until(status, ({ state }) => state === "succeeded");
    open();
    await zombie.server.stop();
    expect(attempts).toEqual([1, 2]);
    expect(document.result).toEqual({ url: "https://pictures.test/second", note: "in time" });
    // Not by the status, whose terminal answer is kept ready-made.
    expect(await shop.store.job(String(document.jobId))).toMatchObject({
      work: "done",
      attempt: 2,
      result: JSON.stringify(document.result),
    });
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("again and again ends the job as failed after three attempts, and owes a refund", async () => {
    await using shop = await openShop();
    const never = new Promise<never>(() => {});
    const dying = () =>
      openShop({
        world: shop.world,
        store: shop.store,
        recovery: RECOVERY,
        faults: { reach: (point) => (point === "job.claimed" ? never : Promise.resolve()) },
      });
    const status = await render(await dying(), "cursed");
    for (let death = 1; death <= 3; death += 1) {
      const owner = await until(
        async () => ownerOf(shop, await status()).catch(() => ""),
        (owner) => owner !== "",
      );
      await shop.store.attend(owner, 0);
      if (death < 3) await (await dying()).server.start();
      await until(
        async () => ownerOf(shop, await status()).catch(() => ""),
        (now) => death === 3 || now !== owner,
      );
    }
    await using last = await openShop({ world: shop.world, store: shop.store, recovery: RECOVERY });
    await last.server.start();
    const document = await until(status, ({ state }) => state === "failed");
    expect(document).toMatchObject({ code: "interrupted", paymentState: "refund_owed" });
    expect(await shop.store.refunds({ limit: 9 })).toMatchObject([{ reason: "interrupted", state: "owed" }]);
    expect(last.runs.render).toBeUndefined();
  });

  it("and whose successor no longer sells the resource, leaves a job that ends and is refunded", async () => {
    await using shop = await openShop({ recovery: RECOVERY });
    const never = new Promise<never>(() => {});
    const faults = { reach: (point: string) => (point === "job.claimed" ? never : Promise.resolve()) };
    const dying = await openShop({ world: shop.world, store: shop.store, recovery: RECOVERY, faults });
    const status = await render(dying, "sold-before");
    const owner = await until(
      async () => ownerOf(shop, await status()).catch(() => ""),
      (owner) => owner !== "",
    );
    await shop.store.attend(owner, 0);
    // The next release calls it by another name.
    const renamed = new Proxy(shop.store, {
      get: (target, name: keyof Store) =>
        name !== "claimJobs"
          ? Reflect.get(target, name)
          : async (options: ClaimOptions) =>
              (await target.claimJobs(options)).map((claimed) => ({
                ...claimed,
                job: { ...claimed.job, resource: "removed" },
              })),
    });
    await using next = await openShop({ world: shop.world, store: renamed, recovery: RECOVERY });
    await next.server.start();
    const document = await until(status, ({ state }) => state === "failed");
    expect(document).toMatchObject({ code: "internal_error", paymentState: "refund_owed" });
    expect(await shop.store.refunds({ limit: 9 })).toHaveLength(1);
  });

  it("is not needed for a stop: a server that stops hands its jobs back at once", async () => {
    await using shop = await openShop({ recovery: { everyMs: 20, leaseMs: 60_000 } });
    const stopping = await openShop({ world: shop.world, store: shop.store });
    stopping.handlers.render = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const status = await render(stopping, "handed-back");
    await until(
      async () => stopping.runs.render,
      (runs) => runs === 1,
    );
    await stopping.server.stop(0);
    expect(await status()).toMatchObject({ status: "queued" });
    await shop.server.start();
    await until(status, ({ state }) => state === "succeeded");
  });
});

async function ownerOf(shop: Shop, document: Record<string, unknown>): Promise<string> {
  const job = await shop.store.job(String(document.jobId));
  if (!job || job === "gone" || job.owner === undefined) throw new Error("no server runs the job");
  return job.owner;
}

describe("two servers on one store", () => {
  it("do not take from each other what a living one works on: a copy is told to come back", async () => {
    await using one = await openShop({ recovery: RECOVERY });
    await using two = await openShop({ world: one.world, store: one.store, recovery: RECOVERY });
    await two.server.start();
    for (const [path, body, name] of [
      ["/v1/echo", { text: "owned" }, "echo"],
      ["/v1/brew", { cup: "owned" }, "brew"],
    ] as const) {
      const { opened, open } = latch();
      one.handlers.echo = async ({ text }) => {
        await opened;
        return { text };
      };
      one.handlers.brew = async ({ cup }) => {
        await opened;
        return { coffee: cup };
      };
      const { headers } = await signedByHand(one, path, body, { key: `owned-${name}` });
      const first = one.fetch(path, post(body, headers));
      await until(
        async () => one.runs[name],
        (runs) => runs === 1,
      );
      const copy = await two.fetch(path, post(body, headers));
      expect([copy.status, copy.headers.has("retry-after")]).toEqual([409, true]);
      expect(await copy.json()).toMatchObject({ code: "in_progress" });
      setTimeout(open, 100);
      expect((await first).status).toBe(200);
      const again = await two.fetch(path, post(body, headers));
      expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
      expect(two.runs[name]).toBeUndefined();
    }
    expect((await one.moved()).paid).toBe(40_000n);
  });
});

/** A store whose server dies as soon as a step that `last` is true of has been written: nothing of it comes after. */
function lastWrite(store: Store, last: (step: Step) => boolean): { store: Store; died: Promise<void> } {
  const dead = latch();
  let over = false;
  const wrapped = new Proxy(store, {
    get(target, name: keyof Store) {
      if (typeof target[name] !== "function") return target[name];
      if (name === "watch") return target.watch;
      return async (...args: unknown[]) => {
        if (over) return new Promise<never>(() => {});
        const result = await (target[name] as (...args: unknown[]) => Promise<unknown>).apply(target, args);
        if (name !== "change" || !last(args[0] as Step)) return result;
        over = true;
        dead.open();
        return new Promise<never>(() => {});
      };
    },
  });
  return { store: wrapped, died: dead.opened };
}

describe("a server that dies in the moment in which a charged call has ended without a result", () => {
  it("has written the refund of a job by then", async () => {
    const kept = memoryStore({ completeSince: 0 });
    const { store, died } = lastWrite(
      kept,
      ({ job }) => job !== undefined && job.set !== "forget" && job.set.work === "failed",
    );
    // Not stopped in the end: it is dead, and would wait for ever.
    const shop = await openShop({ store });
    shop.handlers.render = (_, ctx) => ctx.fail("refused");
    const body = { prompt: "last words", size: "small" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "last-words-1" });
    await shop.fetch("/v1/render", post(body, headers));
    await died;
    expect(await kept.refunds({ limit: 9 })).toMatchObject([
      { state: "owed", reason: "refused", amount: "0.02" },
    ]);
  });

  it("has written the refund of a synchronous call by then", async () => {
    const kept = memoryStore({ completeSince: 0 });
    const answered = ({ call }: Step) => call !== undefined && call.set !== "forget" && "answer" in call.set;
    const { store, died } = lastWrite(kept, answered);
    // Not stopped in the end: it is dead, and would wait for ever.
    const shop = await openShop({ store });
    shop.handlers.brew = (_, ctx) => ctx.fail("no_beans");
    const body = { cup: "last words" };
    const { headers } = await signedByHand(shop, "/v1/brew", body, { key: "last-words-2" });
    void shop.fetch("/v1/brew", post(body, headers));
    await died;
    expect(await kept.refunds({ limit: 9 })).toMatchObject([
      { state: "owed", reason: "no_beans", amount: "0.03" },
    ]);
  });
});

describe("a server that was frozen while a handler ran", () => {
  it("does not say that nothing was charged when another one has finished the call", async () => {
    await using shop = await openShop({ recovery: RECOVERY });
    const frozen = await openShop({ world: shop.world, store: shop.store, recovery: RECOVERY });
    const { opened, open } = latch();
    frozen.handlers.echo = async (_, ctx) => {
      await opened;
      return ctx.fail("refused");
    };
    const body = { text: "taken over" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "taken-over-1" });
    const late = frozen.fetch("/v1/echo", post(body, headers));
    await until(
      async () => frozen.runs.echo,
      (runs) => runs === 1,
    );
    const held = await holderOf(shop, headers);
    await shop.store.attend(held?.owner ?? "", 0);
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(200);
    open();
    const too = await late;
    expect([too.status, await too.text()]).toEqual([200, await answer.text()]);
  });
});

/** The call that holds a payment. */
async function holderOf(shop: Shop, headers: Record<string, string>) {
  const { payload, accepted } = decodeHeader(headers["payment-signature"] ?? "") as {
    accepted: { network: string };
    payload: { authorization: { from: string; nonce: string } };
  };
  const { from, nonce } = payload.authorization;
  const identity = {
    network: accepted.network,
    payer: from.toLowerCase(),
    nonce: nonce.toLowerCase(),
    bytesHash: "",
    validBefore: 0,
  };
  return shop.store.findCall({ resource: "echo", identity, key: undefined });
}

describe("a store that fails", () => {
  it("when the intent is written answers 503, unused, with Retry-After; nothing runs, and no facilitator is asked to settle", async () => {
    const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
    await using shop = await openShop({ store });
    for (const [path, body] of [
      ["/v1/echo", { text: "full" }],
      ["/v1/render", { prompt: "full" }],
      ["/v1/brew", { cup: "full" }],
      ["/v1/bake", { loaf: "full" }],
    ] as const) {
      const { headers } = await signedByHand(shop, path, body, { key: "disk-is-full" });
      fail.set("begin", "before");
      const answer = await shop.fetch(path, post(body, headers));
      expect([path, answer.status, answer.headers.has("retry-after")]).toEqual([path, 503, true]);
      expect(await answer.json()).toMatchObject({ code: "unavailable", paymentState: "unused" });
      fail.clear();
      const again = await shop.fetch(path, post(body, headers));
      expect(again.status).toBeLessThan(300);
      expect(again.headers.get("idempotent-replayed")).toBeNull();
    }
    expect(shop.asked.settle).toBe(3);
  });

  it("after it has written the intent goes on with it, as long as it can still be read", async () => {
    const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
    await using shop = await openShop({ store });
    const body = { text: "answer lost" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "answer-lost-1" });
    fail.set("begin", "after");
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    fail.set("call", "before");
    const other = await signedByHand(shop, "/v1/echo", body, { key: "answer-lost-2" });
    const uncertain = await shop.fetch("/v1/echo", post(body, other.headers));
    expect(uncertain.status).toBe(503);
    expect(await uncertain.json()).toMatchObject({ paymentState: "in_flight" });
  });

  it("once the money has moved never says that it has not, and delivers when it works again", async () => {
    const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
    await using shop = await openShop({ store, evidence: true, recovery: RECOVERY });
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async (...args) => {
      const settled = await settle(...args);
      fail.set("change", "before");
      return settled;
    };
    const body = { text: "moved" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "money-has-moved" });
    const first = await shop.fetch("/v1/echo", post(body, headers));
    expect(first.status).toBe(503);
    expect(await first.json()).toMatchObject({ code: "settlement_unknown", paymentState: "in_flight" });
    const second = await shop.fetch("/v1/echo", post(body, headers));
    expect(second.status).toBe(503);
    expect((await second.json()).paymentState).not.toBe("unused");
    shop.facilitator.settle = settle;
    fail.clear();
    await shop.server.start();
    const answer = await until(
      () => shop.fetch("/v1/echo", post(body, headers)),
      ({ status }) => status === 200,
    );
    expect(await answer.json()).toEqual(body);
    expect(shop.runs.echo).toBe(1);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("records a settlement that it could not write, though the facilitator does not confirm it again", async () => {
    const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
    // No node: the reply of the facilitator is the only proof, and it comes once.
    await using shop = await openShop({ store, recovery: RECOVERY });
    const settle = shop.facilitator.settle;
    let settled = 0;
    shop.facilitator.settle = async (payment, requirements) => {
      settled += 1;
      if (settled === 1) {
        fail.set("change", "before");
        return settle(payment, requirements);
      }
      const errorReason = "invalid_exact_evm_nonce_already_used";
      return { success: false, errorReason, transaction: "", network: requirements.network };
    };
    const body = { prompt: "proven once" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "proven-once" });
    const accepted = await shop.fetch("/v1/render", post(body, headers));
    expect(accepted.status).toBe(202);
    const { statusUrl } = await accepted.json();
    expect(shop.logged).toContainEqual({
      level: "error",
      fields: expect.objectContaining({ transaction: expect.stringMatching(/^0x/) }),
      message: "the outcome of a settlement could not be written",
    });
    fail.clear();
    await shop.server.start();
    const document = await until(
      async () => (await shop.fetch(new URL(statusUrl).pathname)).json(),
      ({ state }) => state !== "processing",
    );
    expect(document).toMatchObject({ state: "succeeded", paymentState: "settled" });
    expect(settled).toBe(1);
    expect(shop.runs.render).toBe(1);
  });

  it("to be read, after another server has taken over a charged call, never says that nothing was charged", async () => {
    const memory = memoryStore({ completeSince: 0 });
    const { store, fail } = flaky(memory);
    await using shop = await openShop({ store });
    const body = { cup: "taken over" };
    const { headers } = await signedByHand(shop, "/v1/brew", body, { key: "taken-over" });
    shop.handlers.brew = async ({ cup }) => {
      const call = await memory.findCall({ resource: "brew", identity: identityIn(headers), key: undefined });
      await memory.attend("another", 60_000);
      await memory.change({ durable: true, call: { id: call?.id ?? "", set: { owner: "another" } } });
      fail.set("call", "before");
      return { coffee: cup };
    };
    const answer = await shop.fetch("/v1/brew", post(body, headers));
    expect([answer.status, await answer.json()]).toMatchObject([503, { paymentState: "in_flight" }]);
    expect((await shop.moved()).paid).toBe(30_000n);
  });

  it("to keep an answer, or loses the word that it is kept, says that the payment is in flight", async () => {
    for (const when of ["before", "after"] as const) {
      const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
      await using shop = await openShop({ store, evidence: true, recovery: RECOVERY });
      shop.handlers.echo = ({ text }) => {
        fail.set("change", when);
        return { text };
      };
      const body = { text: when };
      const { headers } = await signedByHand(shop, "/v1/echo", body, { key: `kept-${when}-failing` });
      const first = await shop.fetch("/v1/echo", post(body, headers));
      expect(first.status).toBe(503);
      expect(await first.json()).toMatchObject({ paymentState: "in_flight" });
      fail.clear();
      shop.handlers.echo = ({ text }) => ({ text });
      await shop.server.start();
      await until(
        () => shop.fetch("/v1/echo", post(body, headers)),
        ({ status }) => status === 200,
      );
      expect((await shop.moved()).paid).toBe(10_000n);
    }
  });

  it("to be read says nothing about a payment", async () => {
    const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
    await using shop = await openShop({ store });
    const body = { text: "unreadable" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "unreadable-1" });
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    fail.set("findCall", "before");
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(503);
    const problem = await answer.json();
    expect(problem).toMatchObject({ code: "unavailable" });
    expect(problem).not.toHaveProperty("paymentState");
  });

  it("at the end of a job is written to again until it takes it", async () => {
    const { store, fail } = flaky(memoryStore({ completeSince: 0 }));
    await using shop = await openShop({ store });
    shop.handlers.render = ({ prompt }) => {
      fail.set("change", "before");
      return { url: "https://pictures.test/x", note: prompt };
    };
    const status = await render(shop, "written-late");
    await until(
      async () => shop.logged.some(({ message }) => message === "the end of a job could not be written"),
      (failed) => failed,
    );
    fail.clear();
    expect(await until(status, ({ state }) => state === "succeeded")).toMatchObject({
      result: { note: "written-late" },
    });
    expect(shop.runs.render).toBe(1);
  });
});

describe("a facilitator that never answers", () => {
  const never = new Promise<never>(() => {});

  it("stops: its settlement is unconfirmed, and closed when it answers again", async () => {
    await using shop = await openShop({ payments: { facilitatorTimeout: "100ms" } });
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = () => never;
    const body = { text: "silence" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "silent-settle" });
    const first = await shop.fetch("/v1/echo", post(body, headers));
    expect(first.status).toBe(503);
    expect(await first.json()).toMatchObject({ code: "settlement_unknown", paymentState: "in_flight" });
    shop.facilitator.settle = settle;
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    expect(shop.runs.echo).toBe(1);
  });

  it("to a question whether a payment is good is taken for one that is not there: 503, nothing kept", async () => {
    await using shop = await openShop({ payments: { facilitatorTimeout: "100ms" } });
    shop.facilitator.verify = () => never;
    const body = { text: "silence" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "silent-verify" });
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "facilitator_unavailable", paymentState: "unused" });
    expect(shop.runs.echo).toBeUndefined();
  });
});
