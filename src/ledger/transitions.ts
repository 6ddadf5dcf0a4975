import type { CancelPolicy } from "../../schema/cancel.ts";
import type { Phase, State, Work } from "../store/state.ts";

/**
 * Every way from one state of a call to the next. docs/money.md prints these tables; a test holds them against tables
 * written by hand.
 */

/** The constants of a call choose its table. */
export type Kind = "free" | "sync-after" | "sync-before" | "job-after" | "job-before";

export type EventName =
  /** The work has ended well. The output is kept, and the money may move from here. */
  | "submit"
  /** The work has ended well, and nothing is left to settle. */
  | "output"
  /** The work has ended without an output, for good. */
  | "failure"
  /** The submission did not reach a facilitator that could have executed it. */
  | "not-sent"
  | "settled"
  /** A definite refusal. Ignored once a submission was ambiguous. */
  | "refused"
  /** No reply, or one that proves nothing. */
  | "unclear"
  /** The submission is still unclear 90 days after the call began. Its output is dropped; an operator resolves it. */
  | "aged"
  /** The chain says that the authorization is unused and has expired. */
  | "lapsed"
  /** The chain says that the nonce was used for something else. */
  | "spent-elsewhere"
  | "attempt-failed"
  | "handed-back"
  /** A server goes on with a call that was handed back. */
  | "claimed"
  /** A server goes on with a call whose server died over it. */
  | "taken-over"
  /** Its buyer did not come back to it. */
  | "abandoned"
  | "cancel"
  /** A job waited too long for its first start. */
  | "expired"
  | "resolved-paid"
  | "resolved-unpaid"
  | "refund-paid";

type StateName = `${Phase}.${Work}`;

/** Where an event leads. `deleted`: the record goes, and its key and payment are free again. */
type Target = StateName | "deleted";
type Cell =
  | Target
  /** By the published policy for cancellation. */
  | { readonly refund: Target; readonly keep: Target }
  | { readonly sync?: Target; readonly job?: Target };
type Row = Partial<Record<EventName, Cell>>;
export type Table = Partial<Record<StateName, Row>>;

/** A submission whose outcome is not recorded: `paid` and `unpaid` are where evidence leads. */
function submitted(
  self: StateName,
  paid: Cell,
  unpaid: StateName,
  resolvedPaid: Cell = paid,
  aged = self,
): Row {
  return {
    settled: paid,
    "not-sent": self,
    refused: unpaid,
    unclear: self,
    aged,
    lapsed: unpaid,
    "spent-elsewhere": unpaid,
    claimed: self,
    "taken-over": self,
    "resolved-paid": resolvedPaid,
    "resolved-unpaid": unpaid,
  };
}

/** The money has moved. Evidence that it has not contradicts the facilitator: it is logged, and changes nothing. */
const moved = (self: StateName): Row => ({
  settled: self,
  lapsed: self,
  "spent-elsewhere": self,
});
const owed = (self: StateName, refunded: StateName): Table => ({
  [self]: { ...moved(self), "refund-paid": refunded },
  [refunded]: moved(refunded),
});
/** A refusal may have been wrong: a refund is owed for what moved after all. */
const unpaid = (self: StateName, owing: StateName): Table => ({
  [self]: { settled: owing, unclear: self, lapsed: self, "spent-elsewhere": self, "resolved-paid": owing },
});

/** A submission that was unclear for too long. Its input and output are dropped: a refund is owed for what was paid. */
const AGED: Table = { "submitted.failed": submitted("submitted.failed", "owed.failed", "void.failed") };
/** A submission after the work, whose output is kept. */
const WORKED = submitted("submitted.done", "delivered.done", "void.failed", undefined, "submitted.failed");

const CANCELED = { refund: "owed.canceled", keep: "kept.canceled" } as const;

/** From a charged sync call to its end. */
const CHARGED_SYNC: Table = {
  "charged.running": {
    ...moved("charged.running"),
    output: "delivered.done",
    failure: "owed.failed",
    "handed-back": "charged.running",
    claimed: "charged.running",
    "taken-over": "charged.running",
    abandoned: "owed.failed",
  },
  "delivered.done": moved("delivered.done"),
  ...owed("owed.failed", "refunded.failed"),
  ...unpaid("void.failed", "owed.failed"),
};

