import { rejectionOf } from "../../../src/client/outcome.ts";
import { findAsset, isRecord, saysShort } from "../../../src/protocol/index.ts";
import { isShareable } from "../caching.ts";
import { jsonOf } from "../challenge.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
import { ANOTHER_INPUT, type Examination, type TrialPurchase } from "../examination.ts";
import { probeRequestOf } from "../operation.ts";
import { trialReceiptOf } from "../purchase.ts";
import { isSameSale, moneyObjection } from "../replay.ts";
import { evidenceOf, type ProbeExchange } from "../wire.ts";

const RECEIPT = ["payment-response"];

/** The check that all other paid checks depend on. */
export const PAID_ANSWER = "paid-answer";

export const PAID_CHECKS: readonly Check[] = [
  {
    id: PAID_ANSWER,
    title: "A valid payment buys the resource",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A buyer who pays must get the resource.",
    source: "x402 v2 HTTP transport, Settlement Response Delivery",
    fix: "Read the reason in the response. Most often the facilitator, the network or the offer does not match the payment.",
    look: async (at) => {
      const purchase = await at.purchase();
      if (typeof purchase === "string") return skipped(purchase);
      if (purchase.bought) return PASSED;
      const short = shortOf(purchase);
      if (short) return skipped(short);
      const declined = purchase.answers.find(isDeclined);
      if (declined && !charged(purchase)) {
        return skipped(
          `the resource refuses this input with ${declined.status} after payment, without charging; ${ANOTHER_INPUT}`,
        );
      }
      const worst = purchase.answers.find(({ status }) => status >= 500) ?? purchase.answers[0];
      const what = charged(purchase)
        ? "The payment is settled, but the response is not a success."
        : "A valid payment does not buy the resource.";
      return fault(what, worst ? evidenceOf(worst, RECEIPT) : "no response");
    },
  },
  {
    id: "paid-receipt",
    title: "A paid response carries a receipt",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Without a receipt, the buyer cannot tell what was charged, and cannot prove it.",
    source: "x402 v2 §5.3 SettlementResponse; HTTP transport",
    fix: "Send PAYMENT-RESPONSE: base64 of JSON with success, transaction, network and payer.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const { purchase, answer } = bought;
      const receipt = trialReceiptOf(answer);
      const body = jsonOf(answer);
      if (!receipt && isRecord(body) && body.paymentState === "in_flight")
        return skipped("the settlement is not confirmed yet");
      if (!receipt)
        return fault("There is no readable PAYMENT-RESPONSE header.", evidenceOf(answer, RECEIPT));
      const wrong: string[] = [];
      if (!receipt.success) wrong.push("success is false");
      if (receipt.success && !receipt.transaction) wrong.push("transaction is empty");
      if (receipt.network !== purchase.offer.network) wrong.push(`network is ${receipt.network}`);
      if (receipt.amount !== undefined && BigInt(receipt.amount) > BigInt(purchase.offer.amount)) {
        wrong.push(`amount ${receipt.amount} is more than ${purchase.offer.amount}`);
      }
      return wrong.length === 0
        ? PASSED
        : fault(`The receipt is wrong: ${wrong.join("; ")}.`, JSON.stringify(receipt));
    },
  },
  {
    id: "paid-caching",
    title: "No shared cache may store a paid response",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A shared cache would give other clients what one buyer paid for.",
    source: "RFC 9111 §3 and §5.2.2.7",
    fix: "Send Cache-Control: private, or no-store, with every paid response.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const { answer } = bought;
      return !isShareable(answer)
        ? PASSED
        : fault("A shared cache may store the paid response.", evidenceOf(answer, ["cache-control"]));
    },
  },
  {
    id: "paid-concurrent",
    title: "One signature, sent three times at once, buys once",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Between verify and settle, one signature is valid for any number of requests. The seller then works for each request and is paid once, or charges the buyer twice.",
    source: "practice: x402 issues 803 and 1805; EIP-3009 nonces",
    fix: "Store the payment's nonce before the work starts, and make a second request with the same nonce wait for the response to the first.",
    look: async (at) => {
      const purchase = await at.purchase();
      if (typeof purchase === "string") return skipped(purchase);
      const found: Fault[] = [];
      const good = purchase.answers.filter(isGood);
      const transactions = new Set(good.flatMap((one) => trialReceiptOf(one)?.transaction || []));
      const evidence = purchase.answers.map((one) => evidenceOf(one)).join("\n");
      if (transactions.size > 1)
        found.push({ what: `The payment was settled ${transactions.size} times.`, evidence });
      const [first] = good;
      if (first && good.some((one) => !isSameSale(first, one))) {
        found.push({ what: `One payment bought ${good.length} different responses.`, evidence });
      }
      const failed = purchase.answers.find(({ status, headers }) => {
        // A Retry-After is a valid response; a bare 5xx is not.
        return status === 0 || (status >= 500 && !(status === 503 && headers.has("retry-after")));
      });
      // One failure among three is a race. When all three fail, the check paid-answer reports it.
      if (failed && good.length > 0)
        found.push({
          what: "One of the three requests makes the server fail.",
          evidence: evidenceOf(failed),
        });
      return faults(found);
    },
  },
  {
    id: "paid-replay",
    title: "A repeated paid call gets the same response",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "If the response is lost, the buyer has paid without getting anything, and a client that signs again pays twice.",
    source: "x402 extension payment-identifier; draft-ietf-httpapi-idempotency-key-header-07 §2.6",
    fix: "Store the response with the payment's nonce and the key, and send it again.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const { purchase, answer } = bought;
      const again = await at.wire.send(purchase.ask);
      const evidence = `${evidenceOf(answer)}\n${evidenceOf(again)}`;
      if (!isGood(again)) return fault(`The server answers ${again.status} to the repeated call.`, evidence);
      // The check paid-concurrent compares the first three.
      const before = purchase.answers.filter(isGood);
      const charges = before.flatMap((one) => trialReceiptOf(one)?.transaction || []);
      const charge = trialReceiptOf(again)?.transaction;
      if (charge && charges.length > 0 && !charges.includes(charge)) {
        return fault("The server charged the repeated call again.", [...charges, charge].join("\n"));
      }
      if (!before.some((one) => isSameSale(one, again))) {
        return fault("The repeated call gets another response.", evidence);
      }
      const objection = before.map((one) => moneyObjection(one, again)).find((one) => one !== undefined);
      return objection === undefined
        ? PASSED
        : fault(`The repeated call takes back what was said about the money: ${objection}.`, evidence);
    },
  },
  {
    id: "paid-conflict",
    title: "The server refuses the same key with another input",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A client that reuses a key by mistake gets the response to another input, or pays once for two calls.",
    source: "draft-ietf-httpapi-idempotency-key-header-07 §2.7 (422); payment-identifier (409)",
    fix: "Bind the key to a fingerprint of the input, and answer 422 (or 409) when it differs.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const other = otherInput(at);
      if (other === undefined) return skipped("no second input with the same price is known");
      const { body: _, ...rest } = bought.purchase.ask;
      const { url, body } = probeRequestOf(at.operation, other);
      const answer = await at.wire.send({ ...rest, url, ...(body === undefined ? {} : { body }) });
      if (answer.status === 409 || answer.status === 422) return PASSED;
      const what = isGood(answer)
        ? answer.body === bought.answer.body
          ? "Another input gets the response to the first input."
          : "One payment buys a second input."
        : `The server answers ${answer.status} to another input with the same key and payment.`;
      return fault(what, evidenceOf(answer));
    },
  },
];

