import { isRecord, sameAddress, saysShort } from "../protocol/index.ts";
import type { SignedPayment } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { brief } from "../telemetry/redact.ts";
import { systemTime, type Time } from "../time/time.ts";
import { type Endpoint, FailedReply, HttpFacilitator, NotSent } from "./endpoint.ts";
import type { Evidence } from "./evidence.ts";
import { isTransaction, networkOfV1 } from "./network.ts";
import { amountOf, signerOf } from "./payment.ts";
import { codeOf, proofOf, saysUsed } from "./words.ts";

export type Verdict =
  | { readonly verdict: "valid"; readonly payer: string | undefined }
  | { readonly verdict: "invalid"; readonly reason: string }
  | { readonly verdict: "unavailable"; readonly reason: string };

/** What the reply to a settlement proves. */
type Settlement = Extract<Evidence, { readonly evidence: "settled" | "refused" | "not-sent" | "unclear" }>;

/** Verifies and settles payments. Neither method ever rejects. */
export interface Facilitator {
  /** Asks whether a payment could be settled. Moves nothing. */
  verify(payment: SignedPayment, resource: string): Promise<Verdict>;
  /** Moves the money. The caller has stored before that it may move. */
  settle(payment: SignedPayment, resource: string): Promise<Settlement>;
}

interface FacilitatorOptions {
  readonly log: Logger;
  /** A request without a reply is aborted after so many milliseconds. @default 60000 */
  readonly timeoutMs?: number;
  /** Called after every request. */
  readonly asked?: (about: Asked) => void;
  readonly time?: Time;
}

/** What one facilitator was asked for a resource, what came of it, and how long it took in milliseconds. */
interface Asked {
  readonly question: "verify" | "settle";
  readonly resource: string;
  readonly facilitator: string;
  readonly outcome: string;
  /** The word of an unclear settlement; `other` after the first 50 words of a facilitator. */
  readonly word?: string;
  readonly ms: number;
}

/** The parts of a reply that count, each read once: a client object may return one that throws or changes when read. */
type Fields = Readonly<
  Partial<
    Record<
      "success" | "isValid" | "transaction" | "network" | "asset" | "amount" | "payer" | "reason",
      unknown
    >
  >
>;

/** `fields` are `undefined` when the body is not an object. A client object that resolves counts as status 200. */
type Reply =
  | { readonly status: number; readonly fields: Fields | undefined }
  | { readonly missing: "not-sent" | "unclear"; readonly reason: string; readonly detail: string };

const TIMEOUT_MS = 60_000;
/** A facilitator that has not replied is asked after the others for so long. */
const REST_MS = 30_000;
const MAX_WORDS = 50;

