import { sweepCallAt } from "../../src/store/rules.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallRecord,
  type JobRecord,
  type RefundRecord,
} from "../../src/store/store.ts";
import { second } from "./payment-facts.ts";
import { typed } from "./typed.ts";

/** What happens next to this call, who does it, and when. The rules are those of docs/money.md. */
export function whatNext(
  call: CallRecord,
  job: JobRecord | undefined,
  refund: RefundRecord | undefined,
): string {
  switch (call.phase) {
    case "open":
      return call.jobId === undefined ? openSync(call) : working(job);
    case "submitted":
      return submitted(call);
    case "charged":
      return call.jobId === undefined
        ? `The server runs the handler, or the buyer sends the request again.${at(call, " If neither happens, a refund is owed after")}`
        : working(job);
    case "delivered":
      return `Nothing. The same key or payment gets the same response until ${keptUntil(call, job)}.`;
    case "owed":
      return owed(refund);
    case "refunded":
      return "Nothing. The refund is paid.";
    case "kept":
      return "Nothing. No refund is owed under the policy that was published when the call was bought.";
    case "void":
      if (call.payment === undefined) return "Nothing. Nothing was paid.";
      return call.retryAt === undefined
        ? "Nothing. No evidence says that the payment was used."
        : `A server with an rpcUrl looks the payment up on the chain${at(call, ", not before")} If it moved after all, a refund is owed.`;
  }
}

function openSync(call: CallRecord): string {
  return call.owner === undefined
    ? "No server works on it. It is deleted, and nothing is charged."
    : "Its server runs the handler. If the server stops, the call is deleted, and nothing is charged.";
}

function working(job: JobRecord | undefined): string {
  if (job === undefined) return "Nothing: the record of its job is gone.";
  if (job.work === "running")
    return "A worker runs the job. If its server stops, another takes the job over.";
  const late =
    job.startBy === undefined ? "" : ` If none starts it until ${second(job.startBy)}, the job expires.`;
  return `A worker claims the job, not before ${second(job.runAt)}.${late}`;
}

function submitted(call: CallRecord): string {
  const unpaidFrom = second(call.identity.validBefore * 1000 + AUTHORIZATION_MARGIN_MS);
  const byHand = `By hand: ${typed(`payments resolve ${call.id} paid`)}, or after ${unpaidFrom} unpaid.`;
  if (call.retryAt === undefined)
    return `No server looks at it any longer, after 90 days without proof. ${byHand}`;
  return `A server submits the same payment again${at(call, ", not before")} With an rpcUrl it also asks the chain. ${byHand}`;
}

function owed(refund: RefundRecord | undefined): string {
  if (refund === undefined)
    return `The refund is written, and is not kept here. See: ${typed("refunds list --all")}`;
  return (
    `A server with payments.refunds pays the refund, not before ${second(refund.retryAt)}. ` +
    `By hand: ${typed(`refunds pay ${refund.id}`)}`
  );
}

/** A time that the record names, as the end of a sentence. */
function at({ retryAt }: CallRecord, before: string): string {
  return retryAt === undefined ? "." : `${before} ${second(retryAt)}.`;
}

function keptUntil(call: CallRecord, job: JobRecord | undefined): string {
  return second(Math.max(sweepCallAt(call), job?.expiresAt ?? 0));
}
