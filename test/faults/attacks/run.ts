import { Stuck } from "../clock.ts";
import type { Found } from "../counts.ts";
import { dice, seeded } from "../simulation.ts";
import type { StoreKind } from "../stage.ts";
import { type Arena, openArena } from "./arena.ts";
import { buy } from "./buyers.ts";
import type { Attack, Plan } from "./catalog.ts";
import { judge, listingOf } from "./judge.ts";

/** The buyers have this long while everything is wrong. In milliseconds. */
const UNREST_MS = 240_000;
/** A refund that nothing hinders takes a few rounds of reconciling, and one lease where its server died. */
const MAX_REFUND_MS = 60_000;
/** Longer than a payment is valid, with a safe block after it. */
const EXPIRY_MS = 300_000;
/** A refusal is looked up on the chain so long after the expiry of its payment, at most. */
const AUDIT_MS = 300_000;
/** Longer than any pause between two looks at the same row. */
const REST_MS = 3 * 3_600_000;

/** Runs one attack until nothing is left to happen. The same seed takes the same course. */
export async function attack({ plan }: Attack, seed: number, store: StoreKind): Promise<readonly Found[]> {
  const random = dice(seed);
  using _ = seeded(dice(seed ^ 0x5eed));
  const { setup, script, lies = false, isBad } = plan(random);
  const arena = await openArena({ ...setup, store }, random);
  arena.facilitator.script = script;
  try {
    await arena.clock.until(arena.boot());
    const buying = arena.deals.map((deal, index) =>
      arena.clock.skewed(setup.skew?.buyer ?? 0, async () => {
        await new Promise((resolve) =>
          setTimeout(resolve, (setup.apartMs ?? 0) * index + random.between(0, setup.apartMs ?? 3_000)),
        );
        await buy(arena, deal).catch((error: unknown) => arena.say("harness failed", deal, String(error)));
      }),
    );
    await unrest(arena, Promise.all(buying));
    // Buyers end with their response; a refund may take this much longer.
    if (isBad) await arena.clock.advance(MAX_REFUND_MS);
    if (isBad) judgeNeighbours(arena, isBad);
    arena.heal();
    await arena.clock.until(arena.boot());
    await rest(arena);
    arena.stop.abort();
    await lastLook(arena);
    const listing = listingOf(await arena.clock.until(arena.admin()));
    judge(arena, listing, lies);
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    arena.say("harness failed", undefined, detail);
  } finally {
    await arena.close();
  }
  return distinct(arena);
}

/** Lets time pass until all buyers are done, for a while at most. */
async function unrest(arena: Arena, all: Promise<unknown>): Promise<void> {
  await arena.clock.until(all, UNREST_MS).catch((error: unknown) => {
    if (!(error instanceof Stuck)) throw error;
  });
}

/** Where rows are poisoned, all others must have come to their end before these are healed. */
function judgeNeighbours(arena: Arena, isBad: NonNullable<Plan["isBad"]>): void {
  for (const [index, deal] of arena.deals.entries()) {
    if (isBad(deal, index)) continue;
    const isFailed = ["fails", "throws", "throws oddly", "returns nonsense"].includes(deal.conduct);
    const [paid] = arena.moved(deal);
    const repaid = arena.ledger.uses.find(({ transfer }) => transfer?.to === deal.account.address);
    if (!deal.outcome) arena.say("others stopped", deal, "has no end while another row is bad");
    else if (isFailed && paid && !repaid)
      arena.say("others stopped", deal, "is not refunded while another row is bad");
    else if (paid && repaid && repaid.at - paid.at > MAX_REFUND_MS)
      arena.say("others stopped", deal, `is refunded after ${(repaid.at - paid.at) / 1000} s`);
  }
}

/** Lets time pass until every payment has expired and nothing is open, for a few hours at most. */
async function rest(arena: Arena): Promise<void> {
  const { clock, setup } = arena;
  await clock.advance(EXPIRY_MS + AUDIT_MS + Math.max(0, setup.skew?.buyer ?? 0));
  for (
    let waited = 0, step = 30_000;
    waited < REST_MS;
    waited += step, step = Math.min(step * 2, 1_200_000)
  ) {
    const admin = await clock.until(arena.admin());
    const { owed, unconfirmed } = listingOf(admin);
    const going = JSON.stringify(admin.going ?? []);
    if (owed === "[]" && unconfirmed === "[]" && going === "[]") break;
    // Without a node some of it stays unconfirmed for good.
    if (!setup.node && waited > 600_000) break;
    await clock.advance(step);
  }
  // Every buyer looks again in this time.
  await clock.advance(130_000);
}

/** What a buyer is told who sends the same bytes again, long after. */
async function lastLook(arena: Arena): Promise<void> {
  for (const deal of arena.deals) {
    if (!deal.paid) continue;
    await arena.clock
      .until(
        arena
          .network(deal, deal.paid.clone())
          .then(async (response) => {
            const { statusUrl } = (await response.json().catch(() => ({}))) as { statusUrl?: string };
            if (response.status === 202 && statusUrl) await arena.network(deal, statusUrl);
          })
          .catch((error: unknown) => arena.say("stuck", deal, `no response: ${String(error)}`)),
        600_000,
      )
      .catch((error: unknown) => {
        if (!(error instanceof Stuck)) throw error;
        arena.say("stuck", deal, "the same bytes, long after, get no response");
      });
  }
}

/** Each rule once, with the first of its deals and the number of all of them. */
function distinct({ found }: Arena): Found[] {
  return [...new Set(found.map(({ rule }) => rule))].map((kind) => {
    const all = found.filter(({ rule }) => rule === kind);
    const items = new Set(all.map(({ item }) => item)).size;
    const { item = "", detail = "" } = all[0] ?? {};
    return { kind, item: items > 1 ? `${item} and ${items - 1} more` : item, detail };
  });
}
