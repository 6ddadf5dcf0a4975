/**
 * What a facilitator's reason for a failed settlement proves. Exact words only: a facilitator may put any text there, and
 * says many of them after it has sent the transfer. What stands in no list proves nothing.
 *
 * Sources: `@x402/evm` 2.27 (each word was followed to where it is returned), and the error table of CDP's facilitator.
 */

/** Class A: returned before anything is sent, about the payment itself. */
const REFUSALS = wordsIn(`
  invalid_exact_evm_scheme invalid_exact_evm_network_mismatch invalid_exact_evm_recipient_mismatch
  invalid_exact_evm_authorization_value invalid_exact_evm_payload_authorization_value_mismatch
  invalid_exact_evm_payload_authorization_valid_after invalid_exact_evm_payload_authorization_valid_before
  invalid_exact_evm_insufficient_balance invalid_exact_evm_failed_to_parse_signature
  eip6492_factory_not_allowed unsupported_payload_type invalid_permit2_spender
  invalid_permit2_recipient_mismatch permit2_deadline_expired permit2_not_yet_valid permit2_amount_mismatch
  permit2_token_mismatch permit2_insufficient_balance permit2_allowance_required permit2_proxy_not_deployed
  upto_facilitator_mismatch invalid_upto_evm_payload_settlement_exceeds_amount invalid_upto_evm_scheme
  invalid_upto_evm_network_mismatch insufficient_funds invalid_scheme invalid_network invalid_amount
  amount_too_low self_send_not_allowed kyt_risk_detected request_blocked_by_location permit2_disabled
  invalid_exact_evm_payload_signature invalid_exact_evm_payload_authorization_value
  invalid_exact_evm_payload_undeployed_smart_wallet
`);

/**
 * Class B: nothing was sent either, but the fault may be the node's or the seller's: a read that failed, a wrong domain in
 * the offer. The facilitator has verified the same bytes before, so they are tried again.
 */
const RETRIABLE = wordsIn(`
  invalid_exact_evm_signature invalid_exact_evm_eip3009_not_supported invalid_exact_evm_token_name_mismatch
  invalid_exact_evm_token_version_mismatch invalid_exact_evm_missing_eip712_domain
  asset_not_deployed_contract smart_wallet_deployment_failed
`);

/** Class C: said after a transfer was sent, too, or of a nonce that this very payment may have used. No seller may add them. */
const AMBIGUOUS = [
  /^invalid_exact_evm_(transaction_failed|transfer_event_mismatch|nonce_already_used|transaction_simulation_failed)$/,
  /^invalid_exact_evm_(verification_failed|failed_to_execute_transfer|failed_to_get_receipt)$/,
  /^(settlement_pending|invalid_transaction_state|invalid_payload|duplicate_settlement|unknown_error)$/,
  /^(invalid_permit2_signature|permit2_simulation_failed|permit2_invalid_|erc20_approval_)/,
  /^(invalid_upto_evm_transaction_failed|unexpected_|settle_exact_|preflight_validation_failed)|timed_out$/,
];

const CODE = /^[a-z0-9_]{1,64}$/;

/** What a reason proves, where the reply carries no transaction. `definite` are the seller's own additions to class A. */
export function proofOf(reason: unknown, definite: ReadonlySet<unknown>): "refused" | "not-sent" | "unclear" {
  if (RETRIABLE.has(reason)) return "not-sent";
  return REFUSALS.has(reason) || definite.has(reason) ? "refused" : "unclear";
}

/** A reason as a word that may be shown: free text of a facilitator may carry a node's URL and keys. */
export function codeOf(reason: unknown): string {
  return typeof reason === "string" && CODE.test(reason) ? reason : "unrecognized_reply";
}

/** @throws Error for what is not a word, or is known to be said after a transfer was sent. */
export function checkDefinite(word: unknown): void {
  const wrong =
    typeof word !== "string" || !CODE.test(word)
      ? "expected a word of lower-case letters, digits and _"
      : AMBIGUOUS.some((one) => one.test(word)) &&
        "facilitators also say this after the money has moved; remove it";
  if (wrong) throw new Error(`payments.facilitator.definite: "${String(word)}": ${wrong}`);
}

/** Whether a facilitator says that the nonce of a payment is used: by that payment, or by something else. */
export function saysUsed(reason: string): boolean {
  return /nonce\w*_used|nonce.*already|authorization is used/i.test(reason);
}

function wordsIn(list: string): ReadonlySet<unknown> {
  return new Set(list.trim().split(/\s+/));
}
