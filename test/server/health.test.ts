import { memoryStore } from "resource402/server";
import { expect, it } from "vitest";
import { openShop, post, type Shop, signedByHand, until } from "../flow/shop.ts";

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
  const away = () => Promise.reject(new Error("at http://inside.internal:8080 there is no answer"));
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

it("is no longer ready once it stops, so that it gets no calls", async () => {
  await using shop = await openShop();
  await shop.server.start();
  expect((await asked(shop, "/readyz"))[0]).toBe(200);
  await shop.server.stop();
  expect(await asked(shop, "/readyz")).toMatchObject([503, { checks: { server: "stopping" } }]);
  expect((await asked(shop, "/livez"))[0]).toBe(200);
});

it("reports that no worker runs the jobs it sells, and is ready all the same: it has other things to answer", async () => {
  const store = memoryStore();
  await using api = await openShop({ store, role: "api" });
  await api.server.start();
  const [status, body] = await asked(api, "/readyz");
  expect(status).toBe(200);
  expect(body).toEqual({
    status: "degraded",
    checks: {
      store: "ok",
      facilitator: "ok",
      workers: expect.stringMatching(/^none seen for \d s$/),
      server: "ok",
    },
  });
  expect((await api.fetch("/v1/ping")).status).toBe(200);

  await using worker = await openShop({ store, role: "worker", world: api.world });
  await worker.server.start();
  const ok = { status: "ok", checks: { store: "ok", facilitator: "ok", workers: "ok", server: "ok" } };
  await until(
    () => asked(api, "/readyz"),
    ([, said]) => JSON.stringify(said) === JSON.stringify(ok),
  );
  expect((await asked(worker, "/readyz"))[1]).not.toHaveProperty("checks.workers");
  await worker.server.stop();
  await until(
    () => asked(api, "/readyz"),
    ([code, said]) => code === 200 && /"none seen for [1-9]\d* s"/.test(JSON.stringify(said)),
  );
});

it("fails at once when it is told to stop, and answers what still comes while load balancers learn of it", async () => {
  await using shop = await openShop();
  await shop.server.start();
  const stopped = shop.server.stop(10_000, 3_000).then(() => "stopped");
  expect(await asked(shop, "/readyz")).toMatchObject([503, { checks: { server: "stopping" } }]);
  expect(await shop.client().echo({ text: "late" })).toEqual({ text: "late" });
  const { headers } = await signedByHand(shop, "/v1/render", { prompt: "late" }, { key: "a-late-purchase" });
  const accepted = await shop.fetch("/v1/render", post({ prompt: "late" }, headers));
  const { jobId } = (await accepted.json()) as { jobId: string };
  expect(accepted.status).toBe(202);
  expect(await Promise.race([stopped, "draining"])).toBe("draining");
  expect(await stopped).toBe("stopped");
  expect(await shop.store.job(jobId)).toMatchObject({ work: "waiting", attempt: 0 });
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
