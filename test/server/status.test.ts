import { expect, it, vi } from "vitest";
import type { JobDocument } from "../../src/protocol/index.ts";
import { createStatus, type Status } from "../../src/server/status.ts";
import { statusOf } from "../../src/store/state.ts";
import type { JobRecord } from "../../src/store/store.ts";
import { job as record } from "../store/records.ts";

/** The status of jobs that are what `jobs` holds, and how often they were looked up. */
function statusesOf(jobs: Map<string, JobRecord>): { status: Status; looks: () => number } {
  let looks = 0;
  const look = async (id: string) => {
    looks += 1;
    return jobs.get(id);
  };
  const document = (job: JobRecord): JobDocument => ({
    jobId: job.id,
    resource: job.resource,
    state: statusOf(job) === "succeeded" ? "succeeded" : "processing",
    status: statusOf(job),
    progress: job.progress,
    result: job.result,
    createdAt: "",
    updatedAt: "",
  });
  const status = createStatus({
    store: { job: look },
    jobs: { when: look, cancel: async () => undefined, document },
    url: (_, path) => `https://api.test${path}`,
  });
  return { status, looks: () => looks };
}

const ended = (id: string, more: Partial<JobRecord> = {}): JobRecord => ({
  ...record(id, `call of ${id}`),
  phase: "delivered",
  work: "done",
  result: "{}",
  expiresAt: Date.now() + 3_600_000,
  ...more,
});
const ask = (headers: Record<string, string> = {}) => new Request("https://api.test/", { headers });

it("an end is looked up once, however it is asked for", async () => {
  const { status, looks } = statusesOf(new Map([["a", ended("a")]]));
  const { headers } = await status.get("a", ask());
  for (const asked of [ask(), ask({ prefer: "wait=5" }), ask({ "if-none-match": headers.etag ?? "" })]) {
    await status.get("a", asked);
  }
  expect(looks()).toBe(1);
});

it("ends are kept ready up to 64 MiB, the last asked for longest", async () => {
  const result = JSON.stringify("x".repeat(1024 * 1024));
  const ids = Array.from({ length: 64 }, (_, index) => `job ${index}`);
  const { status, looks } = statusesOf(new Map(ids.map((id) => [id, ended(id, { result })])));
  for (const id of ids) await status.get(id, ask());
  // A character may take two bytes: there is room for 31.
  for (const id of ids.slice(-31)) await status.get(id, ask());
  expect(looks()).toBe(64);
  await status.get("job 0", ask());
  expect(looks()).toBe(65);
});

it("an end that may still change is not kept, nor called immutable, and a listener comes back for it later", async () => {
  const jobs = new Map([["a", ended("a", { phase: "owed" })]]);
  const { status } = statusesOf(jobs);
  const { headers } = await status.get("a", ask());
  expect(headers["cache-control"]).toBe("no-store");
  const seen = { "last-event-id": (headers.etag ?? "").replaceAll('"', "") };
  expect(await status.events("a", ask(seen))).toMatchObject({ status: 200, body: "retry: 15000\n\n" });
  jobs.set("a", ended("a", { phase: "refunded" }));
  const after = await status.get("a", ask());
  expect(after.headers["cache-control"]).toMatch(/^private, max-age=\d+, immutable$/);
  expect(await status.events("a", ask(seen))).toMatchObject({ status: 204 });
});

it("an end that is kept says how long it still is to be had", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const { status } = statusesOf(new Map([["a", ended("a", { expiresAt: Date.now() + 2_900 })]]));
  const age = async () =>
    /max-age=(\d+)/.exec((await status.get("a", ask())).headers["cache-control"] ?? "")?.[1];
  expect(await age()).toBe("2");
  vi.setSystemTime(Date.now() + 1_000);
  expect(await age()).toBe("1");
  vi.useRealTimers();
});

it.each([
  ['W/"TAG"', 304],
  ['"other", "TAG"', 304],
  ['"other"', 200],
])("If-None-Match: %s is answered %i", async (header, expected) => {
  const { status } = statusesOf(new Map([["a", ended("a")]]));
  const { headers } = await status.get("a", ask());
  const tag = (headers.etag ?? "").replaceAll('"', "");
  const answer = await status.get("a", ask({ "if-none-match": header.replace("TAG", tag) }));
  expect([answer.status, answer.body === ""]).toEqual([expected, expected === 304]);
});

it("only a job that has not ended says where it is streamed", async () => {
  const jobs = new Map([["a", ended("a", { phase: "charged", work: "running" })]]);
  const { status } = statusesOf(jobs);
  const eventsUrl = "https://api.test/v1/jobs/a/events";
  expect(JSON.parse((await status.get("a", ask())).body)).toMatchObject({ eventsUrl });
  jobs.set("a", ended("a"));
  expect(JSON.parse((await status.get("a", ask())).body)).not.toHaveProperty("eventsUrl");
});
