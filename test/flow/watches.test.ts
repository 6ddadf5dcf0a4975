import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventSource } from "eventsource";
import type { JobUpdate } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { type Listening, listen } from "resource402/node";
import { memoryStore } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createClient } from "../fixtures/shop/client.gen.ts";
import { BASE_URL as HOSTILE_URL, openHostile, stream } from "./hostile.ts";
import { latch, openShop, post, type Shop, type ShopOptions, signedHeaders, until } from "./shop.ts";

const caught = (thrown: unknown) => thrown;
const hasEvents = (request: Request) => request.url.endsWith("/events");
const picture = (note: string) => ({ url: "https://pictures.test/1", note });

/** Ways to watch, by what is taken from the better one. */
const ways: [string, (request: Request) => Request | Response][] = [
  ["events", (request) => request],
  ["long-poll", (request) => (hasEvents(request) ? new Response("no such page", { status: 404 }) : request)],
  [
    "polling",
    (request) => {
      if (hasEvents(request)) return new Response("no such page", { status: 404 });
      request.headers.delete("prefer");
      return request;
    },
  ],
];

describe("a job whose server is started again", () => {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "resource402-watches-"));
    return () => rm(directory, { recursive: true, force: true });
  });

  it.each(ways)("in the middle is watched on by %s, and its buyer does not notice", async (name, way) => {
    const path = join(directory, `${name}.db`);
    await using first = await openShop({ store: sqliteStore(path) });
    const started = latch();
    first.handlers.render = (_, ctx) => {
      ctx.progress(30, "sketching");
      started.open();
      return new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      });
    };
    let listening = await listen(first.server, { port: 0, hostname: "127.0.0.1" });
    const { port, url: baseUrl } = listening;
    const asked: string[] = [];
    const refused = latch();
    const client = createClient({
      baseUrl,
      payer: evmPayer(first.world.buyer),
      fetch: async (input, init) => {
        const request = way(new Request(input, init));
        if (request instanceof Response) return request;
        asked.push(new URL(request.url).pathname);
        return fetch(request).catch((error: unknown) => {
          if (`${(error as Error).cause}`.includes("ECONNREFUSED")) refused.open();
          throw error;
        });
      },
    });
    const updates: JobUpdate[] = [];
    const result = client.render({ prompt: "x" }, { onProgress: (update) => updates.push(update) });
    await started.opened;
    await until(
      async () => updates.length,
      (seen) => seen > 0,
    );
    await listening.close(0);
    // Its buyer has found no server.
    await refused.opened;

    await using second = await openShop({ store: sqliteStore(path), world: first.world });
    second.handlers.render = async () => picture("drawn by the second server");
    listening = await listen(second.server, { port, hostname: "127.0.0.1" });
    expect(await result).toEqual(picture("drawn by the second server"));
    await listening.close(0);

    expect(updates.at(-1)).toMatchObject({ state: "succeeded", progress: 100 });
    expect(new Set(updates.map((update) => JSON.stringify(update))).size).toBe(updates.length);
    expect(asked.some((path) => path.endsWith("/events"))).toBe(name === "events");
    expect([first.runs.render, second.runs.render, first.asked.settle + second.asked.settle]).toEqual([
      1, 1, 1,
    ]);
  });
});

