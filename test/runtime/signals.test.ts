import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "resource402/node";
import { serve } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { post, until } from "../flow/shop.ts";
import { api, documents, type ServerMessage, type ServerOrder } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "resource402-signals-"));
const children = new Set<ChildProcess>();
let files = 0;

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Child {
  readonly process: ChildProcess;
  readonly store: string;
  readonly url: string;
  /** The status and the signal with which it ended. */
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  /** The next job that it starts. */
  started(): Promise<ServerMessage>;
  /** Orders a job and waits until it runs; returns its id. */
  begin(): Promise<string>;
}

async function open(graceMs: number, store = join(folder, `${++files}.db`), drainMs = 0): Promise<Child> {
  const order: ServerOrder = { store, graceMs, drainMs };
  const child = fork(new URL("./server.ts", import.meta.url), {
    env: { ...process.env, SERVER: JSON.stringify(order) },
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  children.add(child);
  const ended = new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("exit", (code, signal) => {
      children.delete(child);
      resolve([code, signal]);
    });
  });
  const unread: ServerMessage[] = [];
  child.on("message", (sent: ServerMessage) => unread.push(sent));
  /** The first event of a kind that no test has asked for yet. */
  const next = async (name: string): Promise<ServerMessage> => {
    const found = await until(
      async () => unread.findIndex((sent) => name in sent),
      (index) => index >= 0,
    );
    return unread.splice(found, 1)[0] as ServerMessage;
  };
  const sent = await Promise.race([next("port"), ended]);
  if (!("port" in sent)) throw new Error(`the server has ended: ${sent}`);
  const url = `http://127.0.0.1:${sent.port}`;
  return {
    process: child,
    store,
    url,
    ended,
    started: () => next("started"),
    async begin() {
      const answer = await fetch(`${url}/v1/wait`, post({ name: "a" }));
      await next("started");
      return ((await answer.json()) as { jobId: string }).jobId;
    },
  };
}

async function kept(path: string, jobId: string) {
  const store = sqliteStore(path);
  const job = await store.job(jobId);
  await store.close();
  return job;
}

describe("a process that is told to end", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "by %s takes no more calls, lets the running job end, and ends by that signal",
    async (signal) => {
      const server = await open(20_000);
      const jobId = await server.begin();
      server.process.kill(signal);
      await until(
        () =>
          fetch(server.url).then(
            () => "open",
            () => "closed",
          ),
        (state) => state === "closed",
      );
      server.process.send("go on");
      expect(await server.ended).toEqual([null, signal]);
      expect(await kept(server.store, jobId)).toMatchObject({ work: "done", attempt: 1 });
    },
  );

  it("by SIGTERM is not ready from that moment on, and answers all that comes until load balancers have noticed", async () => {
    const server = await open(20_000, undefined, 6_000);
    const running = await server.begin();
    const ready = async () => (await fetch(`${server.url}/readyz`)).status;
    expect(await ready()).toBe(200);
    const toldAt = performance.now();
    server.process.kill("SIGTERM");
    await until(ready, (status) => status === 503);
    // A job that runs ends, and its buyer is told; one that is bought now waits for the next process.
    const held = fetch(`${server.url}/v1/jobs/${running}`, { headers: { prefer: "wait=20" } });
    const answer = await fetch(`${server.url}/v1/wait`, post({ name: "late" }));
    expect(answer.status).toBe(202);
    const { jobId: late } = (await answer.json()) as { jobId: string };
    server.process.send("go on");
    expect(await (await held).json()).toMatchObject({ status: "succeeded" });
    expect(await ready()).toBe(503);
    expect(await server.ended).toEqual([null, "SIGTERM"]);
    expect(performance.now() - toldAt).toBeGreaterThan(5_900);
    expect(await kept(server.store, late)).toMatchObject({ work: "waiting", attempt: 0 });
  });

  it("by SIGINT does not wait for load balancers, and by SIGTERM no longer than for all else", async () => {
    const interrupted = await open(20_000, undefined, 600_000);
    interrupted.process.kill("SIGINT");
    expect(await interrupted.ended).toEqual([null, "SIGINT"]);
    const terminated = await open(200, undefined, 600_000);
    terminated.process.kill("SIGTERM");
    expect(await terminated.ended).toEqual([null, "SIGTERM"]);
  });

  it("hands back the job that outlasts the grace period, as no failure; the next process runs it", async () => {
    const server = await open(100);
    const jobId = await server.begin();
    server.process.kill("SIGTERM");
    expect(await server.ended).toEqual([null, "SIGTERM"]);
    expect(await kept(server.store, jobId)).toMatchObject({
      work: "waiting",
      owner: undefined,
      failures: 0,
    });
    const next = await open(100, server.store);
    expect(await next.started()).toEqual({ started: "a", attempt: 2 });
    next.process.send("go on");
    await until(
      () => kept(server.store, jobId),
      (job) => typeof job === "object" && job.work === "done",
    );
    next.process.kill("SIGTERM");
    await next.ended;
  });

  it("a second time ends at once, and leaves its job to be found by its lease", async () => {
    const server = await open(60_000);
    const jobId = await server.begin();
    server.process.kill("SIGTERM");
    await until(
      () =>
        fetch(server.url).then(
          () => "open",
          () => "closed",
        ),
      (state) => state === "closed",
    );
    server.process.kill("SIGINT");
    expect(await server.ended).toEqual([null, "SIGINT"]);
    expect(await kept(server.store, jobId)).toMatchObject({ work: "running" });
  });
});

describe("listen", () => {
  const count = () => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");
  const server = () => serve(api, documents, { handlers: { wait: () => ({ name: "" }) }, log: "error" });

  it("listens to signals until it is closed, and not at all when it is told not to", async () => {
    const before = count();
    const listening = await listen(server(), { port: 0, hostname: "127.0.0.1" });
    expect(count()).toBe(before + 2);
    await listening.close();
    expect(count()).toBe(before);
    const deaf = await listen(server(), { port: 0, hostname: "127.0.0.1", signals: false });
    expect(count()).toBe(before);
    await deaf.close();
  });

  it("says which port is in use and what to do, and leaves no listener behind", async () => {
    const first = await listen(server(), { port: 0, hostname: "127.0.0.1" });
    const before = count();
    const error = await listen(server(), { port: first.port, hostname: "127.0.0.1" }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({
      code: "EADDRINUSE",
      message: expect.stringContaining(`port ${first.port} is in use by another process; end that one, or`),
    });
    expect(count()).toBe(before);
    await first.close();
  });
});
