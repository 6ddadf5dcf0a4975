import { type Accepted, readAccepted, readForeignJob } from "../../../src/client/job-format.ts";
import { isRecord, type JobDocument, parseRetryAfter } from "../../../src/protocol/index.ts";
import { jsonOf } from "../challenge.ts";
import {
  type Check,
  type CheckVerdict,
  type Fault,
  fault,
  faults,
  PASSED,
  type Severity,
  skipped,
} from "../check.ts";
import type { Examination } from "../examination.ts";
import { evidenceOf, type ProbeExchange } from "../wire.ts";

const STATES = ["processing", "succeeded", "failed"];
/** Longest time to wait for a job. */
const MAX_JOB_MS = 60_000;
const MAX_PAUSE_MS = 5_000;
const SHORTEST_PAUSE_MS = 100;

export const JOB_CHECKS: readonly Check[] = [
  {
    id: "job-unknown",
    title: "The server answers 404 for an unknown job",
    severity: "error",
    scope: "resource",
    why: "A client that waits for a deleted job must learn that it is gone. With a 200 it waits forever, and a 500 looks like a temporary failure.",
    source: "RFC 9110 §15.5.5",
    fix: "Answer 404 for an unknown id, and also for the id of another buyer's job.",
    look: async (at) => {
      const template = at.site.statusUrl ?? (await statusTemplate(at));
      if (template === undefined) return skipped("the status URL of jobs is unknown");
      const url = template.replace(/\{[^{}]+\}/, "doctor-unknown-job");
      const answer = await at.wire.send({ method: "GET", url });
      const isRefused = answer.status >= 400 && answer.status < 500 && answer.status !== 402;
      return isRefused
        ? PASSED
        : fault(`The server answers ${answer.status} for an unknown job.`, evidenceOf(answer));
    },
  },
  {
    id: "job-accepted",
    title: "The 202 for a job says where and when to poll it",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "After paying, the 202 is all that the buyer has.",
    source: "RFC 9110 §15.3.3 and §10.2.3",
    fix: 'Answer 202 with an absolute statusUrl, the state "processing", Retry-After and Location.',
    look: async (at) => {
      const accepted = await acceptedJob(at);
      if (typeof accepted === "string") return skipped(accepted);
      const { exchange, document, statusUrl } = accepted;
      const found: Fault[] = [];
      const evidence = evidenceOf(exchange, ["retry-after", "location"]);
      const say = (what: string, severity?: Severity): void => {
        found.push({ what: `The 202 is incomplete: ${what}.`, evidence, ...(severity && { severity }) });
      };
      if (statusUrl === undefined) say("it names no status URL");
      else if (!/^https?:/.test(statusUrl)) say("its status URL is not absolute", "info");
      const { state } = document;
      // Many sellers use other words than ours, or none; clients that know them can buy.
      if (state !== "processing")
        say(
          state === undefined ? "it has no state" : `state is ${JSON.stringify(state)}, not "processing"`,
          "info",
        );
      const after = parseRetryAfter(exchange.headers.get("retry-after"), Date.now());
      if (after === undefined && typeof document.retryAfterSeconds !== "number")
        say("Retry-After is missing", "warning");
      return faults(found);
    },
  },
  {
    id: "job-states",
    title: "The state of a job is processing, succeeded or failed",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Existing x402 clients know only these three words and poll forever on any other. When progress goes backwards, people stop waiting.",
    source: "practice: x402 job pollers; RFC 9110 §15.3.1",
    fix: "Answer 200 while the job exists. Send one of the three words in state, a more detailed word in status, and progress as a whole percent that never decreases.",
    look: async (at) => {
      const documents = await followed(at);
      if (typeof documents === "string") return skipped(documents);
      return faults(stateFaults(documents));
    },
  },
  {
    id: "job-caching",
    title: "No cache may store the state of a running job",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A cached state never changes, so the buyer waits for a job that has already ended.",
    source: "RFC 9111 §5.2.2.5",
    fix: "Send Cache-Control: no-store while the job runs, and private, max-age once it has ended.",
    look: async (at) => {
      const documents = await followed(at);
      if (typeof documents === "string") return skipped(documents);
      const running = documents.filter((one) => jobOf(one).document?.state === "processing");
      const kept = running.find(
        ({ headers }) => !/no-store|no-cache/i.test(headers.get("cache-control") ?? ""),
      );
      if (kept)
        return fault("A cache may store the state of a running job.", evidenceOf(kept, ["cache-control"]));
      const shared = documents.find(({ headers }) =>
        /\bpublic\b|s-maxage/i.test(headers.get("cache-control") ?? ""),
      );
      return shared
        ? fault("A shared cache may store the job.", evidenceOf(shared, ["cache-control"]))
        : PASSED;
    },
  },
  {
    id: "job-result",
    title: "A job ends with a result or with an error",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A buyer who has paid and waits forever can neither use the result nor ask for a refund.",
    source: "practice",
    fix: "Limit the duration of the work. Put the output in result, or a safe sentence in error and an error code beside it.",
    look: async (at): Promise<CheckVerdict> => {
      const documents = await followed(at);
      if (typeof documents === "string") return skipped(documents);
      const last = documents.at(-1);
      const { document, word } = last ? jobOf(last) : {};
      if (!last || !document || word !== undefined)
        return skipped("the status document of the job cannot be read");
      if (document.state === "processing") {
        return fault(`The job has not ended after ${MAX_JOB_MS / 1000} s.`, evidenceOf(last), "warning");
      }
      if (document.state === "succeeded" && hasNoResult(last)) {
        return fault("The job succeeded without a result.", evidenceOf(last));
      }
      if (document.state === "failed" && document.error === undefined) {
        return fault("The job failed without an error message.", evidenceOf(last));
      }
      return PASSED;
    },
  },
];

