import type { ClientEvent } from "../client/exchange.ts";
import type { Charged, PaymentState, Receipt } from "../client/index.ts";

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

/** What a process has paid, call by call, as far as it was told. */
export interface Ledger {
  /** Listens to the client. */
  readonly hear: (event: ClientEvent) => void;
  /** Corrects what is known of a payment, when one was signed under this key. */
  amend(idempotencyKey: string, facts: Partial<Pick<Entry, "charged" | "paymentState">>): void;
  settle(idempotencyKey: string, receipt: Receipt): void;
  /** Whether a payment was signed under this key. */
  isSigned(idempotencyKey: string): boolean;
  receiptOf(idempotencyKey: string): Receipt | undefined;
  /** Oldest first. */
  entries(): readonly Entry[];
}

export function createLedger(): Ledger {
  const entries = new Map<string, Entry>();
  const receipts = new Map<string, Receipt>();

  function amend(idempotencyKey: string, facts: Partial<Entry>): void {
    const entry = entries.get(idempotencyKey);
    if (entry) entries.set(idempotencyKey, { ...entry, ...facts });
  }

  function settle(idempotencyKey: string, receipt: Receipt): void {
    receipts.set(idempotencyKey, receipt);
    const { transaction } = receipt;
    if (!entries.has(idempotencyKey)) return;
    amend(idempotencyKey, { charged: "yes", paymentState: "settled", transaction });
  }

  return {
    hear(event) {
      if (event.type === "settled") settle(event.idempotencyKey, event.receipt);
      if (event.type !== "signed") return;
      const { resource: tool, usd, currency, idempotencyKey } = event;
      const signedAt = new Date().toISOString();
      entries.set(idempotencyKey, { tool, usd, currency, idempotencyKey, signedAt, charged: "unknown" });
    },
    amend,
    settle,
    isSigned: (idempotencyKey) => entries.has(idempotencyKey),
    receiptOf: (idempotencyKey) => receipts.get(idempotencyKey),
    entries: () => [...entries.values()],
  };
}