describe("a job that is streamed", () => {
  let close: (() => Promise<void>) | undefined;
  afterEach(() => close?.());

  async function openOnPort(options?: ShopOptions): Promise<{ shop: Shop; listening: Listening }> {
    const shop = await openShop(options);
    const listening = await listen(shop.server, { port: 0, hostname: "127.0.0.1" });
    close = async () => {
      await listening.close(0);
      await shop[Symbol.asyncDispose]();
    };
    return { shop, listening };
  }

  it("takes three requests, and brings the result when the job ends", async () => {
    const { shop, listening } = await openOnPort();
    const { opened, open } = latch();
    shop.handlers.render = async (_, ctx) => {
      for (const percent of [20, 40, 60, 80]) ctx.progress(percent);
      await opened;
      return picture("x");
    };
    const asked: string[] = [];
    const client = shop.client({
      baseUrl: listening.url,
      fetch: (input, init) => {
        asked.push(`${init?.method ?? (input as Request).method ?? "GET"}`);
        return fetch(input, init);
      },
    });
    const job = await client.render.start({ prompt: "x" });
    const seen: number[] = [];
    for await (const { progress } of job) {
      seen.push(progress);
      if (progress >= 20) open();
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(100);
    expect(asked).toHaveLength(3);
    expect(await job.result()).toEqual(picture("x"));
  });

  it("is followed by a stock EventSource, which stops after the end", async () => {
    const { shop, listening } = await openOnPort();
    const { opened, open } = latch();
    shop.handlers.render = async (_, ctx) => {
      ctx.progress(50, "half");
      await opened;
      return picture("x");
    };
    const job = await shop.client({ baseUrl: listening.url, fetch }).render.start({ prompt: "x" });
    const source = new EventSource(`${job.statusUrl}/events`);
    const documents: { status: string; progress: number; result?: unknown }[] = [];
    const refused = new Promise<number | undefined>((resolve) => {
      source.addEventListener("error", (error) => {
        if (source.readyState === source.CLOSED) resolve(error.code);
      });
    });
    source.addEventListener("message", ({ data }) => {
      documents.push(JSON.parse(data));
      if (documents.at(-1)?.progress === 50) open();
    });
    // It comes back once with the id of the last document, and hears that there is nothing more to come.
    expect(await refused).toBe(204);
    expect(documents.at(-1)).toMatchObject({ status: "succeeded", result: picture("x") });
    expect(documents.filter(({ status }) => status === "succeeded")).toHaveLength(1);
  });

  it("goes on after the document that a client has had", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.render = async () => {
      await opened;
      return picture("x");
    };
    const { id } = await shop.client().render.start({ prompt: "x" });
    await until(
      async () => (await shop.fetch(`/v1/jobs/${id}`)).json(),
      ({ status }) => status === "running",
    );
    const now = await shop.fetch(`/v1/jobs/${id}`);
    const etag = (now.headers.get("etag") ?? "").replaceAll('"', "");
    const first = await shop.fetch(`/v1/jobs/${id}/events`);
    const reader = textOf(first);
    expect(await reader.next()).toBe("retry: 1000\n\n");
    expect(await reader.next()).toBe(`id: ${etag}\ndata: ${await now.text()}\n\n`);
    await reader.cancel();

    const later = await shop.fetch(`/v1/jobs/${id}/events`, { headers: { "last-event-id": etag } });
    const rest = later.text();
    open();
    const text = await rest;
    const ended = await shop.fetch(`/v1/jobs/${id}`);
    const last = (ended.headers.get("etag") ?? "").replaceAll('"', "");
    expect(text).toBe(`retry: 1000\n\nid: ${last}\ndata: ${await ended.text()}\n\n`);
    const none = await shop.fetch(`/v1/jobs/${id}/events?lastEventId=${last}`);
    expect([none.status, await none.text()]).toEqual([204, ""]);
  });

  it("is answered so that nothing on the way keeps or delays it, to browsers of any origin", async () => {
    await using shop = await openShop();
    const job = await shop.client().render.start({ prompt: "x" });
    const { status, headers, body } = await shop.fetch(`/v1/jobs/${job.id}/events`);
    await body?.cancel();
    expect([status, Object.fromEntries(headers)]).toEqual([
      200,
      expect.objectContaining({
        "content-type": "text/event-stream",
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
        "referrer-policy": "no-referrer",
        "access-control-allow-origin": "*",
      }),
    ]);
    const asked = await shop.fetch(`/v1/jobs/${job.id}/events`, { method: "OPTIONS" });
    expect(asked.headers.get("access-control-allow-headers")).toContain("last-event-id");
    const unknown = await shop.fetch("/v1/jobs/job_00/events");
    expect([unknown.status, (await unknown.json()).code]).toEqual([404, "not_found"]);
  });

  it("costs the server nothing when its client has gone", async () => {
    const { shop, listening } = await openOnPort({ role: "api" });
    const { statusUrl } = await shop.client({ baseUrl: listening.url, fetch }).render.start({ prompt: "x" });
    const count = async () => timers();
    const aborts = Array.from({ length: 40 }, () => new AbortController());
    const streams = aborts.slice(0, 20).map(async ({ signal }) => {
      const { body } = await fetch(`${statusUrl}/events`, { signal });
      await body?.getReader().read();
    });
    const prefer = { prefer: "wait=20" };
    const held = aborts.slice(20).map(({ signal }) => fetch(statusUrl, { signal, headers: prefer }));
    await Promise.all(streams);
    // Each waits with a timer of its own; HTTP, and what the tests before have left, has a few that come and go.
    const peak = await until(count, (now) => now >= 40);
    for (const abort of aborts) abort.abort();
    await Promise.allSettled(held);
    await until(count, (now) => now <= peak - 35);
  });

  it("says every 15 seconds that it lives", async () => {
    await using shop = await openShop({ role: "api" });
    const { id } = await shop.client().render.start({ prompt: "x" });
    vi.useFakeTimers();
    const reader = textOf(await shop.fetch(`/v1/jobs/${id}/events`));
    await reader.next();
    expect(await reader.next()).toMatch(/^id: /);
    const next = Promise.all([reader.next(), reader.next()]);
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    expect(await next).toEqual([":\n\n", ":\n\n"]);
    await reader.cancel();
  });

  it("ends its streams, and answers what it holds, when the server stops", async () => {
    await using shop = await openShop();
    shop.handlers.render = (_, ctx) =>
      new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
    const { id } = await shop.client().render.start({ prompt: "x" });
    const streamed = (await shop.fetch(`/v1/jobs/${id}/events`)).text();
    const held = shop.fetch(`/v1/jobs/${id}`, { headers: { prefer: "wait=25" } });
    await shop.server.stop(0);
    expect(await streamed).toMatch(
      /^retry: 1000\n\nid: [0-9a-f]{32}\ndata: \{.*"state":"processing".*\}\n\n/,
    );
    expect((await (await held).json()).state).toBe("processing");
  });
});