function stateFaults(documents: readonly ProbeExchange[]): Fault[] {
  const found: Fault[] = [];
  let furthest = -1;
  for (const exchange of documents) {
    const body = jsonOf(exchange);
    const say = (what: string, severity?: Severity): void => {
      if (found.some((one) => one.what === what)) return;
      found.push({ what, evidence: evidenceOf(exchange), ...(severity && { severity }) });
    };
    const { document, word } = jobOf(exchange);
    if ((exchange.status !== 200 && exchange.status !== 202) || !document) {
      say(`The server answers ${exchange.status} for an existing job, or not with a JSON document.`);
      continue;
    }
    const said = isRecord(body) ? body.state : undefined;
    if (word !== undefined) say(`The state is ${JSON.stringify(word === "" ? said : word)}.`);
    else if (!STATES.includes(String(said))) say(`The state is ${JSON.stringify(document.status)}.`, "info");
    const progress = isRecord(body) ? body.progress : undefined;
    if (progress === undefined) continue;
    if (!Number.isInteger(progress) || Number(progress) < 0 || Number(progress) > 100) {
      say(`The progress is ${JSON.stringify(progress)}, not a whole percent.`, "info");
    } else if (Number(progress) < furthest) say(`The progress decreases from ${furthest} to ${progress}.`);
    else furthest = Number(progress);
  }
  return found;
}

/** The status as our client reads it, in the words of any seller. `word` is a state that it does not know. */
function jobOf(exchange: ProbeExchange): {
  readonly document?: JobDocument | undefined;
  readonly word?: string;
} {
  const { status, headers } = exchange;
  return readForeignJob({ status, headers, body: jsonOf(exchange) }, {});
}

/** True when a document in our own words has no result. Other sellers may give the output beside the state. */
function hasNoResult(exchange: ProbeExchange): boolean {
  const body = jsonOf(exchange);
  if (!isRecord(body)) return false;
  const { state, status, jobId, progress, result, output, data, ...others } = body;
  const isOutput = [result, output, data].some((one) => one !== undefined && one !== null);
  const isOurs = state === "succeeded" && jobId !== undefined;
  return !isOutput && (isOurs || Object.keys(others).length === 0);
}

interface AcceptedJob {
  readonly exchange: ProbeExchange;
  readonly document: Readonly<Record<string, unknown>>;
  /** As the server has given it. */
  readonly statusUrl: Accepted["statusUrl"];
}

/** The 202 of the paid call, or the reason why there is none. */
async function acceptedJob(at: Examination): Promise<AcceptedJob | string> {
  const purchase = await at.purchase();
  if (typeof purchase === "string") return purchase;
  const exchange = purchase.bought;
  if (exchange?.status !== 202) return exchange ? "the resource is synchronous" : "nothing was bought";
  const document = jsonOf(exchange);
  if (!isRecord(document)) return "the 202 is not a JSON object";
  const statusUrl = readAccepted({ body: document, headers: exchange.headers })?.statusUrl;
  return { exchange, document, statusUrl };
}

async function statusTemplate(at: Examination): Promise<string | undefined> {
  const accepted = await acceptedJob(at);
  const url = typeof accepted === "string" ? undefined : statusUrlOf(at, accepted);
  return url?.replace(/[^/?]+(\?.*)?$/, "{id}");
}

/** The status URL of the job. A URL on another host is not followed. */
function statusUrlOf(at: Examination, { statusUrl }: AcceptedJob): string | undefined {
  if (statusUrl === undefined || !URL.canParse(statusUrl, at.probe.url)) return undefined;
  const url = new URL(statusUrl, at.probe.url);
  return url.origin === new URL(at.probe.url).origin ? url.href : undefined;
}

const journals = new WeakMap<Examination, Promise<ProbeExchange[] | string>>();

/** Every status document of the job, from acceptance to its end. Polled once for all checks. */
function followed(at: Examination): Promise<ProbeExchange[] | string> {
  const known = journals.get(at) ?? follow(at);
  journals.set(at, known);
  return known;
}

async function follow(at: Examination): Promise<ProbeExchange[] | string> {
  const accepted = await acceptedJob(at);
  if (typeof accepted === "string") return accepted;
  const statusUrl = statusUrlOf(at, accepted);
  if (statusUrl === undefined) return "the 202 has no statusUrl on this host";
  const end = Date.now() + MAX_JOB_MS;
  const documents: ProbeExchange[] = [];
  for (;;) {
    const exchange = await at.wire.send({ method: "GET", url: statusUrl });
    documents.push(exchange);
    const { document, word } = jobOf(exchange);
    // An unknown word is already a finding, and polling on would never end.
    const isOver = document?.state !== "processing" || word !== undefined || Date.now() > end;
    if (isOver || (exchange.status !== 200 && exchange.status !== 202)) return documents;
    const after = parseRetryAfter(exchange.headers.get("retry-after"), Date.now()) ?? 1_000;
    await at.wire.pause(Math.min(Math.max(after, SHORTEST_PAUSE_MS), MAX_PAUSE_MS));
  }
}
