import type { Budget } from "./budget.ts";
import type { CallName, SavedCall } from "./calls.ts";
import { type Charged, ResourceError } from "./errors.ts";
import type { Held } from "./held.ts";
import type { HttpAnswer } from "./http.ts";
import type { TrustedAsset } from "./offers.ts";
import type { ClientEvent } from "./options.ts";
import { factsOf } from "./outcome.ts";
import { type Payer, type PayOptions, pay } from "./pay.ts";

/** What decides whether to sign: the same for all calls of a client. */
export interface SigningDeps {
  readonly baseUrl: string;
  readonly budget: Budget;
  readonly held: Held;
  readonly payer: Payer | undefined;
  readonly trusted: readonly TrustedAsset[];
  readonly networks: readonly string[] | undefined;
  readonly hosts: readonly string[];
  readonly emit: (event: ClientEvent) => void;
}

/** The ceilings of one call. */
export type SigningLimits = Pick<
  PayOptions,
  "price" | "maxPrice" | "accepted" | "maxValidityMs" | "agreed" | "known" | "replaced" | "retryAt"
>;

/** A call that is to be signed. */
export type UnsignedCall = Pick<SavedCall, "request" | "fingerprint" | "isKeyRandom" | "earlier"> & CallName;

/** @throws ResourceError when nothing may be signed, or when the payment could not be stored */
export type Sign = (
  call: UnsignedCall,
  terms: Pick<HttpAnswer, "headers" | "body">,
  limits: SigningLimits,
  charged: Charged,
  store: (call: SavedCall) => Promise<SavedCall>,
) => Promise<SignedCall>;

/** Not `fresh`: another process has come first with this key, and its payment is the one to send. */
interface SignedCall {
  readonly saved: SavedCall;
  readonly fresh: boolean;
}

/** Signs the payment of a call, and stores it before it is sent. */
export function createSign(deps: SigningDeps): Sign {
  const { baseUrl, budget, held, payer, trusted, networks, hosts, emit } = deps;
  return async (call, { headers, body }, limits, charged, store) => {
    const { resource, idempotencyKey, request, fingerprint, isKeyRandom, earlier } = call;
    let fresh = false;
    const saved = await pay({
      ...limits,
      payer,
      budget,
      trusted,
      networks,
      hosts,
      resource,
      idempotencyKey,
      url: request?.url ?? "",
      headers,
      body,
      charged,
      review: held.review,
      onChallenge: (offer, usd, currency) => emit({ type: "challenged", resource, offer, usd, currency }),
      async keep(payment) {
        const createdAt = new Date().toISOString();
        const name = { baseUrl, resource, idempotencyKey };
        const own = { ...name, request, fingerprint, isKeyRandom, payment, createdAt, version: 1 } as const;
        const stored = await store(earlier ? { ...own, earlier } : own);
        fresh = stored.payment.header === payment.header;
        const { usd, currency } = payment;
        if (fresh) emit({ type: "signed", resource, usd, currency, idempotencyKey });
        return stored;
      },
    });
    mustMatch(saved, call);
    return { saved, fresh };
  };
}

/** @throws ResourceError when the key names a call with another input */
export function mustMatch(known: SavedCall, { fingerprint }: Pick<SavedCall, "fingerprint">): void {
  if (known.fingerprint === fingerprint) return;
  const message = "the idempotency key names another call, with another input";
  const reason = "key_mismatch";
  throw new ResourceError("payment_refused", message, { ...factsOf(known, "unknown"), reason });
}