function isGood({ status }: ProbeExchange): boolean {
  return status >= 200 && status < 300;
}

/** A refusal because of the input or the work, not because of the payment. */
function isDeclined({ status }: ProbeExchange): boolean {
  return status >= 400 && status < 500 && status !== 402 && status !== 412;
}

/** The reason to skip when the wallet's balance is too low, which is not the seller's fault. */
function shortOf(purchase: TrialPurchase): string | undefined {
  if (charged(purchase)) return undefined;
  const { offer, usd, answers } = purchase;
  const reasons = answers.flatMap((answer) => (answer.status === 402 ? (rejectionOf(answer) ?? []) : []));
  const reason = reasons.find(saysShort);
  if (reason === undefined) return undefined;
  const symbol = findAsset(offer.network, offer.asset)?.symbol ?? offer.asset;
  return `the balance is too low: ${usd} ${symbol} is needed on ${offer.network} (the seller's reason: ${reason})`;
}

function charged({ answers }: TrialPurchase): boolean {
  return answers.some((answer) => trialReceiptOf(answer)?.success === true);
}

async function boughtBy(
  at: Examination,
): Promise<{ readonly purchase: TrialPurchase; readonly answer: ProbeExchange } | string> {
  const purchase = await at.purchase();
  if (typeof purchase === "string") return purchase;
  return purchase.bought ? { purchase, answer: purchase.bought } : "nothing was bought";
}

/** The same input with one free text field changed. */
function otherInput(at: Examination): unknown {
  const { value } = at.sample;
  if (!isRecord(value)) return undefined;
  for (const [name, one] of Object.entries(value)) {
    if (typeof one !== "string") continue;
    const schema = at.shape?.fields.find((field) => field.name === name)?.schema ?? {};
    const isUrl = /^https?:\/\//.test(one);
    // Another query fits the pattern of an address, as a rule.
    if (schema.enum !== undefined || schema.const !== undefined || (schema.pattern !== undefined && !isUrl))
      continue;
    const changed = isUrl
      ? `${one}${one.includes("?") ? "&" : "?"}again=1`
      : one.replace(/.$/s, (last) => (last === "a" ? "b" : "a"));
    if (schema.format !== undefined && !isUrl) continue;
    return { ...value, [name]: changed };
  }
  return undefined;
}
