import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Calls, type ClientOptions, memoryCalls, storageCalls } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { fileCalls, type Listening, listen } from "resource402/node";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { latch, openShop, type Shop } from "./shop.ts";

const caught = (thrown: unknown) => thrown;
const isPaid = (request: Request) => request.headers.has("payment-signature");

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "resource402-resumes-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Each gives the calls as the next process, or the next page, finds them. */
const places: [string, () => () => Calls][] = [
  [
    "files",
    () => {
      const directory = join(root, crypto.randomUUID());
      return () => fileCalls(directory);
    },
  ],
  [
    "a browser's storage",
    () => {
      const items = new Map<string, string>();
      return () =>
        storageCalls({
          get length() {
            return items.size;
          },
          key: (index) => [...items.keys()][index] ?? null,
          getItem: (key) => items.get(key) ?? null,
          setItem: (key, value) => void items.set(key, value),
          removeItem: (key) => void items.delete(key),
        });
    },
  ],
];

/** A client that stops once `crash` is called: whatever it waits for never comes. */
function crashable(shop: Shop, calls: Calls, options: Partial<ClientOptions> = {}) {
  const crash = new AbortController();
  const client = shop.client({
    calls,
    ...options,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      shop.requests.push(request.clone());
      const answer = await shop.network(request);
      if (crash.signal.aborted) await new Promise(() => {});
      return answer;
    },
  });
  return { client, crash: () => crash.abort() };
}

/** Starts a call, and crashes its client as soon as `point` is reached. */
async function crashAt(
  shop: Shop,
  calls: Calls,
  point: "signed" | "sent" | "answered",
  buy: (client: ReturnType<typeof crashable>["client"]) => Promise<unknown>,
): Promise<void> {
  const { opened, open } = latch();
  const { client, crash } = crashable(shop, calls);
  const through = shop.network;
  shop.network = async (request) => {
    const reached = point === "answered" ? request.url.includes("/jobs/") : isPaid(request);
    if (reached && point === "signed") crash();
    const answer = reached && point === "signed" ? new Response() : await through(request);
    if (reached) crash();
    if (reached) setTimeout(open, 20);
    return answer;
  };
  buy(client).catch(() => {});
  await opened;
  shop.network = through;
}

const signatures = (shop: Shop) =>
  new Set(shop.requests.map((one) => one.headers.get("payment-signature")).filter((one) => one !== null))
    .size;

