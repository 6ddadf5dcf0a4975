import { Stuck } from "../clock.ts";
import { dice } from "../simulation.ts";
import type { StoreKind } from "../stage.ts";
import { type Arena, openArena } from "./arena.ts";
import { buy } from "./buyers.ts";
import type { Attack } from "./catalog.ts";
import { judge, listingOf, type Rule } from "./judge.ts";

export interface AttackViolation {
  readonly kind: Rule;
  readonly item: string;
  readonly detail: string;
}

/** The buyers have this long while everything is wrong. In milliseconds. */
const UNREST_MS = 240_000;
/** Longer than a payment is valid, with a safe block after it. */
const EXPIRY_MS = 300_000;
/** Longer than any pause between two looks at the same row. */
const REST_MS = 3 * 3_600_000;

/** Runs one attack until nothing is left to happen. The same seed takes the same course. */
export async function attack(
  { plan }: Attack,
  seed: number,
  store: StoreKind,
): Promise<readonly AttackViolation[]> {
  const random = dice(seed);
  const { setup, script, lies } = plan(random);
  const arena = await openArena({ ...setup, store }, random);
  arena.facilitator.script = script;
  try {
    await arena.clock.until(arena.boot());
    const buying = arena.deals.map((deal) =>
      arena.clock.skewed(setup.skew?.buyer ?? 0, async () => {
        await new Promise((resolve) => setTimeout(resolve, random.between(0, 3_000)));
        await buy(arena, deal).catch((error: unknown) => arena.say("harness failed", deal, String(error)));
      }),
    );
    await unrest(arena, Promise.all(buying));
    judgeNeighbours(arena);
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

/** Where one row is poisoned, the others must have come to their end before it is healed. */
function judgeNeighbours(arena: Arena): void {
  const { poisonedRow, poisonedInput, unsignableRefund, lies, crashes, skew } = arena.setup;
  const bad = poisonedRow ?? poisonedInput ?? unsignableRefund;
  // With another fault beside it, the others may take longer for a cause of their own.
  if (bad === undefined || lies || crashes || skew || arena.facilitator.script.settle) return;
  for (const [index, deal] of arena.deals.entries()) {
    if (index === bad) continue;
    const failed = deal.conduct !== "works" && deal.conduct !== "dawdles" && deal.kind.endsWith("Before");
    const isRepaid = () => arena.ledger.uses.some(({ transfer }) => transfer?.to === deal.account.address);
    if (!deal.outcome) arena.say("others stopped", deal, "has no end while another row is bad");
    else if (failed && arena.moved(deal).length > 0 && !isRepaid())
      arena.say("others stopped", deal, "is not refunded while another refund is bad");
  }
}

/** Lets time pass until every payment has expired and nothing is open, for a few hours at most. */
async function rest(arena: Arena): Promise<void> {
  const { clock, setup } = arena;
  await clock.advance(EXPIRY_MS + Math.max(0, setup.skew?.buyer ?? 0));
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
  // Every buyer looks once more in this time.
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

/** Each rule once for each deal. */
function distinct({ found }: Arena): AttackViolation[] {
  const seen = new Map<string, AttackViolation>();
  for (const { rule, item, detail } of found) {
    const name = `${rule} ${item}`;
    if (!seen.has(name)) seen.set(name, { kind: rule, item, detail });
  }
  return [...seen.values()];
}
