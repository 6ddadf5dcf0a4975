import { memoryCalls } from "resource402/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BASE_URL, openHostile } from "./hostile.ts";
import { latch } from "./shop.ts";

const caught = (thrown: unknown) => thrown;
const accepted = (id: string) =>
  Response.json({ jobId: id, statusUrl: `${BASE_URL}/v1/jobs/${id}`, state: "processing" }, { status: 202 });

afterEach(() => void vi.useRealTimers());

/** Lets every payment expire that was signed until now. */
const anHourLater = (): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
};

describe("a call that is open", () => {
  it("stays open when a 202 names no job", async () => {
    const hostile = await openHostile(() => Response.json({ thanks: true }, { status: 202 }));
    const calls = memoryCalls();
    const error = await hostile.render({ calls, retries: 0, patienceMs: 0 }).start({}).catch(caught);
    expect(error).toMatchObject({ charged: "unknown" });
    expect(await hostile.connect({ calls }).pending()).toHaveLength(1);
  });

  it.each(["the same client", "a client of another process"])(
    "keeps its job in %s although its payment has lapsed: it may be paid for at its end",
    async (who) => {
      const hostile = await openHostile((_, count) => accepted(`job_${count}`));
      const calls = memoryCalls();
      const payer = { ...hostile.payer, lapsed: async () => true };
      const open = () => hostile.connect({ calls, payer, budget: { total: "0.01" } });
      const definition = { name: "render", method: "POST", path: "/v1/render" } as const;
      const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
      const client = open();
      await client.jobResource<object, unknown>({ ...definition, price }).start({});
      anHourLater();
      const later = who === "the same client" ? client : open();
      await later
        .jobResource<object, unknown>({ ...definition, price })
        .start({})
        .catch(caught);
      const ids = (await later.pending()).flatMap(({ jobId }) => jobId ?? []);
      expect(ids).toContain("job_1");
    },
  );

  it("holds its share of the budget while it is being sent, although its payment has lapsed", async () => {
    const { opened, open } = latch();
    const arrived = latch();
    const hostile = await openHostile(async () => {
      arrived.open();
      await opened;
      return Response.json({ ok: true });
    });
    const payer = { ...hostile.payer, lapsed: async () => true };
    const client = hostile.connect({ payer, budget: { total: "0.01" } });
    const definition = { name: "echo", method: "POST", path: "/v1/echo" } as const;
    const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
    const echo = client.resource<object, unknown>({ ...definition, price });
    const first = echo({});
    await arrived.opened;
    expect(await client.pending()).toHaveLength(1);
    anHourLater();
    expect(await echo({}).catch(caught)).toMatchObject({ reason: "over_budget" });
    open();
    expect(await first).toEqual({ ok: true });
    expect(hostile.payments()).toHaveLength(1);
  });
});

it.each([
  [true, "yes"],
  [false, "no"],
] as const)(
  "asks the chain when a seller says that nothing was charged (used: %s)",
  async (isUsed, charged) => {
    const unused = { code: "payment_failed", paymentState: "unused" };
    const hostile = await openHostile(() => Response.json(unused, { status: 500 }));
    const payer = { ...hostile.payer, used: async () => isUsed };
    const error = await hostile.echo({ payer, retries: 0, patienceMs: 0 })({}).catch(caught);
    expect(error).toMatchObject({ charged });
  },
);
