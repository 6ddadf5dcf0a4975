import { isRecord, parseRetryAfter } from "../../protocol/index.ts";
import { jsonOf } from "../challenge.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped, type Verdict } from "../check.ts";
import type { Examination } from "../examination.ts";
import { type Exchange, evidenceOf } from "../wire.ts";

const STATES = ["processing", "succeeded", "failed"];
/** The longest that a job is waited for. */
const MAX_JOB_MS = 60_000;
const MAX_PAUSE_MS = 5_000;
const SHORTEST_PAUSE_MS = 100;

export const JOB_CHECKS: readonly Check[] = [
  {
    id: "job-unknown",
    title: "A job that there is not is answered 404",
    severity: "error",
    scope: "resource",
    why: "A client that waits for a job which has gone must learn it; 200 keeps it waiting for good, 500 looks like a passing fault.",
    source: "RFC 9110 §15.5.5",
    fix: "Answer 404 for an id that is not known, and the same for one that belongs to somebody else.",
    look: async (at) => {
      const template = at.site.statusUrl ?? (await statusTemplate(at));
      if (template === undefined) return skipped("no address of jobs is known");
      const url = template.replace(/\{[^{}]+\}/, "doctor-unknown-job");
      const answer = await at.wire.send({ method: "GET", url });
      const isRefused = answer.status >= 400 && answer.status < 500 && answer.status !== 402;
      return isRefused
        ? PASSED
        : fault(`A job that there is not is answered ${answer.status}.`, evidenceOf(answer));
    },
  },
  {
    id: "job-accepted",
    title: "An accepted job says where and when to ask for it",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "The 202 is all that the buyer has for the money.",
    source: "RFC 9110 §15.3.3 and §10.2.3",
    fix: "Answer 202 with an absolute statusUrl, state processing, Retry-After and Location.",
    look: async (at) => {
      const accepted = await acceptedJob(at);
      if (typeof accepted === "string") return skipped(accepted);
      const { exchange, document } = accepted;
      const wrong: string[] = [];
      if (typeof document.statusUrl !== "string" || !/^https?:/.test(document.statusUrl))
        wrong.push("statusUrl is no absolute address");
      if (document.state !== "processing")
        wrong.push(`state is ${JSON.stringify(document.state)}, not "processing"`);
      const after = parseRetryAfter(exchange.headers.get("retry-after"), Date.now());
      if (after === undefined && typeof document.retryAfterSeconds !== "number")
        wrong.push("Retry-After is absent");
      return wrong.length === 0
        ? PASSED
        : fault(
            `The 202 is not complete: ${wrong.join("; ")}.`,
            evidenceOf(exchange, ["retry-after", "location"]),
          );
    },
  },
  {
    id: "job-states",
    title: "The state of a job is processing, succeeded or failed",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Pollers of the field know these three words and loop on any other; progress that goes back makes people give up.",
    source: "practice: x402 job pollers; RFC 9110 §15.3.1",
    fix: "Answer 200 while the job is known, with one of the three words in state, a finer one in status, and progress as a whole percent that only grows.",
    look: async (at) => {
      const documents = await followed(at);
      if (typeof documents === "string") return skipped(documents);
      return faults(stateFaults(documents));
    },
  },
  {
    id: "job-caching",
    title: "A job that runs is not kept by a cache",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A kept state never changes, and the buyer waits for a job that has long ended.",
    source: "RFC 9111 §5.2.2.5",
    fix: "Send Cache-Control: no-store while the job runs, and private, max-age once it has ended.",
    look: async (at) => {
      const documents = await followed(at);
      if (typeof documents === "string") return skipped(documents);
      const running = documents.filter((one) => stateOf(one) === "processing");
      const kept = running.find(
        ({ headers }) => !/no-store|no-cache/i.test(headers.get("cache-control") ?? ""),
      );
      if (kept) return fault("The state of a running job may be kept.", evidenceOf(kept, ["cache-control"]));
      const shared = documents.find(({ headers }) =>
        /\bpublic\b|s-maxage/i.test(headers.get("cache-control") ?? ""),
      );
      return shared
        ? fault("A job may be kept by a shared cache.", evidenceOf(shared, ["cache-control"]))
        : PASSED;
    },
  },
  {
    id: "job-result",
    title: "A job ends, with its result or with the reason why there is none",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Who has paid and waits without an end can neither use the result nor ask for the money back.",
    source: "practice",
    fix: "Bound the work in time; put the output in result, or a safe sentence in error and a code beside it.",
    look: async (at): Promise<Verdict> => {
      const documents = await followed(at);
      if (typeof documents === "string") return skipped(documents);
      const last = documents.at(-1);
      const document = last ? jsonOf(last) : undefined;
      if (!last || !isRecord(document)) return skipped("the job's document cannot be read");
      if (document.state === "processing") {
        return fault(`The job has not ended after ${MAX_JOB_MS / 1000} s.`, evidenceOf(last), "warning");
      }
      if (document.state === "succeeded" && document.result === undefined) {
        return fault("The job has succeeded without a result.", evidenceOf(last));
      }
      if (document.state === "failed" && typeof document.error !== "string") {
        return fault("The job has failed and does not say why.", evidenceOf(last));
      }
      return PASSED;
    },
  },
];

