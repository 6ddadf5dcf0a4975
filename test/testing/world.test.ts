import { describe, expect, it } from "vitest";
import { memoryLedger, startWorld } from "../../src/testing/index.ts";
import { authorizationOf, pay, requirementsOf } from "./payments.ts";

describe.each([
  { kind: "on a chain", chain: true },
  { kind: "in memory", chain: false },
])("a world $kind", ({ chain }) => {
  it("begins with a buyer of 100 USDC and a seller of none, new each time", async () => {
    await using world = await startWorld({ chain });
    await using other = await startWorld({ chain: false });
    expect(await world.balanceOf(world.buyer.address)).toBe(100_000_000n);
    expect(await world.balanceOf(world.seller.address)).toBe(0n);
    expect(other.buyer.address).not.toBe(world.buyer.address);
    expect("rpcUrl" in world).toBe(chain);
  });

  it("funds accounts with exact decimals and refuses what is not one", async () => {
    await using world = await startWorld({ chain });
    const { address } = await world.account({ usdc: "0.000001" });
    await world.fund(address, "12.34");
    expect(await world.balanceOf(address)).toBe(12_340_001n);
    expect(await world.balanceOf((await world.account()).address)).toBe(0n);
    for (const usdc of ["0.0000001", "-1", "1e3", "", "1,5", "1."]) {
      await expect(world.fund(address, usdc)).rejects.toThrow(RangeError);
      await expect(world.account({ usdc })).rejects.toThrow(RangeError);
    }
    expect(await world.balanceOf(address)).toBe(12_340_001n);
  });

  it("ends its servers and its chain with stop(), which may be called again", async () => {
    const world = await startWorld({ chain });
    const { url } = await world.startFacilitatorServer();
    const places = [`${url}/supported`, ...(world.rpcUrl ? [world.rpcUrl] : [])];
    for (const place of places) await fetch(place);
    await world.stop();
    for (const place of places) await expect(fetch(place)).rejects.toThrow("fetch failed");
    await world.stop();
  });
});

describe("the memory ledger", () => {
  it("goes by the clock that it is given", async () => {
    const world = await startWorld({ chain: false });
    const { payment, requirements } = await pay(world.buyer, requirementsOf(1, world.seller.address));
    const { validBefore } = authorizationOf(payment);
    let now = 0;
    const ledger = memoryLedger({ now: () => now });
    await ledger.mint(world.buyer.address, 1_000_000n);
    const reason = async () => (await ledger.verify(payment, requirements)).invalidReason;
    expect(await reason()).toBe("invalid_exact_evm_payload_authorization_valid_after");
    now = (Number(validBefore) - 6) * 1000;
    expect(await reason()).toBeUndefined();
    now += 1000;
    expect(await reason()).toBe("invalid_exact_evm_payload_authorization_valid_before");
  });
});
