import { describe, expect, it } from "vitest";
import { openHostile, receipt } from "./hostile.ts";

const caught = (thrown: unknown) => thrown;
const paid = () => Response.json({ ok: true }, { headers: receipt() });

/** A seller whose published price is $0.01, and who asks for $0.02. */
async function openRisen() {
  const hostile = await openHostile(paid);
  const { challenge } = hostile;
  hostile.challenge = (offer) => challenge({ ...offer, amount: "20000" });
  return hostile;
}

describe("a price that was raised", () => {
  it("is refused, and the error says what has happened and what to do", async () => {
    const hostile = await openRisen();
    const error = await hostile.echo()({}).catch(caught);
    expect(error).toMatchObject({ reason: "over_price", charged: "no" });
    expect((error as Error).message).toMatch(/\$0\.02, .*\$0\.01: the seller has raised it\. .*maxPrice/);
    expect(hostile.payments()).toEqual([]);
  });

  it("is paid by a call whose maxPrice allows it, to the cent", async () => {
    const hostile = await openRisen();
    expect(await hostile.echo()({}, { maxPrice: "0.02" })).toEqual({ ok: true });
    expect(await hostile.takeAll()).toBe(20_000n);
    expect(await hostile.echo()({}, { maxPrice: "0.019" }).catch(caught)).toMatchObject({
      reason: "over_price",
    });
  });

  it("is paid where the budget accepts it for the resource, and for no other", async () => {
    const hostile = await openRisen();
    const budget = { acceptPriceUpTo: { echo: "0.02" } } as const;
    expect(await hostile.echo({ budget })({})).toEqual({ ok: true });
    expect(await hostile.render({ budget })({}).catch(caught)).toMatchObject({ reason: "over_price" });
    const capped = { ...budget, perCall: "0.015" } as const;
    expect(await hostile.echo({ budget: capped })({}).catch(caught)).toMatchObject({
      reason: "over_ceiling",
    });
    expect(() => hostile.connect({ budget: { acceptPriceUpTo: { echo: "-1" } } } as never)).toThrow(
      RangeError,
    );
  });

  it("is not paid by a maxPrice below the published price that the challenge exceeds", async () => {
    const hostile = await openRisen();
    expect(await hostile.echo()({}, { maxPrice: "0.005" }).catch(caught)).toMatchObject({ charged: "no" });
    expect(hostile.payments()).toEqual([]);
  });
});
