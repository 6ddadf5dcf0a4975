import { isChargedBefore, isJob } from "./api.ts";
import type { Arena, Deal, Told } from "./arena.ts";
import { parse } from "./buyers.ts";
import { SECRET } from "./replies.ts";

/** What must never be, judged on the truth: the ledger, the runs of the handlers, and what buyers were told. */
export const RULES = [
  /** A 402, "unused" or `charged: "no"` after the money of this payment had moved, and no refund is paid or owed. */
  "told no",
  /** Money moved, and the purchase is not delivered, not refunded, not owed, and not listed as unconfirmed. */
  "paid, no end",
  /** Two charges for one purchase. */
  "charged twice",
  /** More was paid back than was charged, or to an account that is not the signer's. */
  "refund astray",
  /** A handler was started without its evidence. */
  "ran unpaid",
  /** A result was given, and no money moved. */
  "given away",
  /** Something is undecided although a truthful node was there until long after. */
  "stuck",
  /** A bad row stopped the others. */
  "others stopped",
  /** A 500 without a cause in the handler, text of an exception, or an error that is not of this library. */
  "raw error",
  "secret in a response",
  "secret in the log",
  /** A free call was not answered. */
  "free refused",
  /** The attack itself did not run. */
  "harness failed",
] as const;
export type Rule = (typeof RULES)[number];

/** The rules that hold even where a facilitator lies about a definite word. */
const UNDER_LIES: readonly Rule[] = [
  ...(["charged twice", "stuck", "others stopped"] as const),
  ...(["raw error", "secret in a response", "secret in the log", "free refused", "harness failed"] as const),
];

/** Texts of exceptions, which no buyer may see. */
const RAW =
  /TypeError|at Object\.|node_modules|\.ts:\d+|Cannot read prop|is not a function|ECONNRESET|fetch failed|checksum mismatch|the machine is broken|refused to sign/;

export interface Listing {
  readonly owed: string;
  readonly unconfirmed: string;
}

/** What the operator is shown as owed and as unconfirmed. */
export function listingOf(admin: Record<string, unknown>): Listing {
  const { owed, unconfirmed } = admin;
  const text = (value: unknown): string => JSON.stringify(value ?? []).toLowerCase();
  return { owed: text(owed), unconfirmed: text(unconfirmed) };
}

/** Judges everything once nothing is left to happen. `lies`: the facilitator lied about a definite word. */
export function judge(arena: Arena, listing: Listing, lies: boolean): void {
  for (const deal of arena.deals) {
    if (deal.kind === "free") judgeFree(arena, deal);
    else judgeDeal(arena, deal, listing);
    for (const text of deal.told) judgeText(arena, deal, text);
  }
  judgeRefunds(arena);
  if (!lies) return;
  // With a node, even a wrong refusal ends in a refund.
  const isKept = (rule: Rule) => UNDER_LIES.includes(rule) || (rule === "paid, no end" && arena.setup.node);
  const kept = arena.found.filter(({ rule }) => isKept(rule));
  arena.found.splice(0, arena.found.length, ...kept);
}

function judgeFree(arena: Arena, deal: Deal): void {
  if (deal.conduct !== "works") return;
  if (deal.outcome?.state !== "delivered")
    arena.say("free refused", deal, deal.outcome?.why ?? describe(deal.told.at(-1)));
}