/** One facilitator, or several: where one does not reply, the next is asked. */
export function createFacilitator(
  endpoints: readonly Endpoint[],
  { log, timeoutMs = TIMEOUT_MS, asked = () => {}, time = systemTime }: FacilitatorOptions,
): Facilitator {
  const restsUntil = new Map<Endpoint, number>();
  const words = new Map<Endpoint, Set<string>>();

  function inOrder(): Endpoint[] {
    const rests = (one: Endpoint): number => Number((restsUntil.get(one) ?? 0) > time.elapsed());
    return [...endpoints].sort((a, b) => rests(a) - rests(b));
  }

  async function replyTo(
    question: "verify" | "settle",
    { client }: Endpoint,
    of: SignedPayment,
  ): Promise<Reply> {
    // A client object takes no signal.
    const abort = client instanceof HttpFacilitator ? new AbortController() : undefined;
    let isLate = false;
    let giveUp = (error: Error): void => abort?.abort(error);
    const cancel = time.after(timeoutMs, () => {
      isLate = true;
      giveUp(new Error(`no reply in ${timeoutMs} ms`));
    });
    try {
      // The official types know v2 only; on the wire both versions travel the same way.
      const args = [of.payload, of.requirements] as unknown as Parameters<typeof client.settle>;
      const body = await (client instanceof HttpFacilitator
        ? client[question](...args, abort?.signal)
        : new Promise<unknown>((resolve, reject) => {
            giveUp = reject;
            client[question](...args).then(resolve, reject);
          }));
      return { status: 200, fields: fieldsOf(body) };
    } catch (thrown) {
      return failedReply(thrown, isLate ? "timeout" : "no_reply");
    } finally {
      cancel();
    }
  }

  /** Asks, judges and reports. `answered` is false when the facilitator has said neither yes nor no. */
  async function ask<Judged extends { readonly reason?: string }>(
    question: "verify" | "settle",
    endpoint: Endpoint,
    payment: SignedPayment,
    resource: string,
    judge: (reply: Reply) => { readonly judged: Judged; readonly outcome: string },
  ): Promise<{ readonly judged: Judged; readonly answered: boolean }> {
    const begun = time.elapsed();
    const reply = await replyTo(question, endpoint, payment);
    const { judged, outcome } = judge(reply);
    const fields = "status" in reply ? reply.fields : undefined;
    const answered = typeof (question === "settle" ? fields?.success : fields?.isValid) === "boolean";
    const { name: facilitator } = endpoint;
    const about = { facilitator, question, resource };
    restsUntil.set(endpoint, answered ? 0 : time.elapsed() + REST_MS);
    if (outcome === "unclear" || outcome === "not-sent" || outcome === "unavailable") {
      const detail = "detail" in reply ? reply.detail : brief(fields?.reason);
      log.warn({ ...about, outcome, reason: judged.reason, detail }, "the facilitator gave no usable reply");
    }
    const { payer } = fields ?? {};
    const signer = signerOf(payment).toLowerCase();
    if (question === "settle" && typeof payer === "string" && payer.toLowerCase() !== signer) {
      log.warn({ ...about, payer: brief(payer), signer }, "the facilitator names another payer");
    }
    const word = outcome === "unclear" ? { word: counted(endpoint, judged.reason ?? "") } : {};
    asked({ ...about, outcome, ...word, ms: time.elapsed() - begun });
    return { judged, answered };
  }

  /** A facilitator that says ever new words must not fill the metrics. */
  function counted(endpoint: Endpoint, word: string): string {
    const known = words.get(endpoint) ?? new Set();
    words.set(endpoint, known);
    if (known.size < MAX_WORDS) known.add(word);
    return known.has(word) ? word : "other";
  }

  return {
    async verify(payment, resource) {
      let last: Verdict = { verdict: "unavailable", reason: "no_facilitator" };
      for (const endpoint of inOrder()) {
        const { judged } = await ask("verify", endpoint, payment, resource, (reply) => {
          const verdict: Verdict & { readonly reason?: string } = verdictOf(reply);
          return { judged: verdict, outcome: verdict.verdict };
        });
        last = judged;
        if (last.verdict !== "unavailable") break;
      }
      return last;
    },

    async settle(payment, resource) {
      // The nonce of an exact payment moves money once, whoever sends it; other schemes may name one facilitator.
      const several = payment.requirements.scheme === "exact" ? inOrder() : inOrder().slice(0, 1);
      let ambiguous = false;
      let last: Settlement = { evidence: "not-sent", reason: "no_facilitator" };
      for (const endpoint of several) {
        const { judged, answered } = await ask("settle", endpoint, payment, resource, (reply) => {
          const settlement: Settlement & { readonly reason?: string } = settlementOf(
            reply,
            payment,
            endpoint,
          );
          return { judged: settlement, outcome: settlement.evidence };
        });
        last = judged;
        if (last.evidence === "settled") return last;
        ambiguous ||= last.evidence === "unclear";
        if (last.evidence !== "not-sent" && answered) break;
      }
      return ambiguous ? { evidence: "unclear", reason: last.reason } : last;
    },
  };
}

/** @throws what the getters of a client object's reply throw */
function fieldsOf(body: unknown): Fields | undefined {
  if (!isRecord(body)) return undefined;
  const { success, isValid, transaction, network, asset, amount, payer, errorReason, invalidReason } = body;
  return {
    success,
    isValid,
    transaction,
    network,
    asset,
    amount,
    payer,
    reason: errorReason ?? invalidReason,
  };
}

