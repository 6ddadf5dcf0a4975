import {
  chargeOf,
  type JobOptions,
  MAX_BACKOFF,
  MAX_RETRIES,
  type ResourceDefinition,
} from "../../schema/api.ts";
import { CANCEL_POLICIES } from "../../schema/cancel.ts";
import { milliseconds, parseDuration } from "../../schema/duration.ts";
import { listOf, type MistakeReport } from "../mistake.ts";

/** Checks of how a resource runs: time limits, retries, concurrency, caching and cancellation. */

const DURATION = 'write a number and a unit: "20s", "2m", "24h"';

/** Reports invalid durations and counts, and options that have no effect on this kind of resource. */
export function checkRunning(path: string, definition: ResourceDefinition, report: MistakeReport): void {
  const { timeout, job, cache } = definition;
  if (job !== undefined && job.timeout === undefined) {
    report(`${path}.job.timeout`, "is missing", 'set the time limit of the job: timeout: "2m"');
  }
  const durations = [
    ["timeout", timeout],
    ["job.timeout", job?.timeout],
    ["job.retention", job?.retention],
    ["job.backoff", job?.backoff],
    ["job.startWithin", job?.startWithin],
    ["cache", cache],
  ] as const;
  for (const [name, value] of durations) {
    if (value === undefined || parseDuration(value) !== undefined) continue;
    report(`${path}.${name}`, `${JSON.stringify(value)} is not a valid duration`, DURATION);
  }
  if (job !== undefined) checkCounts(`${path}.job`, job, report);
  checkConcurrency(path, definition, report);
  checkCache(path, definition, report);
  checkCancel(`${path}.cancel`, definition, report);
}

function checkConcurrency(
  path: string,
  { concurrency, job }: ResourceDefinition,
  report: MistakeReport,
): void {
  if (concurrency === undefined) return;
  if (job !== undefined) {
    report(`${path}.concurrency`, "applies to a synchronous resource only", "write job.concurrency");
  } else if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    const problem = `${shown(concurrency)} is not a valid limit`;
    report(`${path}.concurrency`, problem, "write a whole number from 1");
  }
}

function checkCounts(path: string, job: JobOptions, report: MistakeReport): void {
  const { retries, backoff } = job;
  const whole = (value: unknown, least: number): boolean =>
    value === undefined || (Number.isSafeInteger(value) && Number(value) >= least);
  if (!whole(retries, 0) || Number(retries ?? 0) > MAX_RETRIES) {
    const problem = `${JSON.stringify(retries)} is not a valid number of retries`;
    report(`${path}.retries`, problem, `write a whole number from 0 to ${MAX_RETRIES}`);
  }
  for (const name of ["concurrency", "maxQueued"] as const) {
    if (whole(job[name], 1)) continue;
    report(`${path}.${name}`, `${shown(job[name])} is not a valid limit`, "write a whole number from 1");
  }
  if ((parseDuration(backoff) ?? 0) > milliseconds(MAX_BACKOFF)) {
    report(
      `${path}.backoff`,
      `"${backoff}" is longer than the maximum backoff`,
      `write at most "${MAX_BACKOFF}"`,
    );
  }
  if (backoff !== undefined && (retries ?? 0) === 0) {
    report(`${path}.backoff`, "applies to retries only, and the job has none", "add retries, or remove it");
  }
}

function checkCache(path: string, definition: ResourceDefinition, report: MistakeReport): void {
  const { job, cache } = definition;
  if (cache !== undefined && job !== undefined) {
    const fix = "remove it; job.retention sets how long buyers can fetch the result";
    report(`${path}.cache`, "applies to a synchronous resource only, not to a job", fix);
  }
}

function checkCancel(path: string, definition: ResourceDefinition, report: MistakeReport): void {
  const { cancel, job, price } = definition;
  if (cancel === undefined) return;
  if (!CANCEL_POLICIES.includes(cancel)) {
    report(path, `${JSON.stringify(cancel)} is not a known policy`, `use one of ${listOf(CANCEL_POLICIES)}`);
  } else if (job === undefined) {
    report(path, "is only for jobs: a synchronous call cannot be canceled", "add a job, or remove it");
  } else if (cancel === "keep" && price?.kind === "free") {
    report(path, "keeps a price, but the resource is free", 'remove it, or write "forbid"');
  } else if (cancel === "keep" && chargeOf(definition) === "after") {
    const fix = 'write charge: "before", or remove it';
    report(path, "keeps a price that is not charged yet when a job is canceled", fix);
  }
}

/** The value as written. JSON cannot express Infinity. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
