import type { Charged, PaymentState, Receipt } from "../../src/client/index.ts";
import type { ClientEvent } from "../../src/client/options.ts";

/** One payment that this process has signed. */
export interface Entry {
  readonly tool: string;
  /** US dollars as a decimal, paid in `currency`. */
  readonly usd: string;
  readonly currency: string;
  readonly idempotencyKey: string;
  /** RFC 3339. */
  readonly signedAt: string;
  /** `unknown` until the seller has said that it was settled, or that it was not used. */
  readonly charged: Charged;
  readonly paymentState?: PaymentState | undefined;
  readonly transaction?: string | undefined;
}

/** One key may name a call of each tool. */
interface Name {
  readonly resource: string;
  readonly idempotencyKey: string;
}

/** What a process has paid, call by call, as far as it was told. */
export interface SpendingLedger {
  /** Listens to the client. */
  readonly hear: (event: ClientEvent) => void;
  /** Corrects what is known of a payment, when one was signed under this key. */
  amend(call: Name, facts: Partial<Pick<Entry, "charged" | "paymentState">>): void;
  settle(call: Name, receipt: Receipt): void;
  /** Whether a payment was signed for this call. */
  isSigned(call: Name): boolean;
  receiptOf(call: Name): Receipt | undefined;
  /** Oldest first. */
  entries(): readonly Entry[];
}

export function createSpendingLedger(): SpendingLedger {
  const entries = new Map<string, Entry>();
  const receipts = new Map<string, Receipt>();

  const nameOf = ({ resource, idempotencyKey }: Name): string => JSON.stringify([resource, idempotencyKey]);

  function amend(call: Name, facts: Partial<Entry>): void {
    const entry = entries.get(nameOf(call));
    if (entry) entries.set(nameOf(call), { ...entry, ...facts });
  }

  function settle(call: Name, receipt: Receipt): void {
    receipts.set(nameOf(call), receipt);
    amend(call, { charged: "yes", paymentState: "settled", transaction: receipt.transaction });
  }

  return {
    hear(event) {
      if (event.type === "settled") settle(event, event.receipt);
      if (event.type !== "signed") return;
      const { resource: tool, usd, currency, idempotencyKey } = event;
      const signedAt = new Date().toISOString();
      entries.set(nameOf(event), { tool, usd, currency, idempotencyKey, signedAt, charged: "unknown" });
    },
    amend,
    settle,
    isSigned: (call) => entries.has(nameOf(call)),
    receiptOf: (call) => receipts.get(nameOf(call)),
    entries: () => [...entries.values()],
  };
}