describe("a buyer who stops watching", () => {
  it.each(["break", "abort", "time-out"])("by %s closes the stream", async (how) => {
    await using shop = await openShop();
    shop.handlers.render = (_, ctx) =>
      new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
    let closed = false;
    shop.network = async (request) => {
      const answer = await shop.server.fetch(request);
      if (!hasEvents(request) || !answer.body) return answer;
      const body = answer.body.pipeThrough(new TransformStream({}));
      const reader = body.getReader();
      const watched = new ReadableStream({
        async pull(controller) {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          closed = true;
          await reader.cancel();
        },
      });
      return new Response(watched, answer);
    };
    const job = await shop.client().render.start({ prompt: "x" });
    if (how === "break") for await (const _ of job) break;
    const abort = new AbortController();
    const reason = new Error("enough");
    const onProgress = () => abort.abort(reason);
    if (how === "abort") {
      expect(await job.result({ signal: abort.signal, onProgress }).catch(caught)).toBe(reason);
    }
    if (how === "time-out") {
      expect(await job.result({ timeout: "3s" }).catch(caught)).toMatchObject({ code: "wait_timeout" });
    }
    await until(
      async () => closed,
      (closed) => closed,
    );
  });
});

describe("the call that starts a job, with Prefer: wait", () => {
  async function paid(shop: Shop) {
    const headers = await signedHeaders(shop, (client) => client.render({ prompt: "x" }));
    return (more: Record<string, string> = {}) =>
      shop.fetch("/v1/render", post({ prompt: "x", size: "small" }, { ...headers, ...more }));
  }

  it("answers the job's end when it comes in time", async () => {
    await using shop = await openShop();
    const buy = await paid(shop);
    const answer = await buy({ prefer: "respond-async, wait=10" });
    const document = await answer.json();
    expect([answer.status, document]).toMatchObject([200, { state: "succeeded", result: { note: "x" } }]);
    const statusUrl = `http://shop.test/v1/jobs/${document.jobId}`;
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "preference-applied": "wait=10",
      "content-location": statusUrl,
      location: statusUrl,
      "payment-response": expect.any(String),
      "cache-control": "private, no-store",
    });
    expect(answer.headers.has("retry-after")).toBe(false);
    expect(await (await shop.fetch(`/v1/jobs/${document.jobId}`)).json()).toEqual(document);

    // What is stored is the 202, for who asks without a preference.
    const again = await buy();
    const accepted = await again.text();
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([202, "true"]);
    expect(JSON.parse(accepted)).toMatchObject({ statusUrl, eventsUrl: `${statusUrl}/events` });
    expect(await (await buy()).text()).toBe(accepted);
    const waited = await buy({ prefer: "wait=10" });
    expect([waited.status, await waited.json(), waited.headers.get("idempotent-replayed")]).toEqual([
      200,
      document,
      "true",
    ]);
    expect(shop.runs.render).toBe(1);
    expect(shop.asked.settle).toBe(1);
  });

  it("answers 202 as ever when it does not", async () => {
    const store = memoryStore({ completeSince: 0 });
    // No worker runs yet.
    await using shop = await openShop({ store, role: "api" });
    const buy = await paid(shop);
    const answer = await buy({ prefer: "wait=1" });
    expect([answer.status, answer.headers.get("preference-applied")]).toEqual([202, "wait=1"]);
    expect(answer.headers.get("retry-after")).toBe("1");
    await using worker = await openShop({ store, role: "worker", world: shop.world });
    await worker.server.start();
    const waited = await buy({ prefer: "wait=20" });
    expect([waited.status, (await waited.json()).result.note]).toEqual([200, "x"]);
    expect(await (await buy()).text()).toBe(await answer.text());
  });
});

