import { type Check, type CheckVerdict, type Severity, skipped } from "./check.ts";
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
import { beginExamination, type Examination } from "./examination.ts";
import type { ProbeOperation } from "./operation.ts";
import { createTrialBuyer, type Spending, type Wallet } from "./purchase.ts";
import { checkNameOf, findTarget, NothingThere } from "./target.ts";
import { createWire, Spent } from "./wire.ts";

/** One finding, with its evidence and its fix. */
export interface Finding {
  readonly check: string;
  readonly title: string;
  readonly severity: Severity;
  /** `POST /v1/caption`, or the origin when the finding concerns the whole API. */
  readonly resource: string;
  readonly what: string;
  readonly why: string;
  readonly source: string;
  /** The bytes that prove it, truncated when long. */
  readonly evidence: string;
  readonly fix: string;
}

/** The outcome of one check: executed or skipped. */
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
  /** The payments signed from the wallet, and their outcome. */
  readonly spent: readonly Spending[];
  /** Resources where nothing was bought although a wallet was given. Their paid checks did not run. */
  readonly unbought: readonly Unbought[];
  readonly requests: number;
  readonly ms: number;
}

export interface ExamineOptions {
  readonly url: URL;
  readonly method?: string | undefined;
  /** The first input to send. By default the doctor makes one from examples and schema. */
  readonly input?: unknown;
  /** Request headers for every operation, such as a key. */
  readonly headers?: Readonly<Record<string, string>>;
  /** When absent, the doctor pays nothing. */
  readonly wallet?: Wallet | undefined;
  /** Timeout of one request, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Response time above which an unpaid request is a finding, in milliseconds. @default 3000 */
  readonly slowMs?: number;
  /** @default 500 */
  readonly maxRequests?: number;
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** Called before each payment is sent. From then on the payment may be settled, whatever else happens. */
  readonly onSign?: (resource: string, usd: string) => void;
  /** Called before each check runs. */
  readonly onCheck?: (check: Ran, done: number, all: number) => void;
}

/** Paid checks run late, because some sellers give a resource away for a while after a payment. */
export const CHECKS: readonly Check[] = [
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
 * Examines one resource, or every paid operation of an API, against the practices of the field. It sends only requests
 * that any client may send, and pays only from the wallet that it is given.
 * @throws NothingThere when the address has nothing to examine.
 */
export async function examine(options: ExamineOptions): Promise<Report> {
  const begun = performance.now();
  const { url, method, input, headers = {}, wallet, slowMs = 3_000, onCheck = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const wire = createWire({
    timeoutMs: options.timeoutMs ?? 10_000,
    maxRequests: options.maxRequests ?? 500,
    signal,
    fetch: options.fetch ?? fetch,
  });
  const target = await findTarget(wire, { url, method: method?.toUpperCase(), input, headers }).catch(
    (error) => {
      throw error instanceof Spent
        ? new NothingThere(`${url.origin} cannot be examined: ${error.message}.`)
        : error;
    },
  );
  const buyer = createTrialBuyer(wallet, options.onSign ?? (() => {}));
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
      left.push({ name: checkNameOf(operation), reason: at });
      continue;
    }
    for (const check of CHECKS) {
      if (check.scope === "resource" || index === 0) await execute(check, at);
      done += 1;
    }
  }

  async function begin(operation: ProbeOperation): Promise<Examination | string> {
    try {
      return await beginExamination({ operation, site: target.site, wire, slowMs, buy: buyer.buy });
    } catch (error) {
      if (error instanceof Spent) return error.message;
      throw error;
    }
  }

  return {
    url: url.href,
    resources: target.operations.map(checkNameOf),
    findings: findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]),
    passed,
    skipped: unseen,
    left,
    spent: buyer.spent,
    unbought: wallet === undefined ? [] : unboughtOf(unseen, left, target.operations.map(checkNameOf)),
    requests: wire.exchanges.length,
    ms: Math.round(performance.now() - begun),
  };
}

/** One check judges the purchase first. When that check is skipped, so are all other paid checks. */
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

/** Skips a check that cannot run; the other checks still report. */
async function look(check: Check, at: Examination, signal: AbortSignal): Promise<CheckVerdict> {
  try {
    return await check.look(at);
  } catch (error) {
    signal.throwIfAborted();
    const because = error instanceof Error ? error.message : String(error);
    return skipped(error instanceof Spent ? because : `it could not run: ${because}`);
  }
}
