import { rejectionOf } from "../../client/outcome.ts";
import { findAsset, isRecord, saysShort } from "../../protocol/index.ts";
import { jsonOf } from "../challenge.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
import { ANOTHER_INPUT, type Examination, type Purchase } from "../examination.ts";
import { requestOf } from "../operation.ts";
import { receiptOf } from "../purchase.ts";
import { type Exchange, evidenceOf } from "../wire.ts";

const RECEIPT = ["payment-response"];

/** The check without which nothing else that is paid for can be examined. */
export const PAID_ANSWER = "paid-answer";

export const PAID_CHECKS: readonly Check[] = [
  {
    id: PAID_ANSWER,
    title: "A valid payment buys the resource",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "It is what the resource is for.",
    source: "x402 v2 HTTP transport, Settlement Response Delivery",
    fix: "See the reason in the answer: most often the facilitator, the network or the offer does not fit the payment.",
    look: async (at) => {
      const purchase = await at.purchase();
      if (typeof purchase === "string") return skipped(purchase);
      if (purchase.bought) return PASSED;
      const short = shortOf(purchase);
      if (short) return skipped(short);
      const declined = purchase.answers.find(isDeclined);
      if (declined && !charged(purchase)) {
        return skipped(
          `the resource refuses this input with ${declined.status} once it is paid for, and charges nothing; ${ANOTHER_INPUT}`,
        );
      }
      const worst = purchase.answers.find(({ status }) => status >= 500) ?? purchase.answers[0];
      const what = charged(purchase)
        ? "The payment is settled, and the answer is no success."
        : "A valid payment does not buy the resource.";
      return fault(what, worst ? evidenceOf(worst, RECEIPT) : "no answer");
    },
  },
  {
    id: "paid-receipt",
    title: "A paid answer carries a receipt",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Without it the buyer cannot tell what was charged, nor prove it.",
    source: "x402 v2 §5.3 SettlementResponse; HTTP transport",
    fix: "Send PAYMENT-RESPONSE: base64 of JSON with success, transaction, network and payer.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const { purchase, answer } = bought;
      const receipt = receiptOf(answer);
      const body = jsonOf(answer);
      if (!receipt && isRecord(body) && body.paymentState === "in_flight")
        return skipped("the settlement is not confirmed yet");
      if (!receipt)
        return fault("There is no PAYMENT-RESPONSE that can be read.", evidenceOf(answer, RECEIPT));
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
    title: "A paid answer is kept by nobody else",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "A shared cache would give to others what one has paid for.",
    source: "RFC 9111 §5.2.2.7",
    fix: "Send Cache-Control: private, or no-store, with every paid answer.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const { answer } = bought;
      return /\bprivate\b|\bno-store\b/i.test(answer.headers.get("cache-control") ?? "")
        ? PASSED
        : fault("A shared cache may keep the paid answer.", evidenceOf(answer, ["cache-control"]));
    },
  },
  {
    id: "paid-concurrent",
    title: "One signature, sent three times at once, buys once",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Between verify and settle one signature is good for any number of requests: the work is done for each and paid for once, or the buyer is charged twice.",
    source: "practice: x402 issues 803 and 1805; EIP-3009 nonces",
    fix: "Write down the payment's nonce before the work starts, and let a second request with it wait for the answer of the first.",
    look: async (at) => {
      const purchase = await at.purchase();
      if (typeof purchase === "string") return skipped(purchase);
      const found: Fault[] = [];
      const good = purchase.answers.filter(isGood);
      const transactions = new Set(good.flatMap((one) => receiptOf(one)?.transaction || []));
      const evidence = purchase.answers.map((one) => evidenceOf(one)).join("\n");
      if (transactions.size > 1) found.push({ what: `It was settled ${transactions.size} times.`, evidence });
      if (new Set(good.map(({ body }) => body)).size > 1) {
        found.push({ what: `It bought ${good.length} different answers.`, evidence });
      }
      const failed = purchase.answers.find(({ status, headers }) => {
        // Come back later is an answer; I do not know is none.
        return status === 0 || (status >= 500 && !(status === 503 && headers.has("retry-after")));
      });
      // One failure among three is a race; all three are paid-answer's to tell.
      if (failed && good.length > 0)
        found.push({ what: "One of the three makes the server fail.", evidence: evidenceOf(failed) });
      return faults(found);
    },
  },
  {
    id: "paid-replay",
    title: "The same paid call again gives the same answer",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "When the answer is lost on the way, the buyer has paid and has nothing; a client that signs again pays twice.",
    source: "x402 extension payment-identifier; draft-ietf-httpapi-idempotency-key-header-07 §2.6",
    fix: "Keep the answer beside the payment's nonce and the key, and give it again.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const { purchase, answer } = bought;
      const again = await at.wire.send(purchase.ask);
      const evidence = `${evidenceOf(answer)}\n${evidenceOf(again)}`;
      if (!isGood(again))
        return fault(`The same call is answered ${again.status} the second time.`, evidence);
      // Whether the first three were one is paid-concurrent's to tell.
      const before = purchase.answers.filter(isGood);
      const charges = before.flatMap((one) => receiptOf(one)?.transaction ?? []);
      const charge = receiptOf(again)?.transaction;
      if (charge !== undefined && charges.length > 0 && !charges.includes(charge)) {
        return fault("The same call was charged again.", [...charges, charge].join("\n"));
      }
      return before.some(({ body }) => withoutMoney(body) === withoutMoney(again.body))
        ? PASSED
        : fault("The same call gives another answer.", evidence);
    },
  },
  {
    id: "paid-conflict",
    title: "The same key with another input is refused",
    severity: "error",
    scope: "resource",
    paid: true,
    why: "Whoever uses a key twice by mistake gets the answer to another question, or pays once for two.",
    source: "draft-ietf-httpapi-idempotency-key-header-07 §2.7 (422); payment-identifier (409)",
    fix: "Bind the key to a fingerprint of the input, and answer 422 (or 409) when it differs.",
    look: async (at) => {
      const bought = await boughtBy(at);
      if (typeof bought === "string") return skipped(bought);
      const other = otherInput(at);
      if (other === undefined) return skipped("no second input is known that costs the same");
      const { body: _, ...rest } = bought.purchase.ask;
      const { url, body } = requestOf(at.operation, other);
      const answer = await at.wire.send({ ...rest, url, ...(body === undefined ? {} : { body }) });
      if (answer.status === 409 || answer.status === 422) return PASSED;
      const what = isGood(answer)
        ? answer.body === bought.answer.body
          ? "Another input is given the answer to the first."
          : "One payment buys a second input."
        : `Another input with the same key and payment is answered ${answer.status}.`;
      return fault(what, evidenceOf(answer));
    },
  },
];

