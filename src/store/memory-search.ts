import { byAge } from "./rules.ts";
import { isCallNamed, searchFor } from "./search.ts";
import type { CallRecord, JobRecord, RefundRecord } from "./store.ts";

interface Kept {
  readonly calls: Iterable<CallRecord>;
  readonly jobs: ReadonlyMap<string, JobRecord>;
  readonly refunds: ReadonlyMap<string, RefundRecord>;
}

/** The calls that a text names, the newest first. */
export function searchMemory({ calls, jobs, refunds }: Kept, text: string, limit: number): CallRecord[] {
  const search = searchFor(text);
  if (!search) return [];
  const { hex } = search;
  const newest = [...calls].sort((a, b) => byAge(b, a));
  const ids = [text, jobs.get(text)?.callId, refunds.get(text)?.callId];
  const indexed = newest.filter(({ id, identity }) => ids.includes(id) || identity.payer === hex);
  if (indexed.length > 0) return indexed.slice(0, limit);
  const refunded = [...refunds.values()].filter(
    ({ transaction }) => hex !== undefined && transaction?.toLowerCase() === hex,
  );
  return newest
    .filter((call) => isCallNamed(call, search) || refunded.some(({ callId }) => callId === call.id))
    .slice(0, limit);
}
