import { prometheus } from "resource402/prometheus";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { describe, expect, it } from "vitest";
import { latch, openShop, post, type Shop, signedByHand, until } from "../flow/shop.ts";
import { familiesByParser, lint, type Sample, samplesOf } from "./exposition.ts";

const TOKEN = "a-token-for-those-who-scrape";

async function scrape(shop: Shop): Promise<string> {
  const answer = await shop.fetch("/metrics");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return answer.text();
}

/** The sum of the samples of this name and these labels. */
function metric(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples
    .filter(
      (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}

/** A known set of calls: two answers, a refusal, a mistake, a job that succeeds, one that fails and one that runs. */
async function trade(shop: Shop): Promise<() => void> {
  const { opened, open } = latch();
  await shop.client().echo({ text: "one" });
  await shop.client().echo({ text: "two" });
  shop.handlers.echo = (_, ctx) => ctx.fail("refused");
  await shop
    .client()
    .echo({ text: "three" })
    .catch(() => {});
  await shop.fetch("/v1/echo", post({ text: 3 }));
  await shop.client().render({ prompt: "a cat", size: "large" });
  shop.handlers.render = (_, ctx) => ctx.fail("refused");
  await shop
    .client()
    .render({ prompt: "a dog" })
    .catch(() => {});
  shop.handlers.render = async () => {
    await opened;
    return { url: "https://pictures.test/x", note: "" };
  };
  const body = { prompt: "a bird" };
  const { headers } = await signedByHand(shop, "/v1/render", body, { key: "bird" });
  await shop.fetch("/v1/render", post(body, headers));
  await shop.fetch("/v1/render", post(body, headers));
  await until(
    () => shop.store.recentJobs({ ended: false, limit: 9 }),
    (jobs) => jobs.some(({ work }) => work === "running"),
  );
  return open;
}

describe("GET /metrics", () => {
  it("is text that Prometheus reads, with a help, a type and a unit for everything", async () => {
    await using shop = await openShop({ metrics: prometheus() });
    const open = await trade(shop);
    const text = await scrape(shop);
    expect(lint(text)).toEqual([]);
    const names = new Set(Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name));
    expect(familiesByParser(text)).toBe(names.size);
    expect([...names].sort()).toEqual([
      "http_server_request_duration_seconds",
      "resource402_calls_total",
      "resource402_errors_total",
      "resource402_handler_duration_seconds",
      "resource402_handlers_running",
      "resource402_job_wait_seconds",
      "resource402_payments_total",
      "resource402_queue_depth",
      "resource402_queue_oldest_age_seconds",
      "resource402_refunds_owed",
      "resource402_refunds_total",
      "resource402_refunds_value_total",
      "resource402_results_total",
      "resource402_revenue_usd_total",
      "resource402_settle_duration_seconds",
      "resource402_settlements_unknown",
      "resource402_verify_duration_seconds",
      "resource402_workers",
    ]);
    open();
  });

  it("counts what has happened, by resource", async () => {
    await using shop = await openShop({ metrics: prometheus() });
    const open = await trade(shop);
    const samples = samplesOf(await scrape(shop));
    const echo = { resource402_resource: "echo" };
    const render = { resource402_resource: "render" };
    const of = (name: string, labels: Record<string, string>) => metric(samples, name, labels);
    const calls = (labels: object, outcome: string) =>
      of("resource402_calls_total", { ...labels, resource402_outcome: outcome });

    // The funnel: how many were asked to pay, and how many have paid.
    expect([calls(echo, "challenged"), calls(render, "challenged")]).toEqual([3, 3]);
    expect([of("resource402_payments_total", echo), of("resource402_payments_total", render)]).toEqual([
      2, 3,
    ]);
    expect([calls(echo, "succeeded"), calls(echo, "failed")]).toEqual([2, 2]);
    expect([calls(render, "accepted"), calls(render, "replayed")]).toEqual([3, 1]);
    expect(of("resource402_errors_total", { ...echo, error_type: "invalid_input" })).toBe(1);
    expect(of("resource402_errors_total", { ...echo, error_type: "refused" })).toBe(1);
    expect(of("resource402_errors_total", { ...render, error_type: "refused" })).toBe(1);

    const results = (labels: object, outcome: string) =>
      of("resource402_results_total", { ...labels, resource402_outcome: outcome });
    expect([results(echo, "succeeded"), results(echo, "failed")]).toEqual([2, 1]);
    expect([results(render, "succeeded"), results(render, "failed")]).toEqual([1, 1]);

    const usd = { resource402_currency: "USDC", resource402_network: shop.world.network };
    expect(of("resource402_revenue_usd_total", { ...echo, ...usd })).toBeCloseTo(0.02, 9);
    expect(of("resource402_revenue_usd_total", { ...render, ...usd })).toBeCloseTo(0.14, 9);
    expect(of("resource402_refunds_total", { ...render, resource402_state: "owed" })).toBe(1);
    expect(of("resource402_refunds_value_total", { resource402_currency: "USDC" })).toBeCloseTo(0.02, 9);
    expect(of("resource402_refunds_owed", render)).toBe(1);

    expect(of("resource402_queue_depth", { ...render, resource402_status: "running" })).toBe(1);
    expect(of("resource402_handlers_running", render)).toBe(1);
    expect(of("resource402_handler_duration_seconds_count", echo)).toBe(3);
    expect(of("resource402_handler_duration_seconds_count", { ...echo, error_type: "refused" })).toBe(1);
    expect(of("resource402_job_wait_seconds_count", render)).toBe(3);
    expect(of("resource402_settlements_unknown", {})).toBe(0);

    const custom = { server_address: "custom" };
    const asked = (question: string, labels: object, outcome: string) =>
      of(`resource402_${question}_duration_seconds_count`, {
        ...custom,
        ...labels,
        resource402_outcome: outcome,
      });
    expect([asked("verify", echo, "valid"), asked("verify", render, "valid")]).toEqual([3, 3]);
    expect([asked("settle", echo, "settled"), asked("settle", render, "settled")]).toEqual([2, 3]);

    const requests = (labels: Record<string, string>) =>
      of("http_server_request_duration_seconds_count", labels);
    expect(
      requests({ http_request_method: "POST", http_route: "/v1/echo", http_response_status_code: "402" }),
    ).toBe(3);
    expect(requests({ http_route: "/v1/echo", http_response_status_code: "422" })).toBe(1);
    expect(requests({ http_request_method: "GET", http_route: "/v1/jobs/:id" })).toBe(0);
    open();
  });

  it("shows the queue of each job when nothing waits, so that an alert can be set on it, and who runs jobs", async () => {
    await using shop = await openShop({ metrics: prometheus() });
    await shop.server.start();
    const samples = samplesOf(await scrape(shop));
    const shown = (name: string) =>
      samples
        .filter((one) => one.name === name)
        .map(({ labels, value }) => [labels.resource402_resource, labels.resource402_status, value])
        .toSorted();
    const empty = ["bake", "render"].flatMap((resource) =>
      ["awaiting_payment", "queued", "running"].map((status) => [resource, status, 0]),
    );
    expect(shown("resource402_queue_depth")).toEqual(empty);
    expect(shown("resource402_queue_oldest_age_seconds")).toEqual(empty);
    expect(metric(samples, "resource402_workers")).toBe(1);
  });

  it("counts refused settlements apart from unconfirmed ones", async () => {
    await using shop = await openShop({ metrics: prometheus() });
    shop.facilitator.settle = async () => ({
      success: false,
      errorReason: "insufficient_funds",
      transaction: "",
      network: shop.world.network,
    });
    await shop
      .client()
      .echo({ text: "x" })
      .catch(() => {});
    shop.facilitator.settle = () => Promise.reject(new Error("no answer"));
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "y" });
    expect((await shop.fetch("/v1/echo", post({ text: "y" }, headers))).status).toBe(503);
    const samples = samplesOf(await scrape(shop));
    const settled = (outcome: string) =>
      metric(samples, "resource402_settle_duration_seconds_count", {
        resource402_outcome: outcome,
        resource402_resource: "echo",
      });
    expect(settled("refused")).toBe(1);
    expect(settled("unclear")).toBe(1);
    expect(metric(samples, "resource402_settle_unclear_total", { resource402_reason: "no_reply" })).toBe(1);
    expect(metric(samples, "resource402_settlements_unknown")).toBe(1);
    expect(metric(samples, "resource402_calls_total", { resource402_outcome: "refused" })).toBe(1);
  });

  it("tells refunds that are paid from those that are owed", async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    const everyMs = 20;
    await using shop = await openShop({
      metrics: prometheus(),
      recovery: { everyMs },
      payments: { refunds: { account } },
    });
    await shop.world.fund(account.address, "1");
    shop.handlers.brew = (_, ctx) => ctx.fail("no_beans");
    await shop
      .client()
      .brew({ cup: "x" })
      .catch(() => {});
    await shop.server.start();
    await until(
      () => shop.store.refunds({ limit: 9 }),
      ([refund]) => refund?.state === "paid",
    );
    const samples = samplesOf(await scrape(shop));
    const refunds = (name: string, state: string) =>
      metric(samples, name, { resource402_resource: "brew", resource402_state: state });
    expect(refunds("resource402_refunds_total", "owed")).toBe(1);
    expect(refunds("resource402_refunds_total", "paid")).toBe(1);
    expect(refunds("resource402_refunds_value_total", "paid")).toBeCloseTo(0.03, 9);
    expect(metric(samples, "resource402_refunds_owed")).toBe(0);
  });

  it("counts the tries to tell a buyer", async () => {
    await using shop = await openShop({
      metrics: prometheus(),
      callbacks: { allowPrivate: true, attempts: 1 },
    });
    const body = { prompt: "x" };
    const { headers } = await signedByHand(shop, "/v1/render", body);
    await shop.server.start();
    await shop.fetch("/v1/render", post(body, { ...headers, "callback-url": "http://127.0.0.1:9/closed" }));
    await until(
      async () => samplesOf(await scrape(shop)),
      (samples) => metric(samples, "resource402_callbacks_total", { resource402_outcome: "given_up" }) === 1,
    );
  });

  it("labels requests with the scheme by which callers come, be it only as far as the proxy", async () => {
    const name = "http_server_request_duration_seconds_count";
    for (const [scheme, options] of [
      ["http", {}],
      ["https", { publicUrl: "https://shop.example/api" }],
    ] as const) {
      await using shop = await openShop({ metrics: prometheus(), ...options });
      await shop.fetch("/v1/echo", post({ text: "x" }));
      const samples = samplesOf(await scrape(shop));
      expect(metric(samples, name, { http_route: "/v1/echo", url_scheme: scheme })).toBe(1);
    }
  });

  it("labels no address that a caller made up, and no method", async () => {
    await using shop = await openShop({ metrics: prometheus() });
    for (const path of ["/a", "/b", "/v1/jobs/one", "/v1/jobs/two"]) await shop.fetch(path);
    await shop.fetch("/a", { method: "BREW" });
    const text = await scrape(shop);
    expect(text).not.toMatch(/"\/a"|"\/b"|one|BREW/);
    const samples = samplesOf(text);
    const name = "http_server_request_duration_seconds_count";
    expect(metric(samples, name, { http_route: "/v1/jobs/:id", http_response_status_code: "404" })).toBe(2);
    expect(metric(samples, name, { http_request_method: "_OTHER" })).toBe(1);
    expect(lint(text)).toEqual([]);
  });

  it("asks for its token where it has one, and is nowhere where it was not asked for", async () => {
    await using shop = await openShop({ metrics: prometheus({ token: TOKEN }) });
    const refused = await shop.fetch("/metrics");
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      'Bearer realm="metrics"',
    ]);
    expect((await shop.fetch("/metrics", { headers: { authorization: `Bearer ${TOKEN}x` } })).status).toBe(
      401,
    );
    expect((await shop.fetch("/metrics", { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(
      200,
    );
    expect(refused.headers.has("access-control-allow-origin")).toBe(false);
    expect(() => prometheus({ token: "short" })).toThrow("at least 16 characters");
    await using bare = await openShop();
    expect((await bare.fetch("/metrics")).status).toBe(404);
  });
});