describe.each(places)("a buyer with calls in %s", (_, newPlace) => {
  it.each(["signed", "sent"] as const)(
    "who crashed when a call was %s resumes it, and pays once",
    async (point) => {
      await using shop = await openShop();
      const open = newPlace();
      await crashAt(shop, open(), point, (client) => client.echo({ text: "once" }));
      const next = shop.client({ calls: open() });
      const pending = await next.pending();
      expect(pending).toMatchObject([
        { resource: "echo", usd: "0.01", currency: "USDC", createdAt: expect.any(String), jobId: undefined },
      ]);
      expect(await pending[0]?.resume()).toEqual({ text: "once" });
      expect(await next.pending()).toEqual([]);
      expect(signatures(shop)).toBe(1);
      expect(shop.runs.echo).toBe(1);
      expect(await shop.moved()).toEqual({ paid: 10_000n, received: 10_000n });
    },
  );

  it.each(["signed", "sent", "answered"] as const)(
    "who crashed when a job was %s resumes it, and pays once",
    async (point) => {
      await using shop = await openShop();
      const open = newPlace();
      await crashAt(shop, open(), point, (client) => client.render({ prompt: "once" }));
      const next = shop.client({ calls: open() });
      const [pending] = await next.pending();
      expect(pending?.jobId === undefined).toBe(point !== "answered");
      expect(await pending?.resume({ timeout: "5s" })).toMatchObject({ note: "once" });
      expect(await next.pending()).toEqual([]);
      expect(signatures(shop)).toBe(1);
      expect(shop.runs.render).toBe(1);
      expect((await shop.moved()).paid).toBe(20_000n);
    },
  );

  it("who makes the same call again by its key sends the same bytes, and asks for no second challenge", async () => {
    await using shop = await openShop();
    const open = newPlace();
    const options = { idempotencyKey: "order-0000000000001" };
    await crashAt(shop, open(), "sent", (client) => client.echo({ text: "once" }, options));
    const before = shop.requests.length;
    expect(await shop.client({ calls: open() }).echo({ text: "once" }, options)).toEqual({ text: "once" });
    expect(shop.requests.slice(before).map(isPaid)).toEqual([true]);
    expect(signatures(shop)).toBe(1);
    expect(await shop.client({ calls: open() }).pending()).toEqual([]);
    // What is signed under a chosen key is kept while it could settle, without its request.
    const [held] = await open().list();
    expect(held).toMatchObject({ ended: { charged: "yes", isDelivered: true } });
    expect(held).not.toHaveProperty("request");
  });

  it("is refused another input under the key of a call that has not ended", async () => {
    await using shop = await openShop();
    const open = newPlace();
    const options = { idempotencyKey: "order-0000000000001" };
    await crashAt(shop, open(), "sent", (client) => client.echo({ text: "once" }, options));
    const error = await shop.client({ calls: open() }).echo({ text: "other" }, options).catch(caught);
    expect(error).toMatchObject({ code: "payment_refused", reason: "key_mismatch", charged: "unknown" });
    expect(await open().list()).toHaveLength(1);
  });

  it("gets the error of a call that fails on being resumed, and is not asked to resume it again", async () => {
    await using shop = await openShop();
    const open = newPlace();
    await crashAt(shop, open(), "signed", (client) => client.echo({ text: "once" }));
    shop.handlers.echo = (_, ctx) => ctx.fail("refused");
    const next = shop.client({ calls: open() });
    const [pending] = await next.pending();
    expect(await pending?.resume().catch(caught)).toMatchObject({
      code: "failed",
      failure: "refused",
      charged: "no",
      idempotencyKey: pending?.idempotencyKey,
    });
    expect(await next.pending()).toEqual([]);
  });

  it("may forget a call", async () => {
    await using shop = await openShop();
    const open = newPlace();
    await crashAt(shop, open(), "sent", (client) => client.echo({ text: "once" }));
    const [pending] = await shop.client({ calls: open() }).pending();
    await pending?.forget();
    expect(await shop.client({ calls: open() }).pending()).toEqual([]);
  });

  it("is listed the calls of this API only", async () => {
    await using shop = await openShop();
    const open = newPlace();
    await crashAt(shop, open(), "sent", (client) => client.echo({ text: "once" }));
    expect(await shop.client({ calls: open(), baseUrl: "http://elsewhere.test" }).pending()).toEqual([]);
    expect(await shop.client({ calls: open() }).pending()).toHaveLength(1);
  });

  it("keeps a call that was aborted, and one whose answer was lost; ends one that was answered", async () => {
    await using shop = await openShop();
    const calls = newPlace()();
    const client = shop.client({ calls, retries: 0 });
    await client.echo({ text: "answered" });
    await client.render({ prompt: "answered" });
    expect(await client.pending()).toEqual([]);
    const through = shop.network;
    const stop = new AbortController();
    shop.network = async (request) => {
      const answer = await through(request);
      if (isPaid(request)) stop.abort(new Error("enough"));
      return answer;
    };
    await expect(client.echo({ text: "aborted" }, { signal: stop.signal })).rejects.toThrow("enough");
    shop.network = async (request) => {
      const answer = await through(request);
      if (isPaid(request)) throw new TypeError("fetch failed");
      return answer;
    };
    await client.echo({ text: "lost" }).catch(caught);
    shop.network = through;
    const outputs = await Promise.all((await client.pending()).map((call) => call.resume()));
    expect(outputs).toHaveLength(2);
    expect(outputs).toEqual(expect.arrayContaining([{ text: "aborted" }, { text: "lost" }]));
    expect((await shop.moved()).paid).toBe(20_000n + 20_000n + 10_000n);
  });
});

describe("a job that is pending", () => {
  it("has ended once its end has been seen by whatever way: waiting, asking, iterating, cancelling, in another client", async () => {
    await using shop = await openShop();
    const calls = memoryCalls();
    const client = shop.client({ calls });
    const held = latch();
    shop.handlers.render = async ({ prompt }) => {
      if (prompt === "held") await held.opened;
      return { url: "https://pictures.test/1", note: prompt };
    };
    const jobs = await Promise.all(["a", "b", "c", "d"].map((prompt) => client.render.start({ prompt })));
    const slow = await client.render.start({ prompt: "held" });
    expect(await calls.list()).toHaveLength(5);
    const [waiting, polled, iterating, elsewhere] = jobs;
    await waiting?.result();
    expect(await calls.list()).toHaveLength(4);
    await expect.poll(async () => (await polled?.status())?.state).toBe("succeeded");
    for await (const _ of iterating ?? []) {
      // to the end
    }
    await shop
      .client({ calls })
      .render.resume(JSON.parse(JSON.stringify(elsewhere)))
      .result();
    expect((await calls.list()).map(({ job }) => job?.jobId)).toEqual([slow.id]);
    expect((await client.pending())[0]?.jobId).toBe(slow.id);
    expect(await slow.cancel()).toBe(true);
    expect(await client.pending()).toEqual([]);
    held.open();
  });
});

