import {
  FAULT_POINTS,
  type FacilitatorScript,
  jsonReply,
  ledgerNode,
  type NodeLies,
  RANGE_ERRORS,
  RpcError,
  type SettleRequest,
} from "../../../src/testing/index.ts";
import type { Dice } from "../simulation.ts";
import { accountOf } from "../stage.ts";
import { KINDS, type Kind } from "./api.ts";
import { type Conduct, type Deal, SELLER, type Setup } from "./arena.ts";
import { actOf, type ReplyKind, SECRET, SETTLE_REPLIES, verifyReply } from "./replies.ts";

/** What one run of an attack is made of. */
export interface Plan {
  readonly setup: Omit<Setup, "store">;
  readonly script: FacilitatorScript;
  /** The facilitator lies about a definite word. @default false */
  readonly lies?: boolean;
  /** Which deals are poisoned: all others must have come to their end before these are healed. */
  isBad?(deal: Deal, index: number): boolean;
}

export interface Attack {
  /** (i) facilitator, (ii) node, (iii) rows, (v) clocks, (vi) two at once. */
  readonly part: "i" | "ii" | "iii" | "v" | "vi";
  readonly name: string;
  plan(random: Dice): Plan;
}

const HOUR_MS = 3_600_000;

const CONDUCTS: readonly Conduct[] = [
  ...(["works", "works", "works", "works", "works", "works"] as const),
  ...(["fails", "throws", "throws oddly", "returns nonsense", "dawdles"] as const),
];

function setupOf(random: Dice, more: Partial<Setup> = {}): Plan["setup"] {
  const kinds: readonly Kind[] = more.kinds ?? KINDS;
  const conducts = kinds.map((kind) => (kind === "free" ? "works" : random.one(CONDUCTS)));
  return { kinds, conducts, node: random.chance(0.6), ...more };
}

/** The first one to three submissions of each payment are of the given kinds of reply; then the facilitator is truthful. */
function scriptOf(random: Dice, kinds: readonly ReplyKind[]): FacilitatorScript {
  const most = random.between(1, 3);
  return {
    settle(request) {
      // Refunds go the same way; most of them in peace.
      const isRefund = request.requirements.payTo.toLowerCase() !== SELLER_ADDRESS;
      if (request.times > most || (isRefund && random.chance(0.7))) return undefined;
      const kind = random.one(kinds);
      // A facilitator that refuses by a definite word what it has settled would lie.
      if (request.moved && kind.moves === "never") return undefined;
      return actOf(kind, random, request);
    },
  };
}

const SELLER_ADDRESS = accountOf(SELLER).address.toLowerCase();

const REPLY_ATTACKS = SETTLE_REPLIES.map(
  (kind): Attack => ({
    part: "i",
    name: kind.name,
    plan(random) {
      return {
        setup: setupOf(random),
        script: scriptOf(random, [kind]),
        lies: kind.lies === true,
      };
    },
  }),
);

const HONEST_KINDS = SETTLE_REPLIES.filter(({ lies }) => !lies);

const VERIFY_ATTACK: Attack = {
  part: "i",
  name: "verify: replies of all kinds",
  plan(random) {
    const most = random.between(1, 3);
    const seen = new Map<string, number>();
    return {
      setup: setupOf(random),
      script: {
        verify({ payment }) {
          const name = JSON.stringify(payment.payload);
          const times = (seen.get(name) ?? 0) + 1;
          seen.set(name, times);
          return times > most ? undefined : verifyReply(random);
        },
      },
    };
  },
};

const ANY_REPLY: Attack = {
  part: "i",
  name: "every reply another kind",
  plan: (random) => ({
    setup: setupOf(random),
    script: scriptOf(random, HONEST_KINDS),
  }),
};

/** How the facilitator leaves it open, so that the node is asked. */
const OPEN: readonly ReplyKind[] = HONEST_KINDS.filter(({ name }) =>
  ["the connection breaks", "open words", "no JSON: empty, HTML, text"].includes(name),
);

const emptyLedger = { uses: [], balanceOf: async () => 0n };