/** From a charged job to its end. */
const CHARGED_JOB: Table = {
  "charged.waiting": { ...moved("charged.waiting"), cancel: CANCELED, expired: "owed.expired" },
  "charged.running": {
    ...moved("charged.running"),
    output: "delivered.done",
    failure: "owed.failed",
    "attempt-failed": "charged.waiting",
    "handed-back": "charged.waiting",
    cancel: CANCELED,
  },
  "delivered.done": moved("delivered.done"),
  "kept.canceled": moved("kept.canceled"),
  ...owed("owed.failed", "refunded.failed"),
  ...owed("owed.canceled", "refunded.canceled"),
  ...owed("owed.expired", "refunded.expired"),
  ...unpaid("void.failed", "owed.failed"),
  ...unpaid("void.canceled", "owed.canceled"),
  ...unpaid("void.expired", "owed.expired"),
};

export const TABLES: Readonly<Record<Kind, Table>> = {
  free: {
    "open.waiting": { cancel: "void.canceled", expired: "void.expired" },
    "open.running": {
      output: "delivered.done",
      failure: { sync: "deleted", job: "void.failed" },
      // Workers claim jobs in the store.
      "attempt-failed": { job: "open.waiting" },
      "handed-back": { job: "open.waiting" },
      "taken-over": { sync: "open.running" },
      abandoned: { sync: "deleted" },
      cancel: { job: "void.canceled" },
    },
    "delivered.done": {},
    "void.failed": {},
    "void.canceled": {},
    "void.expired": {},
  },
  "sync-after": {
    "open.running": {
      submit: "submitted.done",
      failure: "void.failed",
      settled: "charged.running",
      "taken-over": "open.running",
      abandoned: "deleted",
    },
    "submitted.done": WORKED,
    ...AGED,
    ...CHARGED_SYNC,
  },
  "sync-before": {
    // A resolved call is too old for its buyer to wait for the work.
    "submitted.waiting": submitted("submitted.waiting", "charged.running", "void.failed", "owed.failed"),
    ...CHARGED_SYNC,
  },
  "job-after": {
    "open.waiting": { settled: "charged.waiting", cancel: "void.canceled", expired: "void.expired" },
    "open.running": {
      submit: "submitted.done",
      failure: "void.failed",
      settled: "charged.running",
      "attempt-failed": "open.waiting",
      "handed-back": "open.waiting",
      cancel: "void.canceled",
    },
    "submitted.done": WORKED,
    ...AGED,
    ...CHARGED_JOB,
  },
  "job-before": {
    "submitted.waiting": {
      ...submitted("submitted.waiting", "charged.waiting", "void.failed", "owed.failed", "submitted.failed"),
      cancel: "submitted.canceled",
    },
    ...AGED,
    // The cancellation is remembered: paid work that is no longer wanted does not start.
    "submitted.canceled": submitted("submitted.canceled", CANCELED, "void.canceled"),
    ...CHARGED_JOB,
  },
};

export interface Constants {
  readonly kind: Kind;
  readonly isJob: boolean;
  /** Whether a job may be canceled, and what a cancellation after the charge leads to. */
  readonly cancel: CancelPolicy;
}

/** A state with what else decides about the next one. */
export interface Current extends State {
  readonly ambiguous: boolean;
}

/**
 * Where `event` leads; `undefined` when it has no place in this state and changes nothing.
 * A refusal counts only while no submission was ambiguous; afterwards it proves nothing.
 */
export function next(
  { kind, isJob, cancel }: Constants,
  { phase, work, ambiguous }: Current,
  event: EventName,
): Current | "deleted" | undefined {
  if (event === "cancel" && cancel === "forbid") return undefined;
  const heard = event === "refused" && ambiguous ? "unclear" : event;
  const cell = TABLES[kind][`${phase}.${work}`]?.[heard];
  if (cell === undefined) return undefined;
  const target =
    typeof cell === "string"
      ? cell
      : "refund" in cell
        ? cell[cancel === "keep" ? "keep" : "refund"]
        : isJob
          ? cell.job
          : cell.sync;
  if (target === undefined || target === "deleted") return target;
  const [toPhase, toWork] = target.split(".") as [Phase, Work];
  const unknown = heard === "unclear" || heard === "aged" || heard === "taken-over";
  return {
    phase: toPhase,
    work: toWork,
    ambiguous: toPhase === "submitted" && (unknown || (phase === "submitted" && ambiguous)),
  };
}
