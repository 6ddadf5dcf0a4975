import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { sqliteStore } from "resource402/sqlite";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type CallbackOptions, createCallbacks, newCallback } from "../../src/jobs/callback.ts";
import { jobDocument } from "../../src/jobs/record.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Callback, Store } from "../../src/store/store.ts";
import { until } from "../flow/shop.ts";
import { call, job } from "../store/records.ts";

const ID = "job_00000000000000000000000000000000";

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly body: string;
}

/** A receiver of callbacks. `answer` gets the number of the request and says its status; `undefined`: none. */
interface Receiver {
  readonly port: number;
  readonly received: Received[];
  readonly connections: () => number;
  answer: (count: number) => number | undefined;
}

const open: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function receiver(secure = false): Promise<Receiver> {
  const received: Received[] = [];
  let connections = 0;
  const own: Receiver & { port: number } = {
    port: 0,
    received,
    connections: () => connections,
    answer: () => 204,
  };
  const pem = (name: string): string =>
    readFileSync(new URL(`../fixtures/tls/hook.test-${name}.pem`, import.meta.url), "utf8");
  const server: Server = secure ? createSecureServer({ key: pem("key"), cert: pem("cert") }) : createServer();
  server.on("connection", () => {
    connections += 1;
  });
  server.on("request", (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      received.push({ headers: request.headers, path: request.url ?? "", body });
      const status = own.answer(received.length);
      if (status === undefined) return;
      response.writeHead(status, { location: "/elsewhere" }).end("not to be read");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  own.port = (server.address() as AddressInfo).port;
  open.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  if (secure) {
    const before = getCACertificates("default");
    setDefaultCACertificates([...before, pem("cert")]);
    open.push(async () => setDefaultCACertificates(before));
  }
  return own;
}

interface Line {
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

function callbacksOf(store: Store, options: Partial<CallbackOptions> = {}) {
  const logged: Line[] = [];
  const line = (fields: object, message: string): void => {
    logged.push({ message, fields: fields as Record<string, unknown> });
  };
  const callbacks = createCallbacks({
    store,
    log: { debug: line, info: line, warn: line, error: line },
    document: (job) => jobDocument(job, undefined),
    allowPrivate: true,
    timeoutMs: 5_000,
    attempts: 8,
    firstPauseMs: 1,
    ...options,
  });
  open.push(async () => callbacks.stop());
  return { ...callbacks, logged };
}

/** A job that has just succeeded, and whose buyer wants to be told at `url`. */
async function ended(store: Store, url: string): Promise<Callback> {
  const callback = newCallback(url);
  await store.begin(call("one", { jobId: ID }), job(ID, "one", { work: "running", callback }), {
    durable: true,
  });
  const done = { phase: "delivered", work: "done" } as const;
  const set = { ...done, result: '{"n":"ü"}', expiresAt: Date.now() + 3_600_000 };
  await store.change({ durable: true, job: { id: ID, set } });
  return callback;
}

async function stored(store: Store) {
  const found = await store.job(ID);
  if (!found || found === "gone") throw new Error("the job is gone");
  return found;
}

/** Delivers what is due until `done`. */
function delivering(deliver: () => Promise<void>, done: () => boolean): Promise<unknown> {
  return until(deliver, done);
}

describe("the end of a job", () => {
  it("is posted as the status says it, signed as the official library verifies it", async () => {
    const store = memoryStore();
    const shop = await receiver();
    const { secret } = await ended(store, `http://127.0.0.1:${shop.port}/hook?of=me`);
    await callbacksOf(store).deliver();
    const [first] = shop.received as [Received];
    expect(shop.received).toHaveLength(1);
    expect(first.path).toBe("/hook?of=me");
    expect(first.headers).toMatchObject({ "content-type": "application/json", "webhook-id": ID });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
    const verified = new Webhook(secret).verify(first.body, first.headers as Record<string, string>);
    expect(verified).toEqual(jobDocument(await stored(store), undefined));
    expect(verified).toMatchObject({ jobId: ID, state: "succeeded", result: { n: "ü" } });
    expect(() =>
      new Webhook(newCallback("https://shop.example").secret).verify(
        first.body,
        first.headers as Record<string, string>,
      ),
    ).toThrow("No matching signature");
  });

  it("is told once, and the telling leaves its document as it was", async () => {
    const store = memoryStore();
    const shop = await receiver();
    await ended(store, `http://127.0.0.1:${shop.port}/`);
    const before = jobDocument(await stored(store), undefined);
    const { deliver } = callbacksOf(store);
    for (let count = 0; count < 3; count += 1) await deliver();
    expect(shop.received).toHaveLength(1);
    expect(jobDocument(await stored(store), undefined)).toEqual(before);
  });

  it("is told again after a failure, with the same id, until it is taken", async () => {
    const store = memoryStore();
    const shop = await receiver();
    shop.answer = (count) => [500, 302, 404, 200][count - 1];
    const { secret } = await ended(store, `http://127.0.0.1:${shop.port}/`);
    const { deliver, logged } = callbacksOf(store);
    await delivering(deliver, () => shop.received.length === 4);
    await deliver();
    expect(shop.received).toHaveLength(4);
    expect(new Set(shop.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([ID]));
    // A redirect is a failure like another: it is not followed.
    expect(shop.received.map(({ path }) => path)).toEqual(["/", "/", "/", "/"]);
    for (const { body, headers } of shop.received) {
      new Webhook(secret).verify(body, headers as Record<string, string>);
    }
    expect(logged.map(({ message }) => message).at(-1)).toBe("callback delivered");
    expect((await stored(store)).callback).toMatchObject({ tries: 4, dueAt: undefined });
  });

  it("is told again after a receiver that says nothing, once its time is up", async () => {
    const store = memoryStore();
    const shop = await receiver();
    shop.answer = (count) => (count === 1 ? undefined : 200);
    await ended(store, `http://127.0.0.1:${shop.port}/`);
    const { deliver, logged } = callbacksOf(store, { timeoutMs: 50 });
    await delivering(deliver, () => shop.received.length === 2);
    expect(logged[0]).toMatchObject({
      message: "callback failed",
      fields: { error: { name: "TimeoutError" } },
    });
  });

  it("is sent again after no server was there", async () => {
    const store = memoryStore();
    const gone = await receiver();
    await ended(store, `http://127.0.0.1:${gone.port}/`);
    for (const close of open.splice(0)) await close();
    const { deliver, logged } = callbacksOf(store);
    await delivering(deliver, () => logged.length === 2);
    expect(logged).toMatchObject([
      { message: "callback failed", fields: { error: { code: "ECONNREFUSED" } } },
      { message: "callback failed", fields: { tries: 2 } },
    ]);
  });

  it("stops when it was tried often enough, or is no longer wanted", async () => {
    const store = memoryStore();
    const shop = await receiver();
    shop.answer = () => 500;
    await ended(store, `http://127.0.0.1:${shop.port}/?token=word`);
    const { deliver, logged } = callbacksOf(store, { attempts: 3 });
    await delivering(deliver, () => logged.length === 3);
    await deliver();
    expect(shop.received).toHaveLength(3);
    expect(logged.at(-1)).toMatchObject({
      message: "callback failed for the last time",
      fields: { status: 500, tries: 3 },
    });
    expect(JSON.stringify(logged)).not.toMatch(/token|whsec_/);
    expect((await stored(store)).callback?.dueAt).toBeUndefined();

    const other = memoryStore();
    shop.answer = () => 410;
    await ended(other, `http://127.0.0.1:${shop.port}/`);
    const late = callbacksOf(other);
    for (let count = 0; count < 3; count += 1) await late.deliver();
    expect(late.logged.map(({ message }) => message)).toEqual(["callback declined by its receiver"]);
  });

  it("is told by one of two servers that look at the same time", async () => {
    const store = memoryStore();
    const shop = await receiver();
    await ended(store, `http://127.0.0.1:${shop.port}/`);
    const servers = Array.from({ length: 4 }, () => callbacksOf(store));
    await Promise.all(servers.map(({ deliver }) => deliver()));
    expect(shop.received).toHaveLength(1);
  });

  it("is not told a second time while the first may be under way elsewhere", async () => {
    const store = memoryStore();
    const shop = await receiver();
    shop.answer = () => undefined;
    await ended(store, `http://127.0.0.1:${shop.port}/`);
    void callbacksOf(store, { timeoutMs: 30_000 }).deliver();
    await until(
      async () => shop.received.length,
      (count) => count === 1,
    );
    const second = callbacksOf(store, { timeoutMs: 30_000 });
    for (let count = 0; count < 5; count += 1) await second.deliver();
    expect(shop.received).toHaveLength(1);
  });

  it("is told after a restart between the end and the telling", async () => {
    const folder = mkdtempSync(join(tmpdir(), "callback-"));
    open.push(async () => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "jobs.db");
    const shop = await receiver();
    const before = sqliteStore(path);
    const { secret } = await ended(before, `http://127.0.0.1:${shop.port}/`);
    await before.close();
    const after = sqliteStore(path);
    open.push(() => after.close());
    callbacksOf(after).start();
    await until(
      async () => shop.received.length,
      (count) => count > 0,
    );
    const [first] = shop.received as [Received];
    new Webhook(secret).verify(first.body, first.headers as Record<string, string>);
  });

  it("is told as soon as it is written, by whichever server of the store has been started", async () => {
    const store = memoryStore();
    const shop = await receiver();
    callbacksOf(store).start();
    await ended(store, `http://127.0.0.1:${shop.port}/`);
    await until(
      async () => shop.received.length,
      (count) => count > 0,
    );
  });

  it("does not keep others waiting for a receiver that hangs", async () => {
    const store = memoryStore();
    const [slow, quick] = [await receiver(), await receiver()];
    slow.answer = () => undefined;
    await ended(store, `http://127.0.0.1:${slow.port}/`);
    const { deliver } = callbacksOf(store, { timeoutMs: 60_000 });
    void deliver();
    await until(
      async () => slow.received.length,
      (count) => count === 1,
    );
    const url = `http://127.0.0.1:${quick.port}/`;
    await store.begin(
      call("two", { jobId: "job_two" }),
      job("job_two", "two", { work: "running", callback: newCallback(url) }),
      { durable: true },
    );
    await store.change({
      durable: true,
      job: { id: "job_two", set: { phase: "delivered", work: "done", result: "{}" } },
    });
    await deliver();
    expect(quick.received).toHaveLength(1);
  });
});

describe("the way to a receiver", () => {
  it("is by https to the very address that its name was found to have, and to no other certificate", async () => {
    const store = memoryStore();
    const shop = await receiver(true);
    const asked: string[] = [];
    const resolve = async (hostname: string): Promise<string[]> => {
      asked.push(hostname);
      return ["127.0.0.1"];
    };
    await ended(store, `https://hook.test:${shop.port}/`);
    await callbacksOf(store, { resolve }).deliver();
    expect(shop.received[0]?.headers.host).toBe(`hook.test:${shop.port}`);
    // Asked once: what the name means a moment later does not matter.
    expect(asked).toEqual(["hook.test"]);

    const other = memoryStore();
    await ended(other, `https://other.test:${shop.port}/`);
    const { deliver, logged } = callbacksOf(other, { resolve });
    await deliver();
    expect(logged[0]).toMatchObject({ fields: { error: { code: "ERR_TLS_CERT_ALTNAME_INVALID" } } });
    expect(shop.received).toHaveLength(1);
  });

  it.each([
    ["only private addresses", ["127.0.0.1"]],
    ["a private address among public ones", ["93.184.215.14", "127.0.0.1"]],
    ["an address that hides a private one", ["::ffff:127.0.0.1"]],
    ["the address of every interface", ["0.0.0.0"]],
    ["the address of a cloud's metadata", ["169.254.169.254"]],
    ["no address", []],
    ["something that is not an address", ["localhost"]],
  ])("is closed to a name with %s", async (_, addresses) => {
    const store = memoryStore();
    const shop = await receiver();
    await ended(store, `http://hook.test:${shop.port}/`);
    const { deliver, logged } = callbacksOf(store, { allowPrivate: false, resolve: async () => addresses });
    await deliver();
    expect(logged[0]?.message).toBe("callback failed");
    expect(String(logged[0]?.fields.error)).toMatch(/which is not public|has no address/);
    expect(shop.connections()).toBe(0);
  });

  it("is closed to a name that the system knows to be this machine's", async () => {
    const store = memoryStore();
    const shop = await receiver();
    await ended(store, `http://localhost:${shop.port}/`);
    const { deliver, logged } = callbacksOf(store, { allowPrivate: false });
    await deliver();
    expect(String(logged[0]?.fields.error)).toMatch(/localhost is (127\.0\.0\.1|::1), which is not public/);
    expect(shop.connections()).toBe(0);
  });

  it("is none where the runtime chooses the address: there nothing is taken on", async () => {
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" });
    open.push(async () => vi.unstubAllGlobals());
    const { refusal } = callbacksOf(memoryStore());
    expect(refusal("https://shop.example/")).toBe("This server cannot post anything.");
  });

  it("takes another address of the name for each try", async () => {
    const store = memoryStore();
    const shop = await receiver();
    await ended(store, `http://hook.test:${shop.port}/`);
    const resolve = async () => ["127.0.0.2", "127.0.0.1"];
    const { deliver, logged } = callbacksOf(store, { resolve, timeoutMs: 5_000 });
    await delivering(deliver, () => shop.received.length === 1);
    expect(logged.map(({ message }) => message)).toEqual(["callback failed", "callback delivered"]);
  });
});

describe("receivers that hang", () => {
  /** Jobs that have ended, whose buyers want to be told at `url`. */
  async function crowd(store: Store, count: number, url: string, payer: string | undefined, from = 0) {
    for (let index = from; index < from + count; index += 1) {
      const id = `job_${String(index).padStart(32, "0")}`;
      const part = { key: `key ${index}`, fingerprint: `print ${index}`, jobId: id };
      const identity = { nonce: `0x${index}`, payer: payer ?? "" };
      await store.begin(
        call(`call ${index}`, { ...part, identity }),
        job(id, `call ${index}`, { work: "running", payer, callback: newCallback(url) }),
        { durable: false },
      );
      const set = { phase: "delivered", work: "done", expiresAt: Date.now() + 3_600_000 } as const;
      await store.change({ durable: false, job: { id, set } });
    }
  }

  it.each([
    ["of free jobs on one host", (_: number): string => "hang.test", undefined],
    ["of free jobs on many hosts", (index: number): string => `h${index}.test`, undefined],
    ["of one buyer on many hosts", (index: number) => `h${index}.test`, "0xmallory"],
  ] as const)("%s keep no other buyer waiting", async (_, host, payer) => {
    const store = memoryStore();
    const [hanging, good] = [await receiver(), await receiver()];
    hanging.answer = () => undefined;
    for (let index = 0; index < 500; index += 1) {
      await crowd(store, 1, `http://${host(index)}:${hanging.port}/`, payer, index);
    }
    await crowd(store, 1, `http://127.0.0.1:${good.port}/`, "0xalice", 500);
    const callbacks = callbacksOf(store, { timeoutMs: 60_000, resolve: async () => ["127.0.0.1"] });
    callbacks.start();
    const begun = performance.now();
    await until(
      async () => good.received.length,
      (count) => count === 1,
    );
    // 100 seconds before, with a timeout of 10 s.
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(hanging.connections()).toBeLessThanOrEqual(20);
  });

  it("all are told in the end, when one buyer's many jobs end at once", async () => {
    const store = memoryStore();
    const good = await receiver();
    await crowd(store, 300, `http://127.0.0.1:${good.port}/`, "0xalice");
    const callbacks = callbacksOf(store);
    callbacks.start();
    await until(
      async () => good.received.length,
      (count) => count === 300,
    );
    expect(new Set(good.received.map(({ headers }) => headers["webhook-id"])).size).toBe(300);
  });
});
