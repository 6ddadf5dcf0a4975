import { memoryStore } from "resource402/server";
import { expect, it } from "vitest";
import { openShop, type Shop } from "../flow/shop.ts";

async function asked(shop: Shop, path: string): Promise<[number, unknown]> {
  const answer = await shop.fetch(path);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  return [answer.status, await answer.json()];
}

it("a server is alive, and ready once its facilitator was reached", async () => {
  await using shop = await openShop();
  expect(await asked(shop, "/livez")).toEqual([200, { status: "ok" }]);
  const checks = { store: "ok", facilitator: "ok", server: "ok" };
  expect(await asked(shop, "/readyz")).toEqual([200, { status: "ok", checks }]);
});

it("is alive but not ready without its facilitator, without its store, and says which", async () => {
  const away = () => Promise.reject(new Error("at http://inside.internal:8080 nobody answers"));
  const broken = { ...memoryStore(), call: away };
  await using shop = await openShop({
    store: broken,
    payments: { facilitator: { getSupported: away, verify: away, settle: away } },
    log: "silent",
  });
  const checks = { store: "failed", facilitator: "failed", server: "ok" };
  const [status, body] = await asked(shop, "/readyz");
  expect([status, body]).toEqual([503, { status: "unavailable", checks }]);
  expect((await asked(shop, "/livez"))[0]).toBe(200);
});

it("is not ready when its store does not answer", async () => {
  const shop = await openShop({ store: { ...memoryStore(), call: () => new Promise(() => {}) } });
  expect(await asked(shop, "/readyz")).toMatchObject([
    503,
    { checks: { store: "failed", facilitator: "ok" } },
  ]);
  await shop.world.stop();
});

it("is not ready any more once it stops, so that nobody sends it calls", async () => {
  await using shop = await openShop();
  await shop.server.start();
  expect((await asked(shop, "/readyz"))[0]).toBe(200);
  await shop.server.stop();
  expect(await asked(shop, "/readyz")).toMatchObject([503, { checks: { server: "stopping" } }]);
  expect((await asked(shop, "/livez"))[0]).toBe(200);
});

it("answers nothing but GET and HEAD there, not even to other origins", async () => {
  await using shop = await openShop();
  for (const method of ["POST", "DELETE", "OPTIONS"]) {
    const answer = await shop.fetch("/readyz", { method });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  }
  expect((await shop.fetch("/livez", { method: "HEAD" })).status).toBe(200);
});
