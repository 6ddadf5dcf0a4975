import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/hono";
import { Hono } from "hono";
import { evmPayer } from "resource402/evm";
import { startWorld, type World } from "resource402/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type ExamineOptions, examine, type Report } from "../../codegen/doctor/examine.ts";
import { createClient } from "../../examples/studio/client.gen.ts";
import { openStudio } from "../../examples/studio/server.ts";
import { parseUsd, toAtomic } from "../../schema/money.ts";
import { openShop } from "../flow/shop.ts";
import { BROKEN } from "./broken/faults.ts";
import { openSeller } from "./broken/seller.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld({ chain: false });
});
afterAll(() => world.stop());
afterEach(() => {
  vi.restoreAllMocks();
});

const wallet = (buyer = world.buyer, max = "0.05") => ({ payer: evmPayer(buyer), max: parseUsd(max) });

const ids = ({ findings }: Report): string[] => [...new Set(findings.map(({ check }) => check))];

const said = ({ findings }: Report): string =>
  findings
    .map(({ check, resource, what, evidence }) => `${check} ${resource}: ${what}\n${evidence}`)
    .join("\n\n");

describe("a server with one fault", () => {
  it.each(BROKEN.map((one) => [one.name, one.finds, one] as const))("%s: %s", async (_, finds, broken) => {
    const { fault, path = "/v1/echo", paid = false } = broken;
    await using seller = await openSeller(world, fault);
    const slowMs = finds === "answer-time" ? 1_000 : 30_000;
    const options = { url: new URL(path, seller.url), slowMs };
    const report = await examine(paid ? { ...options, wallet: wallet() } : options);
    expect(ids(report), said(report)).toEqual([finds]);
    for (const finding of report.findings) {
      for (const text of [finding.what, finding.why, finding.source, finding.evidence, finding.fix]) {
        expect(text).not.toBe("");
      }
    }
  });
});

describe("a correct server", () => {
  it.each([
    ["without paying", false],
    ["with a purchase of everything", true],
  ])("has no findings, %s", async (_, pays) => {
    await using seller = await openSeller(world);
    const report = await examine({ url: new URL(seller.url), ...(pays ? { wallet: wallet() } : {}) });
    expect(report.resources).toEqual(["POST /v1/echo", "POST /v1/render"]);
    expect(said(report)).toBe("");
    expect(report.spent.map(({ usd }) => usd)).toEqual(pays ? ["0.01", "0.02"] : []);
  });

  it("passes every check that a faulty server fails", async () => {
    await using seller = await openSeller(world);
    const report = await examine({ url: new URL(seller.url), wallet: wallet() });
    const passed = new Set(report.passed.map(({ check }) => check));
    const planted = new Set(BROKEN.map(({ finds }) => finds));
    // With one offer there is nothing to compare.
    expect([...planted].filter((id) => !passed.has(id))).toEqual(["price-input"]);
    // This machine has no HTTPS.
    const known = [...report.passed, ...report.skipped].map(({ check }) => check);
    expect([...new Set(known)].filter((id) => !planted.has(id))).toEqual(["https"]);
  });

  it("may say more about the money of a job with each repeated call", async () => {
    const words = ["in_flight", "in_flight", "settled", "settled"];
    await using seller = await openSeller(world, async (call, real) => {
      const answer = await real(call);
      if (answer.status !== 202) return answer;
      const money = { paymentState: words.shift(), status: words.length > 1 ? "queued" : "running" };
      return { ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), ...money }) };
    });
    const report = await examine({ url: new URL("/v1/render", seller.url), wallet: wallet() });
    expect(said(report)).toBe("");
    expect(report.passed.map(({ check }) => check)).toContain("paid-replay");
  });

  it("is paid once for each resource, however many requests are sent", async () => {
    await using seller = await openSeller(world);
    const before = await world.balanceOf(world.buyer.address);
    await examine({ url: new URL(seller.url), wallet: wallet() });
    expect(before - (await world.balanceOf(world.buyer.address))).toBe(30_000n);
  });

  it("is not paid more than the wallet may spend in total", async () => {
    await using seller = await openSeller(world);
    const before = await world.balanceOf(world.buyer.address);
    const { spent, skipped } = await examine({
      url: new URL(seller.url),
      wallet: wallet(world.buyer, "0.02"),
    });
    expect(spent.map(({ resource }) => resource)).toEqual(["POST /v1/echo"]);
    expect(
      skipped.find(({ check, resource }) => check === "paid-answer" && resource === "POST /v1/render"),
    ).toMatchObject({
      reason: "it costs $0.02, but only $0.01 is left of --max",
    });
    expect(before - (await world.balanceOf(world.buyer.address))).toBe(10_000n);
  });
});