function isGood({ status }: Exchange): boolean {
  return status >= 200 && status < 300;
}

/** A refusal that is about the input or the work, and not about the payment. */
function isDeclined({ status }: Exchange): boolean {
  return status >= 400 && status < 500 && status !== 402 && status !== 412;
}

/** Why nothing is bought that is no fault of the seller: the account holds too little. */
function shortOf(purchase: Purchase): string | undefined {
  if (charged(purchase)) return undefined;
  const { offer, usd, answers } = purchase;
  const reasons = answers.flatMap((answer) => (answer.status === 402 ? (rejectionOf(answer) ?? []) : []));
  const reason = reasons.find(saysShort);
  if (reason === undefined) return undefined;
  const symbol = findAsset(offer.network, offer.asset)?.symbol ?? offer.asset;
  return `the account does not hold enough: ${usd} ${symbol} is needed on ${offer.network} (the seller's word: ${reason})`;
}

function charged({ answers }: Purchase): boolean {
  return answers.some((answer) => receiptOf(answer)?.success === true);
}

async function boughtBy(
  at: Examination,
): Promise<{ readonly purchase: Purchase; readonly answer: Exchange } | string> {
  const purchase = await at.purchase();
  if (typeof purchase === "string") return purchase;
  return purchase.bought ? { purchase, answer: purchase.bought } : "nothing was bought";
}

/** The same input with one free text changed. */
function otherInput(at: Examination): unknown {
  const { value } = at.sample;
  if (!isRecord(value)) return undefined;
  for (const [name, one] of Object.entries(value)) {
    if (typeof one !== "string") continue;
    const schema = at.shape?.fields.find((field) => field.name === name)?.schema ?? {};
    if (schema.enum !== undefined || schema.pattern !== undefined || schema.const !== undefined) continue;
    const isUrl = /^https?:\/\//.test(one);
    const changed = isUrl
      ? `${one}${one.includes("?") ? "&" : "?"}again=1`
      : one.replace(/.$/s, (last) => (last === "a" ? "b" : "a"));
    if (schema.format !== undefined && !isUrl) continue;
    return { ...value, [name]: changed };
  }
  return undefined;
}

/** A job's 202 says how its money stands when it is sent, which may change between two of them. */
function withoutMoney(body: string): string {
  try {
    const document: unknown = JSON.parse(body);
    if (!isRecord(document)) return body;
    const { paymentState, receipt, status, ...rest } = document;
    return JSON.stringify(rest);
  } catch {
    return body;
  }
}
