import { decodeHeader, isRecord } from "../../src/protocol/index.ts";

/** What a seller answered to one payment. `asked` and `answered` number the events of a run in their order. */
export interface Reply {
  readonly asked: number;
  readonly answered: number;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The words that may follow each word about the money (docs/money.md). */
const LATER: Readonly<Record<string, readonly string[]>> = {
  // A refusal that turns out to be wrong leaves a refund owed: no phase ignores a settlement.
  unused: ["unused", "refund_owed", "refunded"],
  in_flight: ["in_flight", "unused", "settled", "refund_owed", "refunded"],
  settled: ["settled", "refund_owed", "refunded"],
  refund_owed: ["refund_owed", "refunded"],
  refunded: ["refunded"],
};

const MONEY_WORD = /"paymentState":"(\w+)",?/;

/** Final answers to the same call that differ in more than the word about the money. */
export function differences(replies: readonly Reply[]): readonly string[] {
  const texts = replies
    .filter(isFinal)
    .map(({ status, body }) => `${status} ${body.replace(MONEY_WORD, "")}`);
  const different = [...new Set(texts)];
  return different.length > 1 ? [different.join(" / ")] : [];
}

/** Words about one payment that go backwards, or name another transaction than before. */
export function reversals(replies: readonly Reply[]): readonly string[] {
  const ordered = [...replies].sort((a, b) => a.answered - b.answered);
  return ordered.flatMap((before, index) =>
    ordered.slice(index + 1).flatMap((after) => {
      // Two answers that were made at the same time have no order.
      if (after.asked < before.answered) return [];
      const [word, next] = [promiseOf(before), wordOf(after)];
      const isBack = word !== undefined && next !== undefined && !(LATER[word] ?? []).includes(next);
      const [paid, now] = [transactionOf(before), transactionOf(after)];
      const isOther = paid !== undefined && now !== undefined && paid !== now;
      return [
        ...(isBack ? [`${before.status} ${word}, then ${after.status} ${next}`] : []),
        ...(isOther ? [`transaction ${paid}, then ${now}`] : []),
      ];
    }),
  );
}

/** An answer after which nothing else may be said: the result, the job, or the end of a call that was charged. */
function isFinal(reply: Reply): boolean {
  const { status } = reply;
  const word = wordOf(reply);
  return (
    status === 200 ||
    (status === 202 && word !== "in_flight") ||
    word === "refund_owed" ||
    word === "refunded"
  );
}

/** The word that binds the seller. A 503 or 429 before the settlement says `unused` and asks for the same payment again. */
function promiseOf(reply: Reply): string | undefined {
  const word = wordOf(reply);
  return word === "unused" && (reply.status >= 500 || reply.status === 429) ? undefined : word;
}

function wordOf({ body }: Reply): string | undefined {
  return MONEY_WORD.exec(body)?.[1];
}

function transactionOf({ headers }: Reply): string | undefined {
  const text = headers.get("payment-response") ?? headers.get("x-payment-response");
  const receipt = text === null ? undefined : decodeHeader(text);
  const transaction = isRecord(receipt) && receipt.success === true ? receipt.transaction : undefined;
  return typeof transaction === "string" && transaction !== "" ? transaction : undefined;
}
