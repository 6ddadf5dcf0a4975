import { expect, it } from "vitest";
import {
  crashable,
  FAULT_POINTS,
  hostileFacilitator,
  hostileNetwork,
  killAt,
  memoryLedger,
  startWorld,
} from "../../src/testing/index.ts";
import { authorizationOf, pay, requirementsOf } from "../testing/payments.ts";
import { accountOf } from "./stage.ts";

const buyer = accountOf(1);
const seller = accountOf(2);
const caught = (thrown: unknown) => thrown;

async function funded() {
  const ledger = memoryLedger();
  await ledger.mint(buyer.address, 1_000_000n);
  const { payment, requirements } = await pay(buyer, requirementsOf(2, seller.address));
  return { ledger, payment, requirements };
}

it("the ledger reports whether a payment is unused, settled, spent elsewhere or lapsed", async () => {
  let now = Date.now();
  const ledger = memoryLedger({ now: () => now });
  await ledger.mint(buyer.address, 1_000_000n);
  const [first, second] = await Promise.all([
    pay(buyer, requirementsOf(2, seller.address)),
    pay(buyer, requirementsOf(2, seller.address)),
  ]);
  expect(await ledger.lookUp({ payload: first.payment })).toEqual({ evidence: "unused-yet" });
  const { transaction } = await ledger.settle(first.payment, first.requirements);
  expect(await ledger.lookUp({ payload: first.payment })).toEqual({ evidence: "settled", transaction });
  const { nonce } = authorizationOf(second.payment);
  expect(await ledger.cancel(buyer.address, nonce)).toBe(true);
  expect(await ledger.lookUp({ payload: second.payment })).toEqual({ evidence: "spent-elsewhere" });
  expect(ledger.transfers).toHaveLength(1);
  now += 120_000;
  const third = await pay(buyer, requirementsOf(2, seller.address));
  now += 3_600_000;
  expect(await ledger.lookUp({ payload: third.payment })).toEqual({ evidence: "lapsed" });
});

it("a world tells every transfer by authorization, on a chain as in memory", async () => {
  for (const chain of [true, false]) {
    await using world = await startWorld({ chain });
    const { payment, requirements } = await pay(world.buyer, requirementsOf(2, world.seller.address));
    await world.facilitator.settle(payment, requirements);
    const { nonce } = authorizationOf(payment);
    const [transfer, ...others] = await world.transfers();
    expect(others).toEqual([]);
    expect(transfer).toMatchObject({
      from: world.buyer.address,
      to: world.seller.address,
      value: 12345n,
      nonce,
    });
  }
});

it("a hostile facilitator loses its word after it has moved the money, at the call that is named and at no other", async () => {
  const { ledger, payment, requirements } = await funded();
  const hostile = hostileFacilitator(ledger, [{ mode: "cut_after", calls: [1] }, { mode: "idempotent" }]);
  expect(await hostile.settle(payment, requirements).catch(caught)).toBeInstanceOf(TypeError);
  expect(ledger.transfers).toHaveLength(1);
  expect(await hostile.settle(payment, requirements)).toMatchObject({ success: true });
  expect(ledger.transfers).toHaveLength(1);
});

it("a pending settlement is reported in both dialects, and moves the money later", async () => {
  for (const mode of ["pending", "pending_error"] as const) {
    const { ledger, payment, requirements } = await funded();
    const hostile = hostileFacilitator(ledger, [{ mode, calls: [1], ms: 300 }]);
    const said = await hostile.settle(payment, requirements).catch(caught);
    expect(said).toMatchObject({ errorReason: "settlement_pending" });
    expect(said instanceof Error).toBe(mode === "pending_error");
    expect(ledger.transfers).toHaveLength(0);
    await expect.poll(() => ledger.transfers).toHaveLength(1);
  }
});

it("a hostile network loses the answer and not the request", async () => {
  let served = 0;
  const network = hostileNetwork(async () => {
    served += 1;
    return new Response("ok");
  }, [{ mode: "answer_lost", of: "paid", calls: [1] }]);
  const paid = { headers: { "payment-signature": "x" } };
  expect(await (await network("http://seller.test")).text()).toBe("ok");
  expect(await network("http://seller.test", paid).catch(caught)).toBeInstanceOf(TypeError);
  expect(await (await network("http://seller.test", paid)).text()).toBe("ok");
  expect(served).toBe(3);
});

it("a dead server has no effect, and sends no response", async () => {
  const life = crashable({ at: "settle.after", nth: 2 });
  const written: string[] = [];
  const store = life.guard({ write: async (text: string) => void written.push(text) });
  const fetch = life.fetch(async () => {
    await life.faults.reach("settle.after");
    await store.write("one more");
    return new Response("ok");
  });
  expect((await fetch(new Request("http://seller.test"))).status).toBe(200);
  expect(await fetch(new Request("http://seller.test")).catch(caught)).toBeInstanceOf(TypeError);
  void store.write("from the grave");
  await life.death;
  expect({ alive: life.alive, written }).toEqual({ alive: false, written: ["one more"] });
});

it("a place to be killed at must be one of the named points", () => {
  for (const point of FAULT_POINTS) expect(() => killAt(`${point}:2`)).not.toThrow();
  expect(() => killAt("lunch")).toThrow(RangeError);
});
