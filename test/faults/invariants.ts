import { chargeOf, isJob } from "./api.ts";
import type { ClientKind, Outcome } from "./clients.ts";
import { differences, type Reply, reversals } from "./replays.ts";
import { type Book, type Purchase, type Sent, type Stage, type Start, sleep } from "./stage.ts";

/** What must never be, by the numbers of the money rules. */
export const KINDS = [
  "double charge",
  "paid, no result",
  "ran unpaid",
  "end changed",
  "replay differs",
  "sums differ",
  "wrong word",
  "no end",
] as const;
type Kind = (typeof KINDS)[number];

export interface Violation {
  readonly kind: Kind;
  readonly item: string;
  readonly detail: string;
}

/** A purchase that has come to its end, as its buyer sees it. */
export interface Ended {
  readonly purchase: Purchase;
  readonly client: ClientKind;
  readonly outcome: Outcome | undefined;
}

/**
 * Checks the six invariants of the money rules when nothing is left to happen. The evidence is the record of what was
 * transferred, what the handlers and the buyers have seen, and what the seller answers to a late replay.
 */
export async function check(stage: Stage, ended: readonly Ended[]): Promise<Violation[]> {
  const found: Violation[] = [];
  const book = await stage.seller.book();
  for (const one of ended) found.push(...(await checkPurchase(stage, book, one)));
  found.push(...checkSums(stage, book));
  for (const detail of book.changedEnds) found.push({ kind: "end changed", item: "", detail });
  return found;
}

async function checkPurchase(
  stage: Stage,
  book: Book,
  { purchase, client, outcome }: Ended,
): Promise<Violation[]> {
  const found: Violation[] = [];
  const { item, resource } = purchase;
  const say = (kind: Kind, detail: string) => found.push({ kind, item: `${item} (${resource})`, detail });
  const nonces = new Set(purchase.sent.map(({ nonce }) => nonce));
  const charges = stage.ledger.transfers.filter(({ nonce }) => nonces.has(nonce));
  const starts = stage.starts.filter((start) => start.item === item);
  const refunds = book.refunds.filter(({ nonce }) => nonce !== undefined && nonces.has(nonce as never));

  // 1. Charges per key ≤ 1. Who buys again after a refund has not paid twice; under one key nothing is bought again.
  const paid = charges.length - (client === "keyless" ? refunds.length : 0);
  if (paid > 1) say("double charge", `${charges.length} transfers, ${refunds.length} refunds`);
  if (new Set(refunds.map(({ nonce }) => nonce)).size < refunds.length)
    say("double charge", "refunded twice");

  // 2. Charged ⇒ result retrievable, or refund written.
  let retrieved = 0;
  for (const { nonce } of charges) {
    const sent = purchase.sent.filter((one) => one.nonce === nonce);
    const refunded = refunds.some((refund) => refund.nonce === nonce);
    const result = refunded ? "refunded" : await retrieve(stage, sent);
    if (result === "found") retrieved += 1;
    const delivered = outcome?.state === "delivered" && charges.length === 1;
    if (!refunded && result !== "found" && !delivered) say("paid, no result", result);
    // Whoever keeps its key or its payment gets what it has paid for, without anybody's help.
    if (client !== "keyless" && result === "found" && outcome?.state === "failed")
      say("paid, no result", `the seller has it, the buyer does not: ${outcome.why}`);
  }

  // 3. A handler is started only with the evidence that its flow asks for.
  for (const start of starts) {
    const due = chargeOf(start.resource) === "before" ? "settled" : "verified";
    if (due === "settled" && start.transferred === 0)
      say("ran unpaid", "started before anything was transferred");
    if (due === "verified" && start.verified === 0 && start.transferred === 0)
      say("ran unpaid", "started before the payment was verified");
  }
  // Where a server may think that a living one is dead, a run is taken over: nothing is told twice, but done twice.
  const shaken =
    stage.clock.wasSet ||
    stage.wentBack ||
    stage.behaviour !== "works" ||
    (stage.plan.store ?? []).some(({ method }) => method === "attend");
  const groups = shaken
    ? starts.map(({ server }) => starts.filter((start) => start.server === server))
    : [starts];
  if (groups.some((group) => atOnce(group) > Math.max(1, charges.length)))
    say(
      "ran unpaid",
      `more runs at the same time than payments: ${starts.map(({ at, endedAt, server }) => `${at}–${endedAt} on ${server}`).join(", ")}`,
    );
  const served = outcome?.state === "delivered" || retrieved > 0;
  if (served && charges.length === 0) say("ran unpaid", "the result was given away");
  // The default flow of the stock server settles a job when it is accepted, while it runs already. Nothing more can be
  // asked of it than that what has run is charged in the end.
  const ran = starts.some(({ output }) => output !== undefined);
  if (stage.seller.name === "stock" && isJob(resource) && ran && charges.length === 0)
    say("ran unpaid", "the job was accepted and has run, and nothing was charged");

  // 5. A replay's bytes are equal, and its words about the money only move forward.
  for (const same of repliesBy(
    purchase,
    ({ request, nonce }) => request.headers.get("idempotency-key") ?? nonce,
  ))
    for (const detail of differences(same)) say("replay differs", detail);
  for (const same of repliesBy(purchase, ({ nonce }) => nonce))
    for (const detail of reversals(same)) say("replay differs", detail);

  if (process.env.FAULTS_LOG && found.length > 0) {
    for (const one of purchase.sent)
      console.error(one.at, one.nonce.slice(0, 10), one.answer?.status, one.answer?.body.slice(0, 420));
    console.error(
      charges,
      starts.map(({ at, endedAt, server }) => [at, endedAt, server]),
      client,
    );
  }
  // What a client reports about the money is true.
  if (outcome?.state === "failed" && outcome.charged === "no" && charges.length > refunds.length)
    say("wrong word", `the client says not charged: ${outcome.why}`);
  if (outcome === undefined) say("no end", "the buyer is still waiting");
  return found;
}