function judgeDeal(arena: Arena, deal: Deal, listing: Listing): void {
  const moved = arena.moved(deal);
  const refunds = arena.ledger.uses.filter(
    ({ authorizer, transfer }) =>
      isSame(authorizer, arena.till.address) && transfer && isSame(transfer.to, deal.account.address),
  );
  const address = deal.account.address.toLowerCase();
  const owed = listing.owed.includes(address);
  const unconfirmed = listing.unconfirmed.includes(address);
  const delivered = isDelivered(deal);

  if (moved.length > 1)
    arena.say("charged twice", deal, `${moved.length} transfers, ${refunds.length} refunds`);
  if (refunds.length > moved.length)
    arena.say("refund astray", deal, `${moved.length} transfers, ${refunds.length} refunds`);

  if (moved.length > 0 && refunds.length === 0 && !owed) {
    const no = deal.told.find((told) => saysNo(told) && moved.some((move) => isAfter(told, move)));
    if (no) arena.say("told no", deal, describe(no));
    const said = deal.client.find(
      ({ at, charged }) => charged === "no" && moved.some((move) => move.at <= at),
    );
    if (said) arena.say("told no", deal, `the client says charged: "no" (${said.why.slice(0, 160)})`);
    if (!delivered && !unconfirmed) arena.say("paid, no end", deal, describe(deal.told.at(-1)));
  }
  if (delivered && moved.length === 0) arena.say("given away", deal, describe(deal.told.at(-1)));

  for (const start of arena.starts.filter(({ item }) => item === deal.item)) {
    const due = isChargedBefore(deal.kind)
      ? start.transferred || start.saidSettled
      : start.verified || start.transferred;
    if (!due) {
      arena.say(
        "ran unpaid",
        deal,
        isChargedBefore(deal.kind) ? "nothing was settled" : "nothing was verified",
      );
      break;
    }
  }

  const last = deal.told.at(-1);
  if (last && isUndecided(last) && !unconfirmed && !owed)
    arena.say("stuck", deal, `undecided, and not listed: ${describe(last)}`);
  if (!arena.setup.node) return;
  if (unconfirmed) arena.say("stuck", deal, "is still listed as unconfirmed");
  if (owed) arena.say("stuck", deal, "the refund is still owed");
}

function judgeRefunds(arena: Arena): void {
  for (const { authorizer, transfer } of arena.ledger.uses) {
    if (!transfer || !isSame(authorizer, arena.till.address)) continue;
    const deal = arena.deals.find(({ account }) => isSame(account.address, transfer.to));
    if (!deal || arena.moved(deal).length === 0)
      arena.say("refund astray", deal, `${transfer.value} went to ${transfer.to}`);
  }
}

function judgeText(arena: Arena, deal: Deal, told: Told): void {
  const all = `${told.body}${JSON.stringify([...told.headers])}`;
  if (all.includes(SECRET)) arena.say("secret in a response", deal, describe(told));
  const isOdd = told.status >= 500 && !told.headers.get("content-type")?.includes("json");
  const broken =
    deal.conduct === "throws" || deal.conduct === "throws oddly" || deal.conduct === "returns nonsense";
  // The work of a charged call was lost with its server: that is said, and repaid.
  const isRepaid = ["refund_owed", "refunded"].includes(String(parse(told.body).paymentState));
  if (isOdd || RAW.test(told.body) || (told.status === 500 && !broken && !isRepaid))
    arena.say("raw error", deal, describe(told));
}

/** A response that says that this payment was not charged. */
export function saysNo({ status, body }: Pick<Told, "status" | "body">): boolean {
  return status === 402 || parse(body).paymentState === "unused";
}

/** The response is about this payment (or about the job of its purchase), and was sent after its money had moved. */
function isAfter(told: Told, move: { at: number; nonce: string }): boolean {
  const isAbout = told.nonce === move.nonce || (told.nonce === undefined && told.method === "GET");
  return isAbout && move.at <= told.at;
}

function isDelivered({ outcome, told, kind }: Deal): boolean {
  if (outcome?.state === "delivered") return true;
  return told.some(({ status, body, nonce }) =>
    isJob(kind) ? parse(body).state === "succeeded" : status === 200 && nonce !== undefined,
  );
}

function isUndecided({ status, body }: Told): boolean {
  if ([409, 425, 429, 503].includes(status)) return true;
  const { state, status: word } = parse(body);
  return (
    state === "processing" ||
    (status === 202 && word !== "succeeded" && word !== "failed" && state === undefined)
  );
}

function describe(told: Told | undefined): string {
  if (!told) return "no response ever came";
  return `${told.method} → ${told.status} ${told.body.slice(0, 260)}`;
}

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