const LIES: Readonly<Record<string, (random: Dice) => NodeLies>> = {
  "logs are omitted": () => ({ omitLogs: true }),
  "the node lags": (random) => ({ blocksBehind: random.between(1, 400) }),
  "several nodes at different heights behind one URL": (random) => ({
    blocksBehind: () => (random.chance(0.5) ? 0 : random.between(1, 60)),
  }),
  "old blocks are pruned": (random) => ({ keepsBlocks: random.between(1, 120) }),
  "eth_getLogs takes few blocks": (random) => ({
    maxLogBlocks: random.one([1, 10, 100, 500, 800]),
    rangeError: random.one(Object.keys(RANGE_ERRORS) as (keyof typeof RANGE_ERRORS)[]),
  }),
  "another chain": () => ({ instead: ledgerNode(emptyLedger, { chainId: 8453 }) }),
  "errors, HTML, 429": (random) => ({
    fails: () =>
      random.chance(0.5)
        ? undefined
        : random.one([
            { status: 429, body: `{"error":"Too many requests for ${SECRET}"}` },
            { status: 503, body: "<html><h1>503</h1></html>" },
            { status: 200, body: "<html>Welcome</html>" },
            { status: 200, body: "" },
            { status: 401, body: `{"error":"invalid key ${SECRET}"}` },
            { status: 200, body: '{"jsonrpc":"2.0","id":1,"result":null}' },
            { status: 200, body: '{"jsonrpc":"2.0","id":1,"result":"0x"}' },
            { status: 200, body: '{"jsonrpc":"2.0","id":1,"result":[]}' },
          ]),
    throws: () =>
      random.chance(0.3)
        ? new RpcError(random.one([-32000, -32005, -32603, 3]), `upstream ${SECRET} failed`)
        : undefined,
  }),
  "connections break or stay silent": (random) => ({
    fails: () => (random.chance(0.5) ? random.one(["reset", "reset", "silence"] as const) : undefined),
  }),
  "another event between the two": () => ({ eventBetween: true }),
  "blocks cannot be named by hash": () => ({ refusesBlockHash: true }),
  "the tags safe and finalized are unknown": () => ({ refusesTags: true }),
  "old and simple: no hashes, no tags, ten blocks of logs": () => ({
    refusesBlockHash: true,
    refusesTags: true,
    maxLogBlocks: 10,
    rangeError: "alchemy",
  }),
};

const NODE_ATTACKS = Object.entries(LIES).map(
  ([name, lie]): Attack => ({
    part: "ii",
    name,
    plan: (random) => ({
      setup: setupOf(random, { node: true, lies: lie(random) }),
      script: scriptOf(random, OPEN),
    }),
  }),
);

const CLOCKS: Readonly<Record<string, NonNullable<Setup["skew"]>>> = {
  "the server's clock is an hour ahead": { server: HOUR_MS },
  "the server's clock is an hour behind": { server: -HOUR_MS },
  "the buyer's clock is an hour ahead": { buyer: HOUR_MS },
  "the buyer's clock is an hour behind": { buyer: -HOUR_MS },
  "the server an hour ahead, the buyer an hour behind": { server: HOUR_MS, buyer: -HOUR_MS },
  "the server an hour behind, the buyer an hour ahead": { server: -HOUR_MS, buyer: HOUR_MS },
  "server and buyer an hour ahead": { server: HOUR_MS, buyer: HOUR_MS },
};

const CLOCK_ATTACKS = Object.entries(CLOCKS).map(
  ([name, skew]): Attack => ({
    part: "v",
    name,
    plan: (random) => ({
      setup: setupOf(random, { skew }),
      script: random.chance(0.3) ? {} : scriptOf(random, OPEN),
    }),
  }),
);

const MANY: readonly Kind[] = [
  ...(["jobBefore", "syncBefore", "jobAfter", "syncAfter", "jobBefore", "syncBefore", "free"] as const),
];
const isPaid = (kind: Kind): boolean => kind !== "free";
const nonceOf = ({ payment }: SettleRequest): string =>
  String((payment.payload.authorization as { nonce?: unknown } | undefined)?.nonce).toLowerCase();