describe("the linter of these tests", () => {
  it("finds what Prometheus would not have", () => {
    const good = "# HELP a_seconds It.\n# TYPE a_seconds gauge\na_seconds 1\n";
    expect(lint(good)).toEqual([]);
    const faulty = (text: string, says: string) => expect(lint(text).join("; ")).toContain(says);
    faulty(good.replace("# HELP a_seconds It.\n", ""), "no HELP");
    faulty(good.replaceAll("a_seconds", "a_ms"), "no base unit");
    faulty(good.replace("gauge", "counter"), "a counter with that ending");
    faulty(`${good}a_seconds 2\n`, "the same series twice");
    faulty(good.replace("a_seconds 1", 'a_seconds{le="1"} 1'), "le outside");
    faulty(good.trimEnd(), "does not end");
    const histogram = [
      "# HELP b_seconds It.",
      "# TYPE b_seconds histogram",
      'b_seconds_bucket{le="1"} 2',
      'b_seconds_bucket{le="+Inf"} 3',
      "b_seconds_sum 4",
      "b_seconds_count 3",
      "",
    ].join("\n");
    expect(lint(histogram)).toEqual([]);
    faulty(histogram.replace('le="1"} 2', 'le="1"} 5'), "buckets do not grow");
    faulty(histogram.replace("count 3", "count 4"), "count and last bucket differ");
    faulty(histogram.replace("b_seconds_sum 4\n", ""), "not one sum");
  });
});