function failedReply(thrown: unknown, reason: "timeout" | "no_reply"): Reply {
  try {
    if (thrown instanceof NotSent)
      return { missing: "not-sent", reason: thrown.message, detail: brief(thrown) };
    if (thrown instanceof FailedReply) return { status: thrown.status, fields: fieldsOf(thrown.body) };
    // The official client throws a failed reply by these names, and leaves out that it has failed.
    if (thrown instanceof Error && "statusCode" in thrown && typeof thrown.statusCode === "number") {
      const no = { SettleError: { success: false }, VerifyError: { isValid: false } }[thrown.name];
      if (no) return { status: thrown.statusCode, fields: { ...fieldsOf(thrown), ...no } };
    }
  } catch {}
  return { missing: "unclear", reason, detail: brief(thrown) };
}

/** Replies with these statuses may come from a gateway, after the facilitator was asked. */
function decides(status: number): boolean {
  return status < 500 && ![408, 409, 425, 429].includes(status);
}

function verdictOf(reply: Reply): Verdict {
  if ("missing" in reply) return { verdict: "unavailable", reason: reply.reason };
  const { status, fields } = reply;
  const isOk = status >= 200 && status < 300;
  if (fields?.isValid === true && isOk) {
    const { payer } = fields;
    return { verdict: "valid", payer: typeof payer === "string" && payer !== "" ? payer : undefined };
  }
  if (fields?.isValid === false && decides(status))
    return { verdict: "invalid", reason: invalidity(fields.reason) };
  return { verdict: "unavailable", reason: isOk ? "malformed_reply" : `http_${status}` };
}

/** Free text about a used nonce or a low balance becomes a word, since buyers are told what to do about these. */
function invalidity(reason: unknown): string {
  const text = typeof reason === "string" ? reason : "";
  const code = codeOf(text);
  if (code !== "unrecognized_reply") return code;
  if (text === "") return "invalid_payment";
  return saysUsed(text) ? "nonce_already_used" : saysShort(text) ? "insufficient_funds" : code;
}

function settlementOf(reply: Reply, payment: SignedPayment, { definite }: Endpoint): Settlement {
  if ("missing" in reply) return { evidence: reply.missing, reason: reply.reason };
  const { status, fields } = reply;
  const unclear = (reason: string): Settlement => ({ evidence: "unclear", reason });
  const isOk = status >= 200 && status < 300;
  const names = hasTransaction(fields?.transaction);
  if (typeof fields?.success !== "boolean") {
    // The request was not authorized, or the address has no facilitator.
    if ((status === 401 || status === 404) && !names)
      return { evidence: "not-sent", reason: `http_${status}` };
    return unclear(isOk ? "malformed_reply" : `http_${status}`);
  }
  if (fields.success) return isOk ? settledBy(fields, payment) : unclear(`http_${status}`);
  const reason = codeOf(fields.reason);
  return names || !decides(status) ? unclear(reason) : { evidence: proofOf(fields.reason, definite), reason };
}

/** A success is believed for what was asked for, and with a transaction that can be looked up. */
function settledBy({ transaction, network, asset, amount }: Fields, payment: SignedPayment): Settlement {
  const unclear = (reason: string): Settlement => ({ evidence: "unclear", reason });
  if (!isTransaction(payment.network, transaction)) return unclear("success_without_transaction");
  if (typeof network !== "string" || networkOfV1(network) !== payment.network)
    return unclear("other_network");
  const isOther = (said: unknown, same: (text: string) => boolean): boolean =>
    said !== undefined &&
    said !== null &&
    !same(`${typeof said === "number" || typeof said === "string" ? said : ""}`);
  if (isOther(amount, (text) => text === amountOf(payment))) return unclear("other_amount");
  if (isOther(asset, (text) => sameAddress(payment.network, payment.requirements.asset, text))) {
    return unclear("other_asset");
  }
  return { evidence: "settled", transaction };
}

/** Whether a reply says that something was sent. What is neither empty nor zero counts, whatever its form. */
function hasTransaction(transaction: unknown): boolean {
  if (transaction === undefined || transaction === null) return false;
  return typeof transaction !== "string" || !/^(0x0*)?$/.test(transaction);
}
