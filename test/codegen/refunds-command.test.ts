import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { sqliteStore } from "resource402/sqlite";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterEach, describe, expect, it } from "vitest";
import type { SignedPayment } from "../../src/store/store.ts";
import { openShop, post, signedByHand, until } from "../flow/shop.ts";
import { call, refund } from "../store/records.ts";
import { createProject } from "./project.ts";

const KEY = "RESOURCE402_REFUND_KEY";

afterEach(() => {
  delete process.env[KEY];
});

/** A shop with a store in `folder` that owes for as many pictures. */
async function indebted(folder: string, pictures: number) {
  const shop = await openShop({ chain: true, store: sqliteStore(join(folder, "shop.db")) });
  shop.handlers.render = (_, ctx) => ctx.fail("refused");
  for (let count = 0; count < pictures; count += 1) {
    const body = { prompt: `picture ${count}`, size: "large" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: `picture-${count}` });
    expect((await shop.fetch("/v1/render", post(body, headers))).status).toBe(202);
  }
  await until(
    () => shop.store.refunds({ limit: 100 }),
    (refunds) => refunds.length === pictures,
  );
  return shop;
}

/** A payment whose authorization ended long ago. */
function expired(payment: SignedPayment | undefined): SignedPayment {
  if (payment?.version !== 2) throw new Error("expected a v2 payment");
  const authorization = { from: "0x00000000000000000000000000000000000000aa", validBefore: "1" };
  return { ...payment, payload: { ...payment.payload, payload: { authorization } } };
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("resource402 refunds", () => {
  it("lists owed refunds while the server uses the same file, pays each once, and lists it as paid", async () => {
    using project = createProject({});
    await using shop = await indebted(project.folder, 2);
    const key = generatePrivateKey();
    const account = privateKeyToAccount(key);
    await shop.world.fund(account.address, "1");
    const before = await shop.world.balanceOf(shop.world.buyer.address);
    const listed = await project.run("refunds", "list", "--store", "shop.db");
    expect(listed.code).toBe(0);
    expect(listed.out.split("\n")[1]).toMatch(/^ref_\S+ +\S+ \S+ +render +refused +0\.10 USDC/);

    process.env[KEY] = key;
    const { url } = await shop.world.startFacilitatorServer();
    const pay = ["refunds", "pay", "--store", "shop.db", "--facilitator", url];
    const unasked = await project.run(...pay);
    expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(await shop.world.balanceOf(account.address)).toBe(1_000_000n);

    const rpc = `${shop.world.network}=${shop.world.rpcUrl}`;
    const paid = await project.run(...pay, "--yes", "--rpc", rpc);
    expect(paid).toMatchObject({ code: 0, out: expect.stringContaining("Paid 2 refunds."), err: "" });
    expect(await shop.world.balanceOf(account.address)).toBe(800_000n);
    expect(await shop.world.balanceOf(shop.world.buyer.address)).toBe(before + 200_000n);

    expect((await project.run(...pay, "--yes")).out).toBe("No refund is owed.\n");
    const all = await project.run("refunds", "list", "--store", "shop.db", "--all", "--json");
    const refunds = JSON.parse(all.out) as Record<string, unknown>[];
    expect(refunds).toHaveLength(2);
    for (const refund of refunds) {
      expect(refund).toMatchObject({ state: "paid", transaction: expect.stringMatching(/^0x/) });
      expect(refund).not.toHaveProperty("payment");
    }
  });

  it("leaves owed what the account cannot pay, says why, and fails", async () => {
    using project = createProject({});
    await using shop = await indebted(project.folder, 1);
    process.env[KEY] = generatePrivateKey();
    const { url } = await shop.world.startFacilitatorServer();
    const result = await project.run("refunds", "pay", "--yes", "-s", "shop.db", "-f", url);
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/insufficient|balance|transaction/);
    expect(result.err).toContain("1 refund could not be paid");
    expect(await shop.store.refunds({ state: "owed", limit: 9 })).toHaveLength(1);
  });

  it("pays by a facilitator that wants credentials, which a module holds", async () => {
    using project = createProject({});
    await using shop = await indebted(project.folder, 1);
    const key = generatePrivateKey();
    const { address } = privateKeyToAccount(key);
    await shop.world.fund(address, "1");
    process.env[KEY] = key;
    const { url } = await shop.world.startFacilitatorServer();
    const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (request.headers.authorization !== "Bearer of-the-test") {
        response.writeHead(401).end("{}");
        return;
      }
      const body = await text(request);
      const init = request.method === "POST" ? { method: "POST", body } : {};
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url + request.url, { ...init, headers });
      response.writeHead(answer.status, headers).end(await answer.text());
    };
    const guarded = createHttpServer((request, response) => void forward(request, response)).listen(
      0,
      "127.0.0.1",
    );
    await once(guarded, "listening");
    const { port } = guarded.address() as AddressInfo;
    const write = (token: string) =>
      project.write(
        "facilitator.ts",
        `const headers = { Authorization: "Bearer ${token}" };
         const createAuthHeaders = async () => ({ verify: headers, settle: headers, supported: headers });
         export default { url: "http://127.0.0.1:${port}", createAuthHeaders };`,
      );
    try {
      write("of-the-test");
      const pay = ["refunds", "pay", "--store", "shop.db", "--yes", "--facilitator"];
      const rpc = ["--rpc", `${shop.world.network}=${shop.world.rpcUrl}`];
      const plain = await project.run(...pay, `http://127.0.0.1:${port}`, ...rpc);
      expect(plain.code).toBe(1);
      expect(await shop.world.balanceOf(address)).toBe(1_000_000n);
      const missing = await project.run(...pay, "missing.ts", ...rpc);
      expect(missing).toMatchObject({ code: 2, err: expect.stringContaining("missing.ts") });
      const paid = await project.run(...pay, "facilitator.ts", ...rpc);
      expect(paid).toMatchObject({ code: 0, out: expect.stringContaining("Paid 1 refund.") });
      expect(await shop.world.balanceOf(address)).toBe(900_000n);
    } finally {
      guarded.close();
      guarded.closeAllConnections();
    }
  });

  it("reports an unreachable facilitator, and keeps the refund owed", async () => {
    using project = createProject({});
    await using shop = await indebted(project.folder, 1);
    process.env[KEY] = generatePrivateKey();
    const port = await closedPort();
    const words = ["--yes", "-s", "shop.db", "-f", `http://localhost:${port}/x402?key=secret`];
    const result = await project.run("refunds", "pay", ...words);
    expect(result.code).toBe(1);
    expect(result.err).toContain(`localhost:${port}: connection_failed: `);
    expect(result.err).toContain("refund not paid yet: connection_failed");
    expect(result.err).not.toContain("secret");
    expect(await shop.store.refunds({ state: "owed", limit: 9 })).toHaveLength(1);
  });

  it("names what is missing or wrong, with the fix, before anything is paid", async () => {
    using project = createProject({ "not-a-store.db": "this is text" });
    const pay = ["refunds", "pay", "--facilitator", "http://127.0.0.1:9", "--store", "shop.db"];
    expect(await project.run("refunds", "list")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--store <file|url>"),
    });
    expect(await project.run("refunds", "list", "--store", "shop.db")).toMatchObject({
      code: 1,
      err: expect.stringContaining("There is no store at shop.db"),
    });
    expect(project.has("shop.db")).toBe(false);
    expect(await project.run(...pay)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${KEY} is not set`),
    });
    const unnamed = await project.run("refunds", "pay", "--store", "shop.db");
    expect(unnamed.code).toBe(2);
    expect(unnamed.err).toMatch(/^No facilitator is set .* Add --facilitator https:.*RESOURCE402_REFUND_KEY/);
    process.env[KEY] = "secret";
    const wrong = await project.run(...pay);
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("is not a valid private key") });
    expect(wrong.err).not.toContain("secret");
    process.env[KEY] = generatePrivateKey();
    expect(await project.run(...pay, "--rpc", "base")).toMatchObject({
      code: 2,
      err: expect.stringContaining("network=URL"),
    });
    expect(await project.run("refunds", "list", "--store", "not-a-store.db")).toMatchObject({
      code: 1,
      err: expect.stringContaining("cannot be opened"),
    });
    expect((await project.run("refunds", "--help")).out).toContain(KEY);
  });

  it("refuses an id under which nothing is owed, and pays nothing", async () => {
    using project = createProject({});
    await using shop = await indebted(project.folder, 1);
    process.env[KEY] = generatePrivateKey();
    const { url } = await shop.world.startFacilitatorServer();
    const result = await project.run("refunds", "pay", "ref_unknown", "--yes", "-s", "shop.db", "-f", url);
    expect(result).toMatchObject({
      code: 1,
      err: expect.stringContaining("No owed refund has the id ref_unknown"),
    });
    const [refund] = await shop.store.refunds({ limit: 9 });
    expect(refund?.tries).toBe(0);
  });

  it("shows signed refunds, and records by hand that one was paid, or was not and can be paid again", async () => {
    using project = createProject({});
    const store = sqliteStore(join(project.folder, "shop.db"));
    const { payment } = call("any");
    for (const id of ["one", "two"]) {
      await store.begin(call(id, { phase: "owed", createdAt: Date.now() }), undefined, { durable: true });
      const signed = { state: "signed", payment: expired(payment), tries: 2, problem: "timeout" } as const;
      await store.change({ durable: true, refund: { add: refund(`ref_${id}`, id, signed) } });
    }
    const list = ["refunds", "list", "--store", "shop.db"];
    expect((await project.run(...list)).out).toMatch(/^ref_one .* signed, tried 2×, timeout$/m);
    const decided = ["--store", "shop.db", "--by", "Jo Doe", "--why", "seen by hand"];
    const transaction = `0x${"7".repeat(64)}`;
    const words = ["refunds", "resolve"];
    const paid = await project.runProcess(
      ...words,
      "ref_one",
      "paid",
      ...decided,
      "--transaction",
      transaction,
    );
    expect(paid).toMatchObject({ code: 0, out: "Refund ref_one is resolved as paid.\n" });
    expect(JSON.parse(paid.err)).toMatchObject({ refund: "ref_one", by: "Jo Doe", why: "seen by hand" });
    const unpaid = await project.run(...words, "ref_two", "unpaid", ...decided);
    expect(unpaid).toMatchObject({ code: 0, out: expect.stringContaining("It is owed again") });
    expect(await store.call("one")).toMatchObject({ phase: "refunded" });
    expect(await store.call("two")).toMatchObject({ phase: "owed" });
    const all = JSON.parse((await project.run(...list, "--all", "--json")).out);
    const resolution = { by: "Jo Doe", why: "seen by hand", at: expect.stringMatching(/Z$/) };
    expect(all).toMatchObject([
      { id: "ref_one", state: "paid", transaction, resolution },
      { id: "ref_two", state: "owed", resolution },
    ]);
    const again = await project.run(...words, "ref_one", "unpaid", ...decided);
    expect(again).toMatchObject({ code: 1, err: "Refund ref_one is paid. Nothing needs to be resolved.\n" });
    await store.close();
  });
});
