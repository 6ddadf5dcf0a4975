import { CANCEL_POLICIES } from "../../schema/cancel.ts";
import { durationText } from "../../schema/duration.ts";
import { type JobModel, type ResourceModel, refTo } from "../model.ts";
import { insteadOf, runText } from "../prose.ts";
import { arrow, type Tell } from "./change.ts";
import { comparePrices } from "./prices.ts";
import { compareSchemas, isSame, type Sides } from "./schemas.ts";

/** Records all changes of one resource. */
export function compareResources(sides: Sides, was: ResourceModel, now: ResourceModel, tell: Tell): void {
  if (was.name !== now.name) tell("breaking", "", `was called ${was.name}`);
  if (was.method !== now.method) tell("breaking", "method", arrow(was.method, now.method));
  if (route(was) !== route(now)) tell("breaking", "path", arrow(was.path, now.path));
  for (const [face, direction] of [
    ["Input", "input"],
    ["Output", "output"],
  ] as const) {
    const [a, b] = [was, now].map(({ typeName }) => ({ $ref: refTo(typeName + face) }));
    if (a !== undefined && b !== undefined) compareSchemas(sides, a, b, direction, tell);
  }
  comparePrices(sides, was, now, tell);
  compareCharge(was, now, tell);
  compareRunning(was, now, tell);
  compareCache(was, now, tell);
  compareErrors(was, now, tell);
  compareWords(was, now, tell);
}

/** A path without the names of its parameters, which are not part of a request. */
function route({ path }: ResourceModel): string {
  return path.replace(/:[^/]+/g, ":");
}

function compareCharge(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  if (was.price.kind === "free" || now.price.kind === "free" || was.charge === now.charge) return;
  const text = ({ charge }: ResourceModel): string =>
    charge === "after" ? "charged only when it succeeds" : "charged before the work begins";
  tell(now.charge === "before" ? "weaker" : "addition", "charge", arrow(text(was), text(now)));
}

function compareRunning(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  const [a, b] = [was.job, now.job];
  if (a === undefined || b === undefined) {
    if (a !== b) {
      const text = (isJob: boolean): string => (isJob ? "starts a job" : "is synchronous");
      tell("breaking", "job", arrow(text(a !== undefined), text(b !== undefined)));
    } else compareTimes("timeout", "a call may take", was.timeoutMs, now.timeoutMs, tell);
    return;
  }
  compareTimes("job.timeout", "a job may run for", a.timeoutMs, b.timeoutMs, tell);
  compareRetries(a, b, tell);
  compareTimes("job.retention", "a result is kept for", a.retentionMs, b.retentionMs, tell);
  compareCancel(a, b, tell);
  compareTimes("job.startWithin", "a job may wait to start for", a.startWithinMs, b.startWithinMs, tell);
  for (const [member, text] of [
    ["artifactUrl", "the result's file is served from"],
    ["response", "the result's text is"],
  ] as const) {
    const [before, after] = [a[member], b[member]];
    if (before === after) continue;
    const kind = after === undefined ? "weaker" : before === undefined ? "addition" : "note";
    tell(kind, `job.${member}`, `${text} ${arrow(before ?? "no field", after ?? "no field")}`);
  }
}

/** Compares the cancel policies. Each policy is worse for the buyer than the one before it. */
function compareCancel(was: JobModel, now: JobModel, tell: Tell): void {
  if (was.cancel === now.cancel) return;
  const text = { refund: "is refunded", keep: "is not refunded", forbid: "is not possible" } as const;
  const isWorse = CANCEL_POLICIES.indexOf(now.cancel) > CANCEL_POLICIES.indexOf(was.cancel);
  const change = arrow(text[was.cancel], text[now.cancel]);
  tell(isWorse ? "breaking" : "addition", "cancel", `canceling a job ${change}`);
}

function compareRetries(was: JobModel, now: JobModel, tell: Tell): void {
  if (was.retries === now.retries && was.backoffMs === now.backoffMs) return;
  const [a, b] = [was, now].map(({ retries = 0 }) => retries) as [number, number];
  const kind = a === b ? "note" : b < a ? "weaker" : "addition";
  tell(kind, "job.retries", `a job runs ${arrow(runText(was), runText(now))}`);
}

/** Compares promised times. `undefined` means unlimited. */
function compareTimes(
  path: string,
  text: string,
  was: number | undefined,
  now: number | undefined,
  tell: Tell,
): void {
  if (was === now) return;
  const isShorter = now !== undefined && (was === undefined || now < was);
  const [before, after] = [was, now].map((ms) =>
    ms === undefined ? "as long as it takes" : durationText(ms),
  );
  tell(isShorter ? "weaker" : "addition", path, `${text} ${arrow(before ?? "", after ?? "")}`);
}

function compareCache(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  const [a, b] = [was.cache, now.cache];
  if (a === undefined && b === undefined) return;
  if (a === undefined || b === undefined) {
    const text = (isKept: boolean): string =>
      isKept ? "a repeated call may get a cached response" : "every response is computed";
    tell(
      b === undefined ? "weaker" : "addition",
      "cache",
      arrow(text(a !== undefined), text(b !== undefined)),
    );
    return;
  }
  if (a.ms !== b.ms)
    tell("note", "cache", `an answer may be ${arrow(durationText(a.ms), durationText(b.ms))} old`);
}

function compareErrors(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  const [before, after] = [was, now].map(
    ({ errors }) => new Map(errors.map(({ code, text }) => [code, text])),
  );
  for (const [code, text] of after ?? []) {
    const known = before?.get(code);
    if (known === undefined) tell("note", `errors.${code}`, `a call may fail with it now: ${text}`);
    else if (known !== text) tell("note", `errors.${code}`, "has a new description");
  }
  for (const [code] of before ?? []) {
    if (!after?.has(code)) tell("note", `errors.${code}`, "no call fails with it now");
  }
}

function compareWords(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  if (!isSame(was.deprecated, now.deprecated)) {
    const text =
      now.deprecated === undefined
        ? "is no longer deprecated"
        : `is deprecated. ${insteadOf(now.deprecated)}`;
    tell("note", "", text.trim());
  }
  if (was.summary !== now.summary) tell("note", "summary", `reads now: ${now.summary}`);
  if (was.description !== now.description) tell("note", "description", "has changed");
  if (!isSame(was.tags, now.tags))
    tell("note", "tags", arrow(was.tags.join(", ") || "none", now.tags.join(", ") || "none"));
  if (!isSame(was.examples, now.examples)) tell("note", "examples", "are others");
}