function stateFaults(documents: readonly Exchange[]): Fault[] {
  const found: Fault[] = [];
  let furthest = -1;
  for (const exchange of documents) {
    const document = jsonOf(exchange);
    const say = (what: string): void => {
      if (!found.some((one) => one.what === what)) found.push({ what, evidence: evidenceOf(exchange) });
    };
    if (exchange.status !== 200 || !isRecord(document)) {
      say(`The job is known and is answered ${exchange.status}, or with no JSON object.`);
      continue;
    }
    if (!STATES.includes(String(document.state))) say(`The state is ${JSON.stringify(document.state)}.`);
    const { progress } = document;
    if (progress === undefined) continue;
    if (!Number.isInteger(progress) || Number(progress) < 0 || Number(progress) > 100) {
      say(`The progress is ${JSON.stringify(progress)}, no whole percent.`);
    } else if (Number(progress) < furthest) say(`The progress goes back from ${furthest} to ${progress}.`);
    else furthest = Number(progress);
  }
  return found;
}

function stateOf(exchange: Exchange): unknown {
  const document = jsonOf(exchange);
  return isRecord(document) ? document.state : undefined;
}

/** The 202 of the paid call, or why there is none. */
async function acceptedJob(
  at: Examination,
): Promise<{ readonly exchange: Exchange; readonly document: Record<string, unknown> } | string> {
  const purchase = await at.purchase();
  if (typeof purchase === "string") return purchase;
  const exchange = purchase.bought;
  if (exchange?.status !== 202) return exchange ? "it answers in the same request" : "nothing was bought";
  const document = jsonOf(exchange);
  return isRecord(document) ? { exchange, document } : "the 202 is no JSON object";
}

async function statusTemplate(at: Examination): Promise<string | undefined> {
  const accepted = await acceptedJob(at);
  const url = typeof accepted === "string" ? undefined : statusUrlOf(at, accepted.document);
  return url?.replace(/[^/?]+(\?.*)?$/, "{id}");
}

/** Where the job is asked for. A paid answer that leads to another host is not followed there. */
function statusUrlOf(at: Examination, { statusUrl }: Record<string, unknown>): string | undefined {
  if (typeof statusUrl !== "string" || !URL.canParse(statusUrl)) return undefined;
  return new URL(statusUrl).origin === new URL(at.probe.url).origin ? statusUrl : undefined;
}

const journals = new WeakMap<Examination, Promise<Exchange[] | string>>();

/** Every document of the job, from acceptance to end. Asked for once for all checks. */
function followed(at: Examination): Promise<Exchange[] | string> {
  const known = journals.get(at) ?? follow(at);
  journals.set(at, known);
  return known;
}

async function follow(at: Examination): Promise<Exchange[] | string> {
  const accepted = await acceptedJob(at);
  if (typeof accepted === "string") return accepted;
  const statusUrl = statusUrlOf(at, accepted.document);
  if (statusUrl === undefined) return "the 202 names no statusUrl of this host";
  const end = Date.now() + MAX_JOB_MS;
  const documents: Exchange[] = [];
  for (;;) {
    const exchange = await at.wire.send({ method: "GET", url: statusUrl });
    documents.push(exchange);
    const state = stateOf(exchange);
    if (exchange.status !== 200 || state === "succeeded" || state === "failed") return documents;
    // A word that is not known is a finding already; to go on would be to loop on it.
    if (!STATES.includes(String(state)) || Date.now() > end) return documents;
    const after = parseRetryAfter(exchange.headers.get("retry-after"), Date.now()) ?? 1_000;
    await at.wire.pause(Math.min(Math.max(after, SHORTEST_PAUSE_MS), MAX_PAUSE_MS));
  }
}
