import type { CallRecord } from "./records.ts";
import { byAge, hasEndedFree, isOutstanding } from "./rules.ts";

/** The calls with an index for each way to look for them, so that a begin costs the same among ten and a million. */
export function createCallIndex() {
  const calls = new Map<string, CallRecord>();
  const byPayment = new Map<string, string>();
  const byKey = new Map<string, string>();
  const alike = new Map<string, Set<string>>();
  const scheduled = new Set<string>();
  const free = new Set<string>();
  const unpaid = new Map<string, Set<string>>();

  const paymentOf = ({ identity }: Pick<CallRecord, "identity">) =>
    JSON.stringify([identity.network, identity.payer, identity.nonce]);
  const keyOf = ({ resource, identity, key }: Pick<CallRecord, "resource" | "identity" | "key">) =>
    JSON.stringify([resource, identity.payer, key]);
  const purchaseOf = ({ identity, fingerprint }: CallRecord) => JSON.stringify([identity.payer, fingerprint]);

  return {
    get: (id: string) => calls.get(id),
    all: () => calls.values(),
    due: (at: number) => those(scheduled, calls).filter(({ retryAt = Infinity }) => retryAt <= at),
    /** How many free calls without a job are kept. */
    free: () => free.size,

    put(call: CallRecord): void {
      const before = calls.get(call.id);
      calls.set(call.id, call);
      if (!before) {
        byPayment.set(paymentOf(call), call.id);
        if (call.key !== undefined) byKey.set(keyOf(call), call.id);
        enlist(alike, purchaseOf(call), call.id, true);
      } else if (before.key !== call.key) {
        // Of what a call is found by, a change may only free its key.
        if (before.key !== undefined) byKey.delete(keyOf(before));
        if (call.key !== undefined) byKey.set(keyOf(call), call.id);
      }
      mark(scheduled, call.id, call.retryAt !== undefined);
      mark(free, call.id, call.payment === undefined && call.jobId === undefined);
      enlist(unpaid, call.identity.payer, call.id, isOutstanding(call));
    },

    drop(call: CallRecord): void {
      calls.delete(call.id);
      byPayment.delete(paymentOf(call));
      if (call.key !== undefined) byKey.delete(keyOf(call));
      enlist(alike, purchaseOf(call), call.id, false);
      scheduled.delete(call.id);
      free.delete(call.id);
      enlist(unpaid, call.identity.payer, call.id, false);
    },

    holder(by: Pick<CallRecord, "resource" | "identity" | "key">): CallRecord | undefined {
      const id = byPayment.get(paymentOf(by)) ?? (by.key === undefined ? undefined : byKey.get(keyOf(by)));
      return id === undefined ? undefined : calls.get(id);
    },

    /** The last call of this payer with this fingerprint, if it began no earlier than `since`. */
    lastAlike(call: CallRecord, since: number): CallRecord | undefined {
      return those(alike.get(purchaseOf(call)) ?? [], calls)
        .filter((one) => one.createdAt >= since && !hasEndedFree(one))
        .sort(byAge)
        .at(-1);
    },

    outstanding: (payer: string, settleableSince: number | undefined): number =>
      those(unpaid.get(payer) ?? [], calls)
        .filter((call) => isOutstanding(call, settleableSince))
        .reduce((sum, call) => sum + call.value, 0),
  };
}

/** The records of these ids. */
export function those<T>(ids: Iterable<string>, records: ReadonlyMap<string, T>): T[] {
  const found: T[] = [];
  for (const id of ids) {
    const record = records.get(id);
    if (record) found.push(record);
  }
  return found;
}

export function mark(set: Set<string>, id: string, present: boolean): void {
  if (present) set.add(id);
  else set.delete(id);
}

function enlist(sets: Map<string, Set<string>>, name: string, id: string, present: boolean): void {
  const set = sets.get(name) ?? new Set();
  mark(set, id, present);
  if (set.size > 0) sets.set(name, set);
  else sets.delete(name);
}
