import { evmPayer } from "resource402/evm";
import { startWorld } from "resource402/testing";
import { describe, expect, it } from "vitest";
import { createApp } from "../../examples/hono-app/app.ts";
import { createClient } from "../../examples/hono-app/client.gen.ts";

const AT = "https://weather.example";

describe("examples/hono-app", () => {
  it("sells one route beside the free routes of the same app", async () => {
    await using world = await startWorld({ chain: false });
    const { app, archive } = createApp({
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: world.facilitator,
    });
    await archive.start();
    const get = (path: string) => app.request(`${AT}${path}`);

    expect(await (await get("/forecast")).json()).toEqual({ tomorrow: "rain", highCelsius: 8 });
    expect((await get("/nothing")).status).toBe(404);
    const unpaid = await get("/archive/days/2026-03-31");
    expect(unpaid.status).toBe(402);
    expect(unpaid.headers.get("x-served-by")).toBe("weather");
    expect(await unpaid.json()).toMatchObject({
      accepts: [{ maxAmountRequired: "2000", resource: `${AT}/archive/days/2026-03-31` }],
    });
    const document = (await (await get("/archive/openapi.json")).json()) as { paths: object };
    expect(Object.keys(document.paths)).toContain("/days/{date}");

    const client = createClient({
      baseUrl: `${AT}/archive`,
      payer: evmPayer(world.buyer),
      fetch: async (url, init) => app.request(url, init),
    });
    expect(await client.day({ date: "2026-03-31", station: "summit" })).toEqual({
      ...{ date: "2026-03-31", station: "summit", highCelsius: 4, rainMm: 12.5 },
    });
    await expect(client.day({ date: "2026-03-30", station: "summit" })).rejects.toMatchObject({
      ...{ failure: "not_measured", charged: "no" },
    });
    expect(await world.balanceOf(world.seller.address)).toBe(2_000n);
    await archive.stop();
  });
});
