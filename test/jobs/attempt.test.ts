import { memoryStore } from "resource402/server";
import { expect, it } from "vitest";
import { z } from "zod";
import { createAttempt } from "../../src/jobs/attempt.ts";
import type { ServedJob } from "../../src/jobs/record.ts";
import { createTelemetry } from "../../src/telemetry/telemetry.ts";
import { systemTime } from "../../src/time/time.ts";
import { job } from "../store/records.ts";

const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

it("counts an exception outside of the handler as a failure, and ends the job after the third", async () => {
  const input = z.unknown().transform(() => {
    throw new Error("this release cannot read the stored input");
  });
  const resource: ServedJob = {
    ...{ name: "upscale", input, output: z.unknown(), errors: {}, timeoutMs: 1_000, handler: nothing },
    ...{ retentionMs: 0, artifactUrl: undefined, response: undefined, retries: 0, backoffMs: 1 },
    ...{
      startWithinMs: undefined,
      concurrency: undefined,
      cancel: "refund" as const,
      loggable: [],
      maxQueued: undefined,
    },
  };
  const attempt = createAttempt({
    resources: new Map([["upscale", resource]]),
    store: memoryStore(),
    telemetry: createTelemetry(),
    time: systemTime,
    detached: nothing,
  });
  const { signal } = new AbortController();
  const after = (failures: number) => attempt(job("j", "c", { work: "running", failures }), log, signal);
  expect(await after(0)).toMatchObject({ requeue: { failures: 1 } });
  expect(await after(2)).toMatchObject({ ok: false, failure: { code: "internal_error" } });
});