describe("two clients that share their calls", () => {
  it("make the same call at once as one: one of two signatures is sent, and both get its answer", async () => {
    await using shop = await openShop();
    const directory = join(root, crypto.randomUUID());
    const options = { idempotencyKey: "order-0000000000001" };
    const latches = { unpaid: latch(), paid: latch() };
    const count = { unpaid: 0, paid: 0 };
    const through = shop.network;
    // Neither knows of the other before both are about to sign; neither has ended before both have sent.
    shop.network = async (request) => {
      const step = isPaid(request) ? "paid" : "unpaid";
      count[step] += 1;
      if (count[step] === 2) latches[step].open();
      await latches[step].opened;
      return through(request);
    };
    const clients = [1, 2].map(() => shop.client({ calls: fileCalls(directory), budget: { total: "0.01" } }));
    const outputs = await Promise.all(clients.map((client) => client.echo({ text: "one" }, options)));
    expect(outputs).toEqual([{ text: "one" }, { text: "one" }]);
    expect(signatures(shop)).toBe(1);
    expect(await readdir(directory)).toHaveLength(1);
    expect((await shop.moved()).paid).toBe(10_000n);
  });
});

describe("a buyer whose process is killed", () => {
  let shop: Shop;
  let listening: Listening;
  let passing: (request: Request) => Promise<Response>;
  beforeAll(async () => {
    shop = await openShop();
    passing = (request) => shop.server.fetch(request);
    const nothing = { start: async () => {}, stop: async () => {} };
    const server = { ...nothing, fetch: (request: Request) => passing(request) };
    listening = await listen(server, { port: 0, hostname: "127.0.0.1" });
  });
  afterAll(async () => {
    await listening.close(0);
    await shop[Symbol.asyncDispose]();
  });

  function start(
    key: string,
    directory: string,
    what: "echo" | "render" | "resume",
  ): ChildProcessByStdio<null, Readable, null> {
    const script = fileURLToPath(new URL("./buyer.ts", import.meta.url));
    const args = ["--no-warnings", script, listening.url, key, directory, what];
    return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  }

  it.each([
    ["before its payment arrives", "echo", "before"],
    ["after its payment was taken", "echo", "after"],
    ["before its payment arrives", "render", "before"],
    ["after its payment was taken", "render", "after"],
    ["while it waits for its job", "render", "waiting"],
  ] as const)(
    "%s (%s) finds the call in the directory, brings it to its end and pays nothing more",
    async (_, what, when) => {
      const key = generatePrivateKey();
      const buyer = privateKeyToAccount(key);
      await shop.world.fund(buyer.address, "1");
      const directory = join(root, crypto.randomUUID());
      const seen = new Set<string>();
      const child = start(key, directory, what);
      const gone = once(child, "close");
      passing = async (request) => {
        const payment = request.headers.get("payment-signature");
        const last = when === "waiting" ? request.method === "GET" : payment !== null;
        if (payment) seen.add(payment);
        if (last && when === "before") child.kill("SIGKILL");
        const answer = last && when === "before" ? new Response() : await shop.server.fetch(request);
        if (last) {
          child.kill("SIGKILL");
          await gone;
        }
        return answer;
      };
      await gone;
      expect(child.signalCode).toBe("SIGKILL");
      expect(await fileCalls(directory).list()).toHaveLength(1);
      passing = (request) => {
        const payment = request.headers.get("payment-signature");
        if (payment) seen.add(payment);
        return shop.server.fetch(request);
      };
      const next = start(key, directory, "resume");
      const said = JSON.parse(await text(next.stdout));
      expect(said).toEqual([
        what === "echo"
          ? { text: "from another process" }
          : expect.objectContaining({ note: "from another process" }),
      ]);
      expect(seen.size).toBe(1);
      expect(await fileCalls(directory).list()).toEqual([]);
      const paid = 1_000_000n - (await shop.world.balanceOf(buyer.address));
      expect(paid).toBe(what === "echo" ? 10_000n : 20_000n);
    },
  );
});

it("a payer that was asked once is not asked again by resuming", async () => {
  await using shop = await openShop();
  const calls = memoryCalls();
  await crashAt(shop, calls, "sent", (client) => client.echo({ text: "x" }));
  const real = evmPayer(shop.world.buyer);
  let asked = 0;
  const payer = {
    createPaymentPayload(required: never) {
      asked += 1;
      return real.createPaymentPayload(required);
    },
  };
  const [pending] = await shop.client({ calls, payer }).pending();
  expect(await pending?.resume()).toEqual({ text: "x" });
  expect(asked).toBe(0);
});
