import type { CallRecord } from "./store.ts";

/** What the stores search for, in the spelling of the records. */
export interface Search {
  /** Compared with ids and keys. */
  readonly text: string;
  /** Compared with payers, nonces and transactions, which are kept in lower case; `undefined` when it is none of them. */
  readonly hex: string | undefined;
}

/** @returns `undefined` for a text that names nothing */
export function searchFor(text: string): Search | undefined {
  if (text === "") return undefined;
  return { text, hex: /^0x/i.test(text) ? text.toLowerCase() : undefined };
}

/** Whether a call is named by a text that no index finds: the id of a job whose record is gone, the key, the nonce, or the transaction that settled the payment. */
export function isCallNamed({ jobId, key, identity, receipt }: CallRecord, { text, hex }: Search): boolean {
  if ([jobId, key, identity.nonce].includes(text)) return true;
  return hex !== undefined && (identity.nonce === hex || receipt?.transaction.toLowerCase() === hex);
}
