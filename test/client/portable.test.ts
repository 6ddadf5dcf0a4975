import { createHash } from "node:crypto";
import { memoryCalls } from "resource402/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openHostile, receipt } from "../flow/hostile.ts";

/** What React Native, older Safari and pages without https lack: the name, and the object that has it elsewhere. */
const MISSING: readonly [name: string, owner: object][] = [
  ["canParse", URL],
  ["randomUUID", Object.getPrototypeOf(crypto)],
  ["throwIfAborted", AbortSignal.prototype],
  ["any", AbortSignal],
  ["timeout", AbortSignal],
  ["DOMException", globalThis],
];
const restores: (() => void)[] = [];

function withoutThem(): void {
  for (const [name, owner] of MISSING) {
    const was = Object.getOwnPropertyDescriptor(owner, name);
    if (!was) throw new Error(`there is no ${name} to begin with`);
    Reflect.deleteProperty(owner, name);
    restores.push(() => Object.defineProperty(owner, name, was));
  }
}

afterEach(() => {
  for (const restore of restores.splice(0)) restore();
  vi.useRealTimers();
});

const accepted = { jobId: "1", statusUrl: "/v1/jobs/1" };

describe("where a platform lacks what is newer", () => {
  it("a call and a job are paid, awaited, stopped and saved as elsewhere", async () => {
    const hostile = await openHostile((request) => {
      if (request.url.endsWith("/render"))
        return Response.json(accepted, { status: 202, headers: receipt() });
      return Response.json({ state: "succeeded", result: { ok: true } }, { headers: receipt() });
    });
    withoutThem();
    const calls = memoryCalls();
    const { signal } = new AbortController();
    expect(await hostile.echo({ calls })({}, { signal })).toMatchObject({ state: "succeeded" });
    expect(await hostile.render({ calls })({}, { signal })).toEqual({ ok: true });
    const stopped = AbortSignal.abort(new Error("enough"));
    await expect(hostile.render({ calls })({}, { signal: stopped })).rejects.toThrow("enough");
    const job = await hostile.render({ calls }).start({});
    await expect(job.result({ signal: stopped })).rejects.toThrow("enough");
  });

  it("bytes arrive where bodies are not streamed", async () => {
    const bytes = Uint8Array.from([0xff, 0xd8, 0x80]);
    const hostile = await openHostile(() => {
      const answer = new Response(bytes, { headers: { ...receipt(), "content-type": "image/jpeg" } });
      Object.defineProperty(answer, "body", { value: undefined });
      return answer;
    });
    const output = (await hostile.echo()({})) as Blob;
    expect(new Uint8Array(await output.arrayBuffer())).toEqual(bytes);
  });
});

describe("a fetch that remembers GETs, as that of Next's server components does", () => {
  it("does not freeze the status of a job, nor a retry: it is called with an address and a signal", async () => {
    let looks = 0;
    const hostile = await openHostile((request) => {
      if (request.method === "POST") return Response.json(accepted, { status: 202, headers: receipt() });
      looks += 1;
      return Response.json(looks < 3 ? { state: "processing" } : { state: "succeeded", result: looks });
    });
    const answers = new Map<string, Promise<Response>>();
    const remembering =
      (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
      async (input, init) => {
        expect(typeof input).toBe("string");
        // React remembers a GET by its address and options, but not one that can be aborted.
        if (init?.signal || (init?.method ?? "GET") !== "GET") return fetch(input, init);
        const key = createHash("sha256")
          .update(`${input}${JSON.stringify(init)}`)
          .digest("hex");
        const answer = answers.get(key) ?? fetch(input, init);
        answers.set(key, answer);
        return (await answer).clone();
      };
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    let hasEnded = false;
    const end = hostile.render({ fetch: remembering(hostile.fetch) })({});
    void end.finally(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(await end).toBe(3);
    expect(answers.size).toBe(0);
  });
});
