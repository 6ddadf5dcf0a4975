import { formatAtomic } from "../../schema/money.ts";
import { kindOf } from "../../src/ledger/step.ts";
import { paymentStateOf, statusOf } from "../../src/store/state.ts";
import type { CallRecord, JobRecord, RefundRecord } from "../../src/store/store.ts";
import { evidenceText } from "./nodes.ts";
import { amountText, type Examined, isoTime, published, second } from "./payment-facts.ts";
import { publishedRefund, refundText } from "./refund-facts.ts";
import { whatNext } from "./what-next.ts";

/** The value of a call is kept in millionths of a dollar. */
const USD_DECIMALS = 6;

/** All that a store knows of a call. */
export interface CallReport extends Examined {
  /** `"gone"` after the retention of the job. */
  readonly job: JobRecord | "gone" | undefined;
  readonly refund: RefundRecord | undefined;
}

/** One call for a person: a line for each fact. */
export function reportText(report: CallReport): string {
  const { call, found, job, refund } = report;
  const { identity, receipt, resolution, payment } = call;
  const isPaid = payment !== undefined;
  const lines: (readonly [string, string | undefined])[] = [
    ["Call", `${call.id}, ${call.resource}, ${kindText(call)}`],
    ["Phase", `${call.phase}: ${isPaid ? PHASES[call.phase] : FREE[call.phase]}`],
    ["Buyer is told", paymentStateOf(call, isPaid)],
    [
      "Price",
      isPaid
        ? `${amountText(call)} ($${formatAtomic(BigInt(call.value), USD_DECIMALS)}) on ${identity.network}`
        : "free",
    ],
    ["Payer", identity.payer || undefined],
    ["Pays to", payment?.requirements.payTo],
    ["Nonce", isPaid ? identity.nonce : undefined],
    ["Idempotency-Key", call.key],
    ["Began", second(call.createdAt)],
    ["Answered", call.endedAt === undefined ? undefined : `${second(call.endedAt)}${statusText(call)}`],
    ["Valid before", isPaid ? second(identity.validBefore * 1000) : undefined],
    ["Submissions", isPaid ? submissionsText(call) : undefined],
    ["Transaction", receipt && `${receipt.transaction}, recorded ${second(Date.parse(receipt.settledAt))}`],
    ["Job", jobText(call, job)],
    [
      "Refund",
      refund && `${refund.id}, ${refund.amount} ${refund.currency} to ${refund.to}: ${refundText(refund)}`,
    ],
    ["Refund by hand", refund && resolutionText(refund)],
    ["Resolved by hand", resolution && resolutionText(call)],
    ["Chain", isPaid ? (found === "not-asked" ? "not asked" : evidenceText(found)) : undefined],
    ["Next", whatNext(call, job === "gone" ? undefined : job, refund)],
  ];
  return linesOf(lines);
}

/** A refund whose call is no longer kept. */
export function lostCallText(refund: RefundRecord): string {
  return linesOf([
    ["Call", `${refund.callId}, ${refund.resource}: no longer kept`],
    ["Refund", `${refund.id}, ${refund.amount} ${refund.currency} to ${refund.to}: ${refundText(refund)}`],
    ["Reason", refund.reason],
    ["Began", second(refund.createdAt)],
    ["Refund by hand", resolutionText(refund)],
  ]);
}

/** The same for programs, without signed payments, inputs and outputs. */
export function reportJson(report: CallReport): object {
  const { call, job, refund } = report;
  const { resolution, phase, receipt, key, endedAt, answer } = call;
  return {
    ...published(report),
    ...{ phase, paymentState: paymentStateOf(call, call.payment !== undefined) ?? null, key: key ?? null },
    endedAt: endedAt === undefined ? null : isoTime(endedAt),
    status: answer?.status ?? null,
    receipt: receipt ?? null,
    job: job === undefined || job === "gone" ? (job ?? null) : publishedJob(job),
    refund: refund ? publishedRefund(refund) : null,
    resolution: resolution ? { ...resolution, at: isoTime(resolution.at) } : null,
    next: whatNext(call, job === "gone" ? undefined : job, refund),
  };
}

function publishedJob(job: JobRecord): object {
  const { id, work, progress, attempt, failures, failure, endedAt, expiresAt } = job;
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : isoTime(ms));
  return {
    ...{ id, status: statusOf(job), work, progress, attempt, failures, failure: failure ?? null },
    ...{ endedAt: time(endedAt), expiresAt: time(expiresAt) },
  };
}

/** The table of docs/money.md, for an operator. */
const PHASES: Readonly<Record<CallRecord["phase"], string>> = {
  open: "nothing was sent to settle.",
  submitted: "a settlement may have been sent. Its outcome is not recorded.",
  charged: "settled. The work is not done.",
  delivered: "settled. The output is kept.",
  owed: "settled without a result. A refund is owed.",
  refunded: "settled without a result. The refund is paid.",
  kept: "settled. The buyer canceled the job under a policy without refund.",
  void: "not charged.",
};

/** A free call has fewer phases. */
const FREE: Readonly<Record<CallRecord["phase"], string>> = {
  ...PHASES,
  open: "the work is not done.",
  delivered: "free. The output is kept.",
  void: "free. The call failed.",
};

function kindText(call: CallRecord): string {
  const kind = kindOf(call);
  const isJob = call.jobId !== undefined;
  if (kind === "free") return isJob ? "a free job" : "a free synchronous call";
  return `${isJob ? "a job" : "a synchronous call"}, charged ${call.charge} the work`;
}

function statusText({ answer }: CallRecord): string {
  return answer === undefined ? "" : `, with status ${answer.status}`;
}

function submissionsText({ phase, tries, ambiguous, reason }: CallRecord): string {
  if (phase === "open") return "none";
  const parts = [
    ...(phase === "submitted" && tries > 0 ? [`${tries} without a proven outcome`] : []),
    ...(reason === undefined ? [] : [`the last reply: ${reason}`]),
    ...(ambiguous ? ["one may have moved the money: a refusal is no longer believed"] : []),
  ];
  return parts.join("; ") || "closed by evidence";
}

function jobText({ jobId }: CallRecord, job: CallReport["job"]): string | undefined {
  if (jobId === undefined) return undefined;
  if (job === undefined || job === "gone") return `${jobId}: no longer kept`;
  const parts = [
    `${jobId}: ${statusOf(job)}`,
    `attempt ${job.attempt}`,
    ...(job.failures > 0 ? [`${job.failures} failed`] : []),
    ...(job.failure ? [`${job.failure.code}: ${job.failure.error}`] : []),
  ];
  return parts.join(", ");
}

function resolutionText({ resolution }: Pick<CallRecord, "resolution">): string | undefined {
  return resolution && `by ${resolution.by}, ${second(resolution.at)}: ${resolution.why}`;
}

function linesOf(lines: readonly (readonly [string, string | undefined])[]): string {
  const shown = lines.filter(([, text]) => text !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join("\n");
}