/** The most runs that went on at the same time on servers that lived. */
function atOnce(starts: readonly Start[]): number {
  const living = starts.filter(({ alive }) => alive());
  const during = (at: number) =>
    living.filter((one) => one.at <= at && at < (one.endedAt ?? Number.POSITIVE_INFINITY)).length;
  return Math.max(0, ...living.map(({ at }) => during(at)));
}

/** The answers to a purchase, grouped. */
function repliesBy({ sent }: Purchase, identity: (one: Sent) => string): readonly Reply[][] {
  const groups = new Map<string, Reply[]>();
  for (const one of sent) {
    if (!one.answer) continue;
    const key = identity(one);
    groups.set(key, [...(groups.get(key) ?? []), { asked: one.turn, ...one.answer }]);
  }
  return [...groups.values()];
}

/** How long an answer may take, in milliseconds. */
const PATIENCE_MS = 600_000;

/** What the seller answers to the same bytes, long after. */
async function retrieve(stage: Stage, sent: readonly Sent[]): Promise<string> {
  const last = sent.at(-1);
  if (!last) return "nothing was sent";
  const turn = stage.nextTurn();
  const again = await Promise.race([stage.answer(last.request.clone()), sleep(PATIENCE_MS)]);
  if (!again) return "a replay is not answered";
  const body = await again.text();
  const answer = { status: again.status, headers: again.headers, body, answered: stage.nextTurn() };
  last.answer ??= answer;
  stage.purchases.find((one) => one.sent.includes(last))?.sent.push({ ...last, turn, answer });
  if (again.status === 200) return "found";
  if (again.status !== 202) return `a replay is answered ${again.status} ${body.slice(0, 160)}`;
  const { statusUrl } = JSON.parse(body) as { statusUrl: string };
  const status = await (await stage.answer(new Request(statusUrl))).text();
  const { state } = JSON.parse(status) as { state?: string };
  return state === "succeeded" ? "found" : `the job is ${status.slice(0, 160)}`;
}

/** 6. The sum of the ledger is the sum on the chain, payment by payment. */
function checkSums(stage: Stage, book: Book): Violation[] {
  const found: Violation[] = [];
  const seller = stage.account.address;
  const say = (detail: string) => found.push({ kind: "sums differ", item: "", detail });
  const received = stage.ledger.transfers.filter(({ to }) => to === seller);
  const booked = new Map(
    book.entries.filter(({ state }) => state === "settled").map((one) => [one.nonce, one]),
  );
  for (const { nonce, value } of received) {
    const entry = booked.get(nonce);
    if (!entry) say(`${value} received, and not in the book (${nonce.slice(0, 10)})`);
    else if (entry.atomic !== value) say(`${value} received, ${entry.atomic} in the book`);
    booked.delete(nonce);
  }
  for (const { nonce, atomic } of booked.values())
    say(`${atomic} in the book, never received (${nonce.slice(0, 10)})`);
  for (const { nonce, state } of book.entries)
    if (state === "in_flight") say(`${nonce.slice(0, 10)} is still in flight`);
  const sent = stage.ledger.transfers
    .filter(({ from }) => from === seller)
    .reduce((sum, { value }) => sum + value, 0n);
  const repaid = book.refunds
    .filter(({ state }) => state === "paid")
    .reduce((sum, { atomic }) => sum + atomic, 0n);
  if (sent !== repaid) say(`${sent} sent back, ${repaid} in the book`);
  return found;
}
