import { type Check, type Severity, skipped, type Verdict } from "./check.ts";
import { CHALLENGE_CHECKS } from "./checks/challenge.ts";
import { DESCRIPTION_CHECKS } from "./checks/description.ts";
import { DISCOVERY_CHECKS } from "./checks/discovery.ts";
import { ERROR_CHECKS } from "./checks/errors.ts";
import { INPUT_CHECKS } from "./checks/input.ts";
import { JOB_CHECKS } from "./checks/job.ts";
import { PAID_ANSWER, PAID_CHECKS } from "./checks/paid.ts";
import { PRICE_CHECKS } from "./checks/price.ts";
import { SEEN_CHECKS } from "./checks/seen.ts";
import { TRANSPORT_CHECKS } from "./checks/transport.ts";
import { beginExamination, type Examination, nameOf } from "./examination.ts";
import type { Operation } from "./operation.ts";
import { createBuyer, type Spending, type Wallet } from "./purchase.ts";
import { findTarget, NothingThere } from "./target.ts";
import { createWire, Spent } from "./wire.ts";

/** What was found, with the proof and the fix. */
export interface Finding {
  readonly check: string;
  readonly title: string;
  readonly severity: Severity;
  /** `POST /v1/caption`, or the origin where it concerns the whole API. */
  readonly resource: string;
  readonly what: string;
  readonly why: string;
  readonly source: string;
  /** The bytes that show it, cut where they are long. */
  readonly evidence: string;
  readonly fix: string;
}

/** A check that was carried out, or not. */
export interface Ran {
  readonly check: string;
  readonly title: string;
  readonly resource: string;
}

interface Unbought {
  readonly resource: string;
  readonly reason: string;
}

export interface Report {
  readonly url: string;
  readonly resources: readonly string[];
  readonly findings: readonly Finding[];
  readonly passed: readonly Ran[];
  readonly skipped: readonly (Ran & { readonly reason: string })[];
  /** Operations of the API that were not examined. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** What was signed from the wallet, and what became of it. */
  readonly spent: readonly Spending[];
  /** Resources that nothing was bought of, though there was a wallet: their paid part was not examined. */
  readonly unbought: readonly Unbought[];
  readonly requests: number;
  readonly ms: number;
}

export interface ExamineOptions {
  readonly url: URL;
  readonly method?: string | undefined;
  /** The input to begin with; without it one is made from examples and schema. */
  readonly input?: unknown;
  /** Absent: nothing is paid. */
  readonly wallet?: Wallet | undefined;
  /** Longest wait for one answer. @default 10000 */
  readonly timeoutMs?: number;
  /** How long an unpaid answer may take before that is a finding. @default 3000 */
  readonly slowMs?: number;
  /** @default 500 */
  readonly maxRequests?: number;
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** Told of each payment before it is sent: from then on it may be settled, whatever else happens. */
  readonly onSign?: (resource: string, usd: string) => void;
  /** Told of each check before it is carried out. */
  readonly onCheck?: (check: Ran, done: number, all: number) => void;
}

/** What is bought comes late: some sellers give away for a while what has been paid for. */
const CHECKS: readonly Check[] = [
  ...CHALLENGE_CHECKS,
  ...PRICE_CHECKS,
  ...DESCRIPTION_CHECKS,
  ...INPUT_CHECKS,
  ...ERROR_CHECKS,
  ...TRANSPORT_CHECKS,
  ...DISCOVERY_CHECKS,
  ...JOB_CHECKS,
  ...PAID_CHECKS,
  ...SEEN_CHECKS,
];

/**
 * Examines one resource, or every paid operation of an API, against the practices of the field. Sends only what
 * anybody may send; pays only from a wallet that it is given.
 * @throws NothingThere when there is nothing to be examined at the address.
 */
export async function examine(options: ExamineOptions): Promise<Report> {
  const begun = performance.now();
  const { url, method, input, wallet, slowMs = 3_000, onCheck = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const wire = createWire({
    timeoutMs: options.timeoutMs ?? 10_000,
    maxRequests: options.maxRequests ?? 500,
    signal,
    fetch: options.fetch ?? fetch,
  });
  const target = await findTarget(wire, { url, method: method?.toUpperCase(), input }).catch((error) => {
    throw error instanceof Spent
      ? new NothingThere(`${url.origin} cannot be examined: ${error.message}.`)
      : error;
  });
  const buyer = createBuyer(wallet, options.onSign ?? (() => {}));
  const left = [...target.left];
  const findings: Finding[] = [];
  const passed: Ran[] = [];
  const unseen: (Ran & { reason: string })[] = [];

  let done = 0;
  const all = target.operations.length * CHECKS.length;
  const execute = async (check: Check, at: Examination): Promise<void> => {
    const resource = check.scope === "api" ? target.site.origin : at.name;
    const ran: Ran = { check: check.id, title: check.title, resource };
    onCheck(ran, done, all);
    const verdict = await look(check, at, signal);
    if (verdict.verdict === "passed") passed.push(ran);
    else if (verdict.verdict === "skipped") unseen.push({ ...ran, reason: verdict.reason });
    else {
      const { severity, why, source, fix } = check;
      for (const one of verdict.faults) findings.push({ ...ran, severity, ...one, why, source, fix });
    }
  };
  for (const [index, operation] of target.operations.entries()) {
    const at = await begin(operation);
    if (typeof at === "string") {
      left.push({ name: nameOf(operation), reason: at });
      continue;
    }
    for (const check of CHECKS) {
      if (check.scope === "resource" || index === 0) await execute(check, at);
      done += 1;
    }
  }

  async function begin(operation: Operation): Promise<Examination | string> {
    try {
      return await beginExamination({ operation, site: target.site, wire, slowMs, buy: buyer.buy });
    } catch (error) {
      if (error instanceof Spent) return error.message;
      throw error;
    }
  }

  return {
    url: url.href,
    resources: target.operations.map(nameOf),
    findings: findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]),
    passed,
    skipped: unseen,
    left,
    spent: buyer.spent,
    unbought: wallet === undefined ? [] : unboughtOf(unseen, left, target.operations.map(nameOf)),
    requests: wire.exchanges.length,
    ms: Math.round(performance.now() - begun),
  };
}

/** What is bought is judged by one check first: where that one was not carried out, none of the paid part was. */
function unboughtOf(
  skipped: Report["skipped"],
  left: Report["left"],
  resources: readonly string[],
): Unbought[] {
  return [
    ...skipped.filter(({ check }) => check === PAID_ANSWER),
    ...left.flatMap(({ name, reason }) => (resources.includes(name) ? [{ resource: name, reason }] : [])),
  ].map(({ resource, reason }) => ({ resource, reason }));
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** A check that cannot be carried out is skipped; the others still say what they know. */
async function look(check: Check, at: Examination, signal: AbortSignal): Promise<Verdict> {
  try {
    return await check.look(at);
  } catch (error) {
    signal.throwIfAborted();
    const because = error instanceof Error ? error.message : String(error);
    return skipped(error instanceof Spent ? because : `it could not be carried out: ${because}`);
  }
}
