import fc from "fast-check";
import {
  FACILITATOR_WORDS,
  type HttpReply,
  jsonReply,
  type SettleAct,
  type SettleRequest,
} from "../../../src/testing/index.ts";
import type { Dice } from "../simulation.ts";

/** Stands for an API key in the addresses and texts of facilitators and nodes. No response and no log line may contain it. */
export const SECRET = "SECRET-API-KEY-7f3a";

/** Statuses that facilitators, gateways and proxies send. */
const STATUSES = [...[200, 202, 400, 401, 403, 404, 408, 409, 413, 425, 429, 500, 502, 503, 504]] as const;

/** A word that no list has, and texts of nodes and libraries. */
const UNKNOWN_WORDS = [
  "authorization_already_used",
  "already_settled",
  "duplicate_settlement",
  "already known",
  "internal_error",
  "network_error",
  "socket hang up",
  "nonce too low",
  "replacement transaction underpriced",
  "settlement_in_progress",
  "insufficient_funds_for_gas",
  "invalid_exact_evm_insufficient_balance_of_relayer",
  "INVALID_EXACT_EVM_SIGNATURE",
  " invalid_exact_evm_insufficient_balance",
  "nonce has already been used (code=NONCE_EXPIRED, version=6.13.0)",
  "FiatTokenV2: authorization is used or canceled",
  "settle failed: ECONNRESET",
  "",
  "ok",
  "declined",
  "拒否されました",
  `HTTP request failed.\n\nStatus: 503\nURL: https://node.example/v2/${SECRET}\nRequest body: {"method":"eth_getTransactionReceipt"}`,
  `Transaction receipt with hash "0x${"ab".repeat(32)}" could not be found. URL: https://node.example/v2/${SECRET}`,
  `invalid_exact_evm_transaction_failed: The request took too long to respond. URL: https://node.example/v2/${SECRET}`,
  `permit2_simulation_failed: execution reverted at https://node.example/v2/${SECRET}`,
];

/** What stands where a transaction should. */
const TRANSACTIONS: readonly unknown[] = [
  "",
  "0x",
  `0x${"0".repeat(64)}`,
  "0x1234",
  `${"ab".repeat(32)}`,
  `0x${"zz".repeat(32)}`,
  "pending",
  null,
  undefined,
  42,
  {},
  [],
  true,
];

/** A kind of reply. */
export interface ReplyKind {
  readonly name: string;
  /** Whether the money may have moved, may not have, or both happen. */
  readonly moves: "always" | "never" | "either";
  /** The facilitator lies about a definite word, or about success: only the weak invariants hold. */
  readonly lies?: true;
  reply(random: Dice, request: SettleRequest): (honest: Honest) => HttpReply;
}

type Honest = Parameters<SettleAct["reply"]>[0];

const OTHER_ADDRESS = "0x000000000000000000000000000000000000bEEF";

const payerOf = ({ payment }: SettleRequest): string =>
  String((payment.payload.authorization as { from?: unknown } | undefined)?.from);
const networkOf = ({ requirements }: SettleRequest): string => requirements.network;
const refusal = (errorReason: unknown, request: SettleRequest, more: object = {}) => ({
  success: false,
  errorReason,
  errorMessage: `The node at https://node.example/v2/${SECRET} says: ${String(errorReason).slice(0, 60)}`,
  transaction: "",
  network: networkOf(request),
  ...more,
});

/** `words`, with status 200 or a status that facilitators give them. */
const wordsOf =
  (words: readonly string[], more: (honest: Honest) => object = () => ({})): ReplyKind["reply"] =>
  (random, request) => {
    const word = random.one(words);
    const status = random.one([200, 200, 200, 400, 402, 403, 422]);
    return (honest) => jsonReply(refusal(word, request, more(honest)), status);
  };

const seedOf = (random: Dice): number => random.between(0, 2 ** 31 - 1);
const sample = <T>(random: Dice, arbitrary: fc.Arbitrary<T>): T =>
  fc.sample(arbitrary, { seed: seedOf(random), numRuns: 1 })[0] as T;