describe("a job that is come back to by its id", () => {
  it("is asked for once, and then streamed, since its status says where", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.render = async () => {
      await opened;
      return picture("x");
    };
    const { id } = await shop.client().render.start({ prompt: "x" });
    await until(
      async () => (await shop.fetch(`/v1/jobs/${id}`)).json(),
      ({ status }) => status === "running",
    );
    const before = shop.requests.length;
    for await (const { state } of shop.client().render.resume(id)) {
      if (state === "processing") open();
    }
    const paths = shop.requests.slice(before).map(({ url }) => new URL(url).pathname);
    expect(paths).toEqual([`/v1/jobs/${id}`, `/v1/jobs/${id}/events`]);
    expect(shop.requests.at(-1)?.headers.get("last-event-id")).toMatch(/^[0-9a-f]{32}$/);
  });
});

const statusUrl = `${HOSTILE_URL}/v1/jobs/1`;
const eventsUrl = `${statusUrl}/events`;
const running = { jobId: "1", state: "processing", status: "running", progress: 10 };
const done = { jobId: "1", state: "succeeded", status: "succeeded", progress: 100, result: { ok: true } };
const event = (document: unknown, id = "1") => `id: ${id}\ndata: ${JSON.stringify(document)}\n\n`;
const sse = (body: BodyInit | null, init: ResponseInit = {}) =>
  new Response(body, { headers: { "content-type": "text/event-stream" }, ...init });

