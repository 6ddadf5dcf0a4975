import type { FacilitatorClient } from "@x402/core/server";
import { FacilitatorResponseError, FacilitatorTimeoutError } from "@x402/core/server";
import {
  type PaymentPayload,
  type PaymentRequirements,
  SettleError,
  type SettleResponse,
  VerifyError,
  type VerifyResponse,
} from "@x402/core/types";
import { cut, HTML, later, never, type Rule } from "./broken.ts";

/**
 * How a facilitator misbehaves when it is asked to settle. "After" means that the money has moved by then.
 *
 * - `cut_before`, `cut_after`: the connection breaks.
 * - `timeout_before`, `timeout_after`: no answer within `ms` (90 s, as `HTTPFacilitatorClient` waits).
 * - `silent_before`, `silent_after`: no answer, ever.
 * - `bad_gateway_before`, `bad_gateway_after`: a proxy's 502 in HTML.
 * - `html_after`: HTML with status 200.
 * - `rate_limited`: 429; nothing moves.
 * - `pending`: `settlement_pending` with status 200; the money moves `ms` (2 s) later. `pending_error`: the same with
 *   status 500, as Coinbase's facilitator has it. `pending_never`: as `pending`, and the money never moves.
 * - `refused`: the payer's balance is too low.
 * - `strict`: a payment that was settled before is refused as `invalid_exact_evm_nonce_already_used`.
 * - `idempotent`: a payment that was settled before is answered with the same transaction.
 * - `slow`: settles `ms` (5 s) later than asked.
 */
export type SettleFault =
  | `${"cut" | "timeout" | "silent" | "bad_gateway"}_${"before" | "after"}`
  | "html_after"
  | "rate_limited"
  | "pending"
  | "pending_error"
  | "pending_never"
  | "refused"
  | "strict"
  | "idempotent"
  | "slow";

/** How it misbehaves when it is asked to verify; the words are those of {@link SettleFault}. */
export type VerifyFault =
  | "verify_cut"
  | "verify_bad_gateway"
  | "verify_html"
  | "verify_rate_limited"
  | "verify_error"
  | "verify_timeout"
  | "verify_silent"
  | "verify_refused"
  | "verify_slow";

/** A rule of a hostile facilitator: which of its replies go wrong, and how. */
export type FacilitatorRule = Rule<SettleFault | VerifyFault>;

/** A facilitator that fails by rules. */
export interface HostileFacilitator extends FacilitatorClient {
  /** May be replaced at any time; counting goes on. */
  rules: readonly FacilitatorRule[];
  /** How often it has been asked. */
  readonly asked: { readonly verify: number; readonly settle: number };
}

const TIMEOUT_MS = 90_000;

/**
 * A facilitator that does what real ones have been seen to do on bad days, in the words in which
 * `HTTPFacilitatorClient` reports it. Without a rule that applies it is the one that it wraps.
 */
export function hostileFacilitator(
  facilitator: FacilitatorClient,
  rules: readonly FacilitatorRule[] = [],
): HostileFacilitator {
  const asked = { verify: 0, settle: 0 };
  const settled = new Map<string, SettleResponse>();

  async function move(payment: PaymentPayload, requirements: PaymentRequirements): Promise<SettleResponse> {
    const answer = await facilitator.settle(payment, requirements);
    if (answer.success) settled.set(JSON.stringify(payment.payload), answer);
    return answer;
  }

  async function settle(
    { mode, ms }: FacilitatorRule,
    payment: PaymentPayload,
    requirements: PaymentRequirements,
  ): Promise<SettleResponse> {
    const known = settled.get(JSON.stringify(payment.payload));
    const { network } = requirements;
    const failed = (errorReason: string, transaction = ""): SettleResponse => ({
      success: false,
      errorReason,
      transaction,
      network,
    });
    const pending = () => failed("settlement_pending", `0x${"be".repeat(32)}`);
    if (mode.endsWith("_after")) await move(payment, requirements);
    switch (mode) {
      case "cut_before":
      case "cut_after":
        throw cut();
      case "timeout_before":
      case "timeout_after":
        await later(ms ?? TIMEOUT_MS);
        throw new FacilitatorTimeoutError("settle", ms ?? TIMEOUT_MS);
      case "silent_before":
      case "silent_after":
        return never;
      case "bad_gateway_before":
      case "bad_gateway_after":
        throw new Error(`Facilitator settle failed (502): ${HTML}`);
      case "html_after":
        throw new FacilitatorResponseError("Facilitator settle returned invalid JSON");
      case "rate_limited":
        throw new Error("Facilitator settle failed (429): Too Many Requests");
      case "pending":
      case "pending_error":
        setTimeout(() => void move(payment, requirements).catch(() => {}), ms ?? 2_000);
        if (mode === "pending") return pending();
        throw new SettleError(500, pending());
      case "pending_never":
        return pending();
      case "refused":
        return failed("invalid_exact_evm_insufficient_balance");
      case "strict":
        return known ? failed("invalid_exact_evm_nonce_already_used") : move(payment, requirements);
      case "idempotent":
        return known ?? move(payment, requirements);
      default:
        await later(ms ?? 5_000);
        return move(payment, requirements);
    }
  }

  async function verify(
    { mode, ms }: FacilitatorRule,
    payment: PaymentPayload,
    requirements: PaymentRequirements,
  ): Promise<VerifyResponse> {
    switch (mode) {
      case "verify_cut":
        throw cut();
      case "verify_bad_gateway":
        throw new Error(`Facilitator verify failed (502): ${HTML}`);
      case "verify_html":
        throw new FacilitatorResponseError("Facilitator verify returned invalid JSON");
      case "verify_rate_limited":
        throw new Error("Facilitator verify failed (429): Too Many Requests");
      case "verify_error":
        throw new VerifyError(500, { isValid: false, invalidReason: "unexpected_verify_error" });
      case "verify_timeout":
        await later(ms ?? TIMEOUT_MS);
        throw new FacilitatorTimeoutError("verify", ms ?? TIMEOUT_MS);
      case "verify_silent":
        return never;
      case "verify_refused":
        return { isValid: false, invalidReason: "invalid_exact_evm_insufficient_balance" };
      default:
        await later(ms ?? 5_000);
        return facilitator.verify(payment, requirements);
    }
  }

  const hostile: HostileFacilitator = {
    rules,
    asked,
    getSupported: () => facilitator.getSupported(),
    async verify(payment, requirements) {
      asked.verify += 1;
      const rule = ruleFor(hostile.rules, asked.verify, ({ mode }) => mode.startsWith("verify_"));
      return rule ? verify(rule, payment, requirements) : facilitator.verify(payment, requirements);
    },
    async settle(payment, requirements) {
      asked.settle += 1;
      const rule = ruleFor(hostile.rules, asked.settle, ({ mode }) => !mode.startsWith("verify_"));
      return rule ? settle(rule, payment, requirements) : move(payment, requirements);
    },
  };
  return hostile;
}

function ruleFor(
  rules: readonly FacilitatorRule[],
  call: number,
  concerns: (rule: FacilitatorRule) => boolean,
): FacilitatorRule | undefined {
  return rules.find((rule) => concerns(rule) && (rule.calls?.includes(call) ?? true));
}
