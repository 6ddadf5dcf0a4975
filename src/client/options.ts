import type { Duration } from "../../schema/duration.ts";
import type { Usd } from "../../schema/money.ts";
import type { PaymentRequirements, Receipt } from "../protocol/index.ts";
import type { BudgetOptions } from "./budget.ts";
import type { Calls } from "./calls.ts";
import type { JobUpdate } from "./job.ts";
import type { TrustedAsset } from "./offers.ts";
import type { Payer } from "./pay.ts";

/** Options of the generated `createClient`. */
export interface ClientOptions {
  /** Where the API is served: `https://api.example.com`. */
  readonly baseUrl: string;
  /** Signs payments: `evmPayer(account)`, or any `x402Client`. May be left out to call what is free. */
  readonly payer?: Payer;
  /** Ceilings in US dollars, checked before anything is signed. */
  readonly budget?: BudgetOptions;
  /**
   * Where calls are kept from the moment their payment is signed until their end is known, so that they can be resumed
   * after a crash: `fileCalls(directory)` of `resource402/node`, `storageCalls(localStorage)`.
   * @default memoryCalls()
   */
  readonly calls?: Calls;
  /**
   * For how long a signature may be valid: a seller that asks for more is refused (`too_long`).
   * @default the published timeout of the call and 10 minutes; 1 hour where none is published
   */
  readonly maxValidity?: Duration;
  /** Dollar tokens to trust beside those that are known. */
  readonly assets?: readonly TrustedAsset[];
  /** The networks that may be paid on, by their CAIP-2 ids: `["eip155:8453"]`. @default all on which a token is known */
  readonly networks?: readonly string[];
  /**
   * Other hosts, with their ports, by which the seller may name itself: behind a proxy it may know its inner name alone.
   * The loopback names of one port are equal without this.
   */
  readonly resourceHosts?: readonly string[];
  /** Receives every step that concerns money or waiting. An error that it throws is ignored, so that no purchase is lost. */
  readonly onEvent?: (event: ClientEvent) => void;
  /**
   * True: once the seller has taken a payment for a resource, the next call at the same exact price sends its payment
   * at once, without asking for the terms first. When the seller answers with other terms, they are checked as always,
   * and signed so that at most one of the two payments can settle. Needs a payer with `replace`, such as `evmPayer`. A call
   * that fails then has a signed payment, which counts in the budget until it is known not to settle.
   * @default false
   */
  readonly payAhead?: boolean;
  /** Request headers that the API asks for beside the payment, such as a key. They are sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** @default the global fetch */
  readonly fetch?: typeof globalThis.fetch;
  /** Timeout of one attempt, until its whole response has arrived, in milliseconds. @default 60000 */
  readonly attemptMs?: number;
  /** How often a request is sent again, always with the same key and the same signature. @default 4 */
  readonly retries?: number;
  /**
   * Milliseconds for which a call goes on being sent again, whatever `retries` says, while the server answers that it
   * is in progress, or its payment in flight: another server may need a while to take over from one that has crashed.
   * @default 60000
   */
  readonly patienceMs?: number;
  /** The most that is read of an answer, in bytes; of an error 1 MiB at most. @default 33554432 (32 MiB) */
  readonly maxAnswerBytes?: number;
}

/** Options of one call. */
export interface CallOptions {
  /** Stops the call. It does not undo a payment, and a job goes on; `pending()` lists a call that was paid for. */
  readonly signal?: AbortSignal;
  /** Names the call: sent again with the same input, it is not charged again. @default a new random key */
  readonly idempotencyKey?: string;
  /** The most that this call may cost, in US dollars, also when that is more than the published price. */
  readonly maxPrice?: Usd;
  /**
   * True: signs again under `idempotencyKey` on purpose, although an earlier payment may still settle. Both count in the
   * budget, and both may be taken. @default false
   */
  readonly renew?: boolean;
}

/** Options of one call of a job resource. */
export interface JobCallOptions extends CallOptions {
  /**
   * Where the seller is to post the job's document once it has ended, signed with `webhookSecret` of the job as
   * Standard Webhooks have it: an https address that is reachable from everywhere, at most 2,000 characters. It may
   * come late, or more than once; to wait for `result()` is as good. Sent again under the same key, a call keeps the
   * address of the first time.
   */
  readonly callbackUrl?: string;
}

/** What `onEvent` receives: the steps of a call, from its 402 to its end. */
export type ClientEvent =
  /** A 402 came. Amounts are decimal: `usd` dollars, paid in `currency`. */
  | {
      readonly type: "challenged";
      readonly resource: string;
      readonly usd: string;
      readonly currency: string;
      readonly offer: PaymentRequirements;
    }
  /** The payment was signed and stored; it has not been sent yet. */
  | {
      readonly type: "signed";
      readonly resource: string;
      readonly usd: string;
      readonly currency: string;
      readonly idempotencyKey: string;
    }
  | {
      /** Comes again with an answer that is given again: who adds up counts each `receipt.transaction` once. */
      readonly type: "settled";
      readonly resource: string;
      readonly receipt: Receipt;
      readonly idempotencyKey: string;
    }
  | {
      readonly type: "accepted";
      readonly resource: string;
      readonly jobId: string;
      readonly statusUrl: string;
    }
  | {
      readonly type: "progress";
      readonly resource: string;
      readonly jobId: string;
      readonly update: JobUpdate;
    };