/** A seller whose status is right, and whose stream is `streamed`: what it answers, and how often it was asked. */
async function openSeller(streamed: (request: Request, count: number) => Response, first = eventsUrl) {
  let streams = 0;
  const hostile = await openHostile((request) => {
    if (hasEvents(request)) {
      streams += 1;
      return streamed(request, streams);
    }
    if (request.method === "GET") return Response.json(done, { headers: { etag: '"2"' } });
    const accepted = { success: true, jobId: "1", statusUrl, eventsUrl: first, state: "processing" };
    return Response.json(accepted, { status: 202 });
  });
  return { hostile, streams: () => streams };
}

/** Moves fake timers on until the call has ended; between two steps, what needs no timer goes on. */
async function inFakeTime<T>(call: () => Promise<T>): Promise<T> {
  const { setImmediate } = globalThis;
  vi.useFakeTimers();
  try {
    let ended = false;
    const result = call().finally(() => (ended = true));
    while (!ended) {
      await vi.advanceTimersByTimeAsync(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return await result;
  } finally {
    vi.useRealTimers();
  }
}

describe("a stream that is of no use", () => {
  it.each<[string, () => Response]>([
    ["404", () => new Response("no such page", { status: 404 })],
    ["405", () => new Response(null, { status: 405 })],
    ["406", () => new Response(null, { status: 406 })],
    ["501", () => new Response(null, { status: 501 })],
    ["204", () => new Response(null, { status: 204 })],
    ["a redirect", () => Response.redirect("https://evil.test/", 307)],
    ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["503", () => new Response(null, { status: 503 })],
    ["an end without a word", () => sse(null)],
    ["JSON that is none", () => sse(`id: 1\ndata: {"state":\n\n`)],
    ["documents of something else", () => sse(event({ hello: true }))],
    ["the same document over and over", () => sse(event(running))],
  ])("(%s) is replaced by asking for the status", async (_, answer) => {
    const { hostile, streams } = await openSeller(answer);
    expect(await hostile.render()({})).toEqual({ ok: true });
    expect(streams()).toBeLessThanOrEqual(2);
  });

  it("is not opened again once it has failed three times while the status could be read", async () => {
    let looks = 0;
    const { hostile, streams } = await openSeller(() => sse("retry: 1\n\n"));
    const { paid } = hostile;
    hostile.paid = (request, count) => {
      if (request.url !== statusUrl) return paid(request, count);
      looks += 1;
      return looks < 5 ? Response.json({ ...running, progress: looks }) : paid(request, count);
    };
    const seen: number[] = [];
    const result = inFakeTime(() =>
      hostile.render()({}, { onProgress: ({ progress }) => seen.push(progress) }),
    );
    expect(await result).toEqual({ ok: true });
    expect(seen).toEqual([1, 2, 3, 4, 100]);
    expect(streams()).toBe(3);
  });

  it("is opened again, however often, while the whole server is away", async () => {
    const { hostile, streams } = await openSeller((_, count) => {
      if (count < 5) throw new TypeError("fetch failed");
      return sse(event(done));
    });
    const { paid } = hostile;
    hostile.paid = (request, count) => {
      if (request.url === statusUrl) throw new TypeError("fetch failed");
      return paid(request, count);
    };
    expect(await inFakeTime(() => hostile.render()({}))).toEqual({ ok: true });
    expect(streams()).toBe(5);
  });

  it("on another host is not asked", async () => {
    const { hostile, streams } = await openSeller(
      () => sse(event(done)),
      "https://evil.test/v1/jobs/1/events",
    );
    expect(await hostile.render()({})).toEqual({ ok: true });
    expect(streams()).toBe(0);
    expect(hostile.requests.every(({ url }) => url.startsWith(HOSTILE_URL))).toBe(true);
  });

  it.each<[string, () => ReadableStream<Uint8Array>, number]>([
    ["never says a word", () => new ReadableStream({ pull: () => new Promise(() => {}) }), 11_000],
    ["falls silent", () => silentAfter(event(running)), 36_000],
  ])("since it %s is closed, with its connection", async (_, body, ms) => {
    let cancelled = 0;
    let [openedAt, cancelledAt] = [0, 0];
    const { hostile, streams } = await openSeller(() => {
      openedAt = Date.now();
      const closed = (): void => {
        cancelled += 1;
        cancelledAt = Date.now();
      };
      return sse(onCancel(body(), closed));
    });
    expect(await inFakeTime(() => hostile.render()({}))).toEqual({ ok: true });
    expect(cancelledAt - openedAt).toBeLessThan(ms);
    expect([streams(), cancelled]).toEqual([1, 1]);
  });

  it("does not fill the memory: what is larger than maxAnswerBytes is not read to its end", async () => {
    let sent = 0;
    const endless = () =>
      stream("x".repeat(1_000), undefined, (count) => {
        sent = count;
      });
    const { hostile, streams } = await openSeller(() => sse(endless()));
    expect(await hostile.render({ maxAnswerBytes: 100_000 })({})).toEqual({ ok: true });
    expect(sent).toBeLessThan(110);
    expect(streams()).toBe(1);
  });
});

describe("a stream that works", () => {
  it("is waited on through words that this client does not know", async () => {
    const odd = { ...running, state: "daydreaming", status: "asleep" };
    const { hostile } = await openSeller(() => sse(`:\n\n${event(odd, "1")}event: x\n${event(done, "2")}`));
    const job = await hostile.render().start({});
    const seen: string[] = [];
    for await (const { status } of job) seen.push(status);
    expect(seen).toEqual(["asleep", "succeeded"]);
    expect(hostile.requests.map(({ method }) => method)).toEqual(["POST", "POST", "GET"]);
  });

  it("may be cut at any byte: every document is seen once, and the output comes whole", async () => {
    const texts = [
      "retry: 0\n\n",
      event(running, "a"),
      ":\n\n",
      event({ ...running, progress: 55, message: "größer → 🎨" }, "b"),
      event(done, "c"),
    ];
    const bytes = new TextEncoder().encode(texts.join(""));
    const ids = ["a", "b", "c"];
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      let first = true;
      const { hostile } = await openSeller((request) => {
        if (first) {
          first = false;
          return sse(brokenOff(bytes.slice(0, cut)));
        }
        // Goes on after what the client says that it has had.
        const had = ids.indexOf(request.headers.get("last-event-id") ?? "");
        const rest = [texts[1], texts[3], texts[4]].slice(had + 1);
        return sse(["retry: 0\n\n", ...rest].join(""));
      });
      const seen: number[] = [];
      for await (const { progress } of await hostile.render().start({})) seen.push(progress);
      expect([cut, ...seen]).toEqual([cut, ...seen.filter((one, at) => seen.indexOf(one) === at)]);
      expect([cut, seen.at(-1)]).toEqual([cut, 100]);
    }
  });

  it("leaves no timer and no listener behind", async () => {
    const { hostile } = await openSeller(() => sse(event(running, "1") + event(done, "2")));
    const abort = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = abort.signal;
    abort.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(abort.signal, args);
    };
    abort.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(abort.signal, args);
    };
    const job = await hostile.render().start({});
    const before = timers();
    // `status()` and the iterator take no signal; `documents` gets this one unchanged.
    expect(await job.result({ signal: abort.signal })).toEqual({ ok: true });
    expect(listeners).toBe(0);
    await until(
      async () => timers(),
      (count) => count <= before,
    );
  });
});

function timers(): number {
  return process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;
}

function textOf({ body }: Response) {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  return {
    next: async () => decoder.decode((await reader?.read())?.value),
    cancel: async () => reader?.cancel(),
  };
}

function silentAfter(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)) });
}

/** Sends these bytes, one by one, and then the connection breaks. */
function brokenOff(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === bytes.length) return controller.error(new TypeError("terminated"));
      controller.enqueue(bytes.slice(at, at + 1));
      at += 1;
    },
  });
}

function onCancel(body: ReadableStream<Uint8Array>, told: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: told,
  });
}