const MEMBERS = fc.record(
  {
    success: fc.oneof(fc.jsonValue(), fc.constant(false), fc.constant("true"), fc.constant(1)),
    errorReason: fc.jsonValue(),
    errorMessage: fc.jsonValue(),
    transaction: fc.jsonValue(),
    network: fc.oneof(fc.jsonValue(), fc.constant("eip155:84532")),
    payer: fc.jsonValue(),
    amount: fc.jsonValue(),
    extensions: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

const HASH = `0x${"be".repeat(32)}`;

export const SETTLE_REPLIES: readonly ReplyKind[] = [
  { name: "definite words", moves: "never", reply: wordsOf(FACILITATOR_WORDS.definite) },
  { name: "words that blame node or seller", moves: "never", reply: wordsOf(FACILITATOR_WORDS.notTheBuyer) },
  { name: "open words", moves: "either", reply: wordsOf(FACILITATOR_WORDS.open) },
  {
    name: "open words with a transaction",
    moves: "either",
    reply: wordsOf([...FACILITATOR_WORDS.open, ...FACILITATOR_WORDS.cdpOpen], (honest) => ({
      transaction: honest?.transaction || HASH,
    })),
  },
  {
    name: "definite words with a transaction",
    moves: "always",
    reply: wordsOf(FACILITATOR_WORDS.definite, (honest) => ({ transaction: honest?.transaction || HASH })),
  },
  { name: "Coinbase's definite words", moves: "never", reply: wordsOf(FACILITATOR_WORDS.cdpDefinite) },
  { name: "Coinbase's open words", moves: "either", reply: wordsOf(FACILITATOR_WORDS.cdpOpen) },
  { name: "unknown words and texts", moves: "either", reply: wordsOf(UNKNOWN_WORDS) },
  {
    name: "random text as a word",
    moves: "either",
    reply: (random, request) => {
      const word = sample(random, fc.string({ unit: "binary", maxLength: 60 }));
      return () => jsonReply(refusal(word, request));
    },
  },
  {
    name: "random JSON",
    moves: "either",
    reply: (random) => {
      const document = sample(random, fc.jsonValue());
      const status = random.one(STATUSES);
      return () => jsonReply(document, status);
    },
  },
  {
    name: "members of random types",
    moves: "either",
    reply: (random) => {
      const document = sample(random, MEMBERS);
      const status = random.one(STATUSES);
      return () => jsonReply(document, status);
    },
  },
  {
    name: "a word that is not text",
    moves: "either",
    reply: (random, request) => {
      const word = random.one<unknown>([
        { code: "WALLET_EMPTY" },
        [],
        ["declined"],
        42,
        null,
        true,
        undefined,
      ]);
      const status = random.one([200, 400, 409, 500]);
      return () => jsonReply(refusal(word, request), status);
    },
  },
  {
    name: "a huge text",
    moves: "either",
    reply: (random, request) => {
      const word = `${SECRET} `.repeat(random.between(1_000, 20_000));
      const status = random.one([200, 400, 500]);
      return () => (random.chance(0.5) ? jsonReply(refusal(word, request), status) : { status, body: word });
    },
  },
  {
    name: "no JSON: empty, HTML, text",
    moves: "either",
    reply: (random) => {
      const body = random.one([
        "",
        " ",
        "null",
        "OK",
        "<html><h1>502 Bad Gateway</h1></html>",
        `{"success":tr`,
        SECRET,
      ]);
      const status = random.one(STATUSES);
      return () => ({ status, headers: { "content-type": "text/html" }, body });
    },
  },
  {
    name: "a status and an open word",
    moves: "either",
    reply: (random, request) => {
      const status = random.one(STATUSES);
      const word = random.one([
        "settlement_in_progress",
        "internal_error",
        "timeout",
        "conflict",
        "unauthorized",
      ]);
      return () => jsonReply(refusal(word, request), status);
    },
  },
  {
    name: "a status and an error without a verdict",
    moves: "either",
    reply: (random) => {
      const status = random.one(STATUSES.filter((one) => one !== 401 && one !== 404));
      return () => jsonReply({ errorType: "internal", errorMessage: SECRET, correlationId: "x" }, status);
    },
  },
  {
    name: "401 or 404: not authorized, or no such address",
    moves: "never",
    reply: (random) => {
      const status = random.one([401, 404]);
      return () => jsonReply({ errorType: "unauthorized", errorMessage: SECRET }, status);
    },
  },
  { name: "the connection breaks", moves: "either", reply: () => () => "reset" },
  { name: "no response", moves: "either", reply: () => () => "silence" },
  {
    name: "success without a transaction",
    moves: "either",
    reply: (random, request) => {
      const transaction = random.one(TRANSACTIONS);
      return () =>
        jsonReply({ success: true, transaction, network: networkOf(request), payer: payerOf(request) });
    },
  },
  {
    name: "success for another network",
    moves: "either",
    reply: (random, request) => {
      const other = random.one<unknown>([
        "eip155:8453",
        "base",
        "",
        "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
        null,
        84532,
      ]);
      return (honest) =>
        jsonReply({
          success: true,
          transaction: honest?.transaction || HASH,
          network: other,
          payer: payerOf(request),
        });
    },
  },
  {
    name: "success for another payer",
    moves: "always",
    reply: (random, request) => {
      const payer = random.one<unknown>([
        OTHER_ADDRESS,
        "",
        "unknown",
        null,
        undefined,
        5,
        {},
        `${OTHER_ADDRESS}00`,
      ]);
      return (honest) =>
        jsonReply({
          success: true,
          transaction: honest?.transaction || HASH,
          network: networkOf(request),
          payer,
        });
    },
  },
  {
    name: "success with odd members",
    moves: "always",
    reply: (random, request) => {
      const odd = sample(
        random,
        fc.record({ amount: fc.jsonValue(), extensions: fc.jsonValue(), extra: fc.jsonValue() }),
      );
      return (honest) =>
        jsonReply({
          success: true,
          transaction: honest?.transaction || HASH,
          network: networkOf(request),
          payer: payerOf(request),
          ...odd,
        });
    },
  },
  {
    name: "a lie: a definite word after the money moved",
    moves: "always",
    lies: true,
    reply: wordsOf([...FACILITATOR_WORDS.definite, ...FACILITATOR_WORDS.cdpDefinite]),
  },
  {
    name: "a lie: success, and nothing moved",
    moves: "never",
    lies: true,
    reply: (_, request) => () =>
      jsonReply({ success: true, transaction: HASH, network: networkOf(request), payer: payerOf(request) }),
  },
];

/** One act of a kind: what happens to the money is drawn, too. */
export function actOf(kind: ReplyKind, random: Dice, request: SettleRequest): SettleAct {
  const reply = kind.reply(random, request);
  const late = random.chance(0.15);
  const moves = kind.moves === "always" || (kind.moves === "either" && random.chance(0.6));
  return {
    moves: moves && late && kind.moves === "either" ? { afterMs: random.between(200, 20_000) } : moves,
    reply,
  };
}

/** What stands where a verdict of `/verify` should. A payment that is not good is never called good. */
export function verifyReply(random: Dice): HttpReply | undefined {
  return random.one<() => HttpReply | undefined>([
    () => "reset",
    () => "silence",
    () => jsonReply(sample(random, fc.jsonValue()), random.one(STATUSES)),
    () => ({ status: random.one(STATUSES), body: random.one(["", "<html>", SECRET]) }),
    () =>
      jsonReply(
        { isValid: false, invalidReason: random.one(UNKNOWN_WORDS), invalidMessage: SECRET },
        random.one([200, 400, 500]),
      ),
    () => jsonReply({ isValid: false, invalidReason: { code: SECRET } }, random.one([200, 400, 500])),
    () => jsonReply({ isValid: "true" }),
    () => jsonReply({ isValid: 1, payer: 5 }),
    () => jsonReply({ errorType: SECRET }, random.one(STATUSES)),
  ])();
}