describe("a server of this project", () => {
  it("has no findings: the studio, on a chain, unpaid and paid", async () => {
    await using chain = await startWorld();
    const folder = await mkdtemp(join(tmpdir(), "doctor-"));
    const accepts = [
      {
        network: chain.network,
        payTo: chain.seller.address,
        ...(chain.rpcUrl === undefined ? {} : { rpcUrl: chain.rpcUrl }),
      },
    ];
    const facilitator = (await chain.startFacilitatorServer()).url;
    const studio = await openStudio(
      { accepts, facilitator, refunds: { account: chain.seller } },
      join(folder, "db"),
    );
    try {
      const unpaid = await examine({ url: new URL(studio.url) });
      expect(unpaid.resources).toEqual(["POST /v1/caption", "POST /v1/generate-image"]);
      expect(said(unpaid)).toBe("");

      const before = await chain.balanceOf(chain.buyer.address);
      const paid = await examine({ url: new URL(studio.url), wallet: wallet(chain.buyer, "0.25") });
      expect(said(paid)).toBe("");
      expect(paid.passed.map(({ check }) => check)).toContain("job-result");
      const bought = paid.spent.filter(({ charged }) => charged === "yes");
      // A caption needs an image of the studio. The studio refuses any other input without charging.
      expect(bought.map(({ resource }) => resource)).toEqual(["POST /v1/generate-image"]);
      const cost = toAtomic(parseUsd(bought[0]?.usd ?? "0"), 6);
      expect(before - (await chain.balanceOf(chain.buyer.address))).toBe(cost);

      const client = createClient({ baseUrl: studio.url, payer: evmPayer(chain.buyer) });
      const { imageUrl } = await client.generateImage({ prompt: "a lighthouse" });
      const caption = { url: new URL("/v1/caption", studio.url), input: { imageUrl } };
      const captioned = await examine({ ...caption, wallet: wallet(chain.buyer, "0.01") });
      expect(said(captioned)).toBe("");
      expect(captioned.passed.map(({ check }) => check)).toContain("paid-conflict");
    } finally {
      await studio.close(0);
      await rm(folder, { recursive: true });
    }
  });

  it("has no findings: every kind of resource", async () => {
    await using shop = await openShop({ world });
    const fetch: ExamineOptions["fetch"] = (input, init) => shop.server.fetch(new Request(input, init));
    const report = await examine({
      url: new URL("http://shop.localhost/"),
      fetch,
      wallet: wallet(world.buyer, "5.00"),
    });
    expect(said(report)).toBe("");
    expect(report.resources.length).toBeGreaterThan(5);
  });
});

describe("the official middleware", () => {
  it("gets findings of each severity", async () => {
    // The middleware logs every unreadable payment to the console.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const x402 = new x402ResourceServer(world.facilitator).register(world.network, new ExactEvmScheme());
    const accepts = {
      ...{ scheme: "exact", price: "$0.01", network: world.network, payTo: world.seller.address },
    } as const;
    const app = new Hono();
    app.use(paymentMiddleware({ "POST /echo": { accepts, description: "Say it again." } }, x402));
    app.post("/echo", async (c) => c.json({ text: (await c.req.json<{ text: string }>()).text }));
    const { server, url } = await new Promise<{ server: ReturnType<typeof serve>; url: string }>(
      (resolve) => {
        const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) =>
          resolve({ server, url: `http://127.0.0.1:${port}/echo` }),
        );
      },
    );
    const input = { text: "hello" };
    const report = await examine({ url: new URL(url), method: "POST", input, wallet: wallet() });
    server.close();
    const by = (severity: string) =>
      ids({ ...report, findings: report.findings.filter((one) => one.severity === severity) });
    expect(by("error")).toEqual(["input-json", "paid-replay", "paid-conflict"]);
    expect(by("warning")).toEqual([
      "price-shown",
      "describes-input",
      "input-media",
      "input-size",
      "idempotency",
      "discovery-openapi",
      "discovery-llms",
    ]);
    expect(by("info")).toEqual(["challenge-v1", "describes-output", "cors", "discovery-well-known"]);
    expect(report.spent).toMatchObject([{ usd: "0.01", charged: "yes" }]);
  });
});