/** Some deals are poisoned; the others must end as if these were not there. */
const ROW_ATTACKS: readonly Attack[] = [
  {
    part: "iii",
    name: "the schema throws at the stored input of a paid job",
    plan: (random) => ({
      setup: setupOf(random, { kinds: MANY, poisonedInput: 0, conducts: MANY.map(() => "works") }),
      script: {},
      isBad: (_, index) => index === 0,
    }),
  },
  {
    part: "iii",
    name: "the schema throws at a stored input, and the settlement was left open",
    plan: (random) => ({
      setup: setupOf(random, { kinds: MANY, poisonedInput: random.between(0, 4) }),
      script: scriptOf(random, OPEN),
    }),
  },
  {
    part: "iii",
    name: "one refund cannot be signed",
    plan(random) {
      const bad = random.one([0, 1]);
      const conducts = MANY.map(
        (kind): Conduct => (isPaid(kind) ? random.one(["fails", "throws"]) : "works"),
      );
      return {
        setup: setupOf(random, { kinds: MANY, unsignableRefunds: [bad], conducts }),
        script: {},
        isBad: (_, index) => index === bad,
      };
    },
  },
  {
    part: "iii",
    name: "25 refunds cannot be signed, and two can",
    plan(random) {
      const kinds = Array.from({ length: 27 }, (): Kind => "syncBefore");
      return {
        setup: setupOf(random, {
          kinds,
          conducts: kinds.map(() => "fails"),
          unsignableRefunds: Array.from({ length: 25 }, (_, index) => index),
          apartMs: 400,
        }),
        script: {},
        isBad: (_, index) => index < 25,
      };
    },
  },
  {
    part: "iii",
    name: "the facilitator names an account that is none as the payer of 25",
    plan(random) {
      const kinds = Array.from({ length: 27 }, (): Kind => "syncBefore");
      const payer = random.one<unknown>(["", "unknown", `0x${"be".repeat(21)}`]);
      const seen = new Set<string>();
      return {
        setup: setupOf(random, { kinds, conducts: kinds.map(() => "fails"), apartMs: 400 }),
        script: {
          settle(request) {
            if (request.requirements.payTo.toLowerCase() !== SELLER_ADDRESS) return undefined;
            seen.add(nonceOf(request));
            if (seen.size > 25) return undefined;
            return { moves: true, reply: (honest) => jsonReply({ ...honest, payer }) };
          },
        },
        isBad: () => false,
      };
    },
  },
  {
    part: "iii",
    name: "the store fails at one row",
    plan(random) {
      const bad = random.between(0, 4);
      return {
        setup: setupOf(random, { kinds: MANY, poisonedRow: bad }),
        script: {},
        isBad: (_, index) => index === bad,
      };
    },
  },
  {
    part: "iii",
    name: "the store fails at one row, whose settlement was left open",
    plan(random) {
      const bad = random.between(0, 4);
      return { setup: setupOf(random, { kinds: MANY, poisonedRow: bad }), script: scriptOf(random, OPEN) };
    },
  },
  {
    part: "iii",
    name: "an unconfirmed settlement hangs for ten minutes, and others need a refund",
    plan(random) {
      const kinds: readonly Kind[] = [
        random.one(["syncAfter", "syncBefore"]),
        "syncBefore",
        "jobBefore",
        "jobAfter",
      ];
      let hanging: string | undefined;
      return {
        setup: setupOf(random, {
          kinds,
          conducts: ["works", "fails", "fails", "works"],
          facilitatorTimeout: "10m",
          leaves: 0,
          apartMs: 40_000,
        }),
        script: {
          settle(request) {
            hanging ??= nonceOf(request);
            if (nonceOf(request) !== hanging) return undefined;
            return { moves: false, reply: () => (request.times === 1 ? "reset" : "silence") };
          },
        },
        isBad: (_, index) => index === 0,
      };
    },
  },
];

/** A fault of each part, to be had two at a time. */
const PAIRED: Readonly<
  Record<string, (random: Dice) => { setup?: Partial<Setup>; replies?: readonly ReplyKind[] }>
> = {
  reply: (random) => ({ replies: [random.one(HONEST_KINDS)] }),
  node: (random) => {
    const name = random.one(Object.keys(LIES));
    return { setup: { node: true, lies: LIES[name]?.(random) ?? {} } };
  },
  clock: (random) => ({ setup: { skew: CLOCKS[random.one(Object.keys(CLOCKS))] ?? {} } }),
  kill: (random) => ({
    setup: {
      crashes: random.some(1, 3, () => ({ point: random.one(FAULT_POINTS), nth: random.between(1, 4) })),
    },
  }),
  input: () => ({ setup: { poisonedInput: 4 } }),
  row: (random) => ({ setup: { poisonedRow: random.between(1, 4) } }),
  refund: (random) => ({ setup: { unsignableRefunds: [random.between(1, 4)] } }),
};

const names = Object.keys(PAIRED);
const PAIR_ATTACKS = names.flatMap((first, index) =>
  names.slice(index + 1).map(
    (second): Attack => ({
      part: "vi",
      name: `${first} and ${second}`,
      plan(random) {
        const one = PAIRED[first]?.(random);
        const other = PAIRED[second]?.(random);
        const replies = [...(one?.replies ?? []), ...(other?.replies ?? [])];
        return {
          setup: setupOf(random, { ...one?.setup, ...other?.setup }),
          script: scriptOf(random, replies.length > 0 ? replies : OPEN),
        };
      },
    }),
  ),
);

/** Shows that the arena itself is sound. */
const NOTHING: Attack = {
  part: "i",
  name: "nothing goes wrong",
  plan: (random) => ({ setup: setupOf(random), script: {} }),
};

export const ATTACKS: readonly Attack[] = [
  NOTHING,
  ...REPLY_ATTACKS,
  ANY_REPLY,
  VERIFY_ATTACK,
  ...NODE_ATTACKS,
  ...ROW_ATTACKS,
  ...CLOCK_ATTACKS,
  ...PAIR_ATTACKS,
];
