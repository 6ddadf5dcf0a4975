import fc from "fast-check";
import { expect, it } from "vitest";
import { stockBuy } from "../../bench/stock/client.ts";
import { FAULT_POINTS, type FacilitatorRule, type FaultPoint } from "../../src/testing/index.ts";
import { PATHS, RESOURCES, type ResourceName } from "./api.ts";
import { buy, type ClientKind } from "./clients.ts";
import { Stuck } from "./clock.ts";
import type { Ended } from "./invariants.ts";
import { conclude } from "./matrix.ts";
import { ours } from "./sellers.ts";
import { BASE_URL, type Behaviour, openStage, type Purchase, type Stage } from "./stage.ts";

/** What the model knows: how many purchases there are. All else is what must hold of any history. */
interface Model {
  purchases: number;
}

interface Real {
  readonly stage: Stage;
  readonly buying: { purchase: Purchase; client: ClientKind; outcome: Ended["outcome"] }[];
}

type Command = fc.AsyncCommand<Model, Real>;

const nth = (real: Real, index: number): Purchase | undefined =>
  real.stage.purchases[index % Math.max(1, real.stage.purchases.length)];

/** A command that needs a purchase to have been begun. */
abstract class OfPurchase implements Command {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
  check(model: Model): boolean {
    return model.purchases > 0;
  }
  async run(_: Model, real: Real): Promise<void> {
    const purchase = nth(real, this.index);
    if (purchase) void this.work(real, purchase).catch(() => {});
    await real.stage.clock.advance(1);
    once(real);
  }
  abstract work(real: Real, purchase: Purchase): Promise<unknown>;
}

class Submit implements Command {
  readonly resource: ResourceName;
  readonly client: ClientKind;
  constructor(resource: ResourceName, client: ClientKind) {
    this.resource = resource;
    this.client = client;
  }
  check(model: Model): boolean {
    return model.purchases < 4;
  }
  async run(model: Model, { stage, buying }: Real): Promise<void> {
    model.purchases += 1;
    const one: Real["buying"][number] = {
      purchase: stage.purchase(this.resource),
      client: this.client,
      outcome: undefined,
    };
    buying.push(one);
    void buy(stage, one.purchase, this.client).then((outcome) => {
      one.outcome = outcome;
    });
    await stage.clock.advance(1);
  }
  toString(): string {
    return `submit(${this.resource}, ${this.client})`;
  }
}

/** The same bytes again, whatever has become of the first. */
class Replay extends OfPurchase {
  async work({ stage }: Real, { sent }: Purchase): Promise<unknown> {
    const last = sent.at(-1);
    return last && stage.answer(last.request.clone());
  }
  override toString(): string {
    return `replay(${this.index})`;
  }
}

/** A new payment under the same key. */
class Resign extends OfPurchase {
  async work({ stage, buying }: Real, purchase: Purchase): Promise<unknown> {
    // To the others it would be a second buyer who uses their key.
    if (buying.find((one) => one.purchase === purchase)?.client !== "resign") return;
    return stockBuy({
      fetch: stage.network(purchase),
      account: purchase.buyer as never,
      url: BASE_URL + PATHS[purchase.resource],
      input: { item: purchase.item },
      key: purchase.key,
      attempts: 1,
    });
  }
  override toString(): string {
    return `resign(${this.index})`;
  }
}

class Cancel extends OfPurchase {
  async work({ stage }: Real, { sent }: Purchase): Promise<unknown> {
    const accepted = sent.find(({ answer }) => answer?.status === 202)?.answer;
    if (!accepted) return;
    const { statusUrl } = JSON.parse(accepted.body) as { statusUrl: string };
    return stage.answer(new Request(statusUrl, { method: "DELETE" }));
  }
  override toString(): string {
    return `cancel(${this.index})`;
  }
}

class Crash implements Command {
  readonly point: FaultPoint | undefined;
  constructor(point: FaultPoint | undefined) {
    this.point = point;
  }
  check(): boolean {
    return true;
  }
  async run(_: Model, { stage }: Real): Promise<void> {
    if (this.point === undefined) stage.servers[0]?.life.kill();
    stage.fuse = this.point;
  }
  toString(): string {
    return `crash(${this.point ?? "now"})`;
  }
}

class Tick implements Command {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  check(): boolean {
    return true;
  }
  async run(_: Model, real: Real): Promise<void> {
    await real.stage.clock.advance(this.ms);
    once(real);
  }
  toString(): string {
    return `tick(${this.ms})`;
  }
}

/** What comes of the next settlement, or the next verification. */
class FacilitatorResult implements Command {
  readonly mode: FacilitatorRule["mode"];
  constructor(mode: FacilitatorRule["mode"]) {
    this.mode = mode;
  }
  check(): boolean {
    return true;
  }
  async run(_: Model, { stage }: Real): Promise<void> {
    const { facilitator } = stage;
    const asked = facilitator.asked[this.mode.startsWith("verify") ? "verify" : "settle"];
    facilitator.rules = [...facilitator.rules, { mode: this.mode, calls: [asked + 1] }];
  }
  toString(): string {
    return `facilitator(${this.mode})`;
  }
}

/** What the handlers do from now on. */
class Work implements Command {
  readonly behaviour: Behaviour;
  constructor(behaviour: Behaviour) {
    this.behaviour = behaviour;
  }
  check(): boolean {
    return true;
  }
  async run(_: Model, { stage }: Real): Promise<void> {
    stage.behaviour = this.behaviour;
  }
  toString(): string {
    return `work(${this.behaviour})`;
  }
}

/** At no moment has one purchase been charged twice. */
function once({ stage }: Real): void {
  for (const { item, sent } of stage.purchases) {
    const nonces = new Set<string>(sent.map(({ nonce }) => nonce));
    const charged = stage.ledger.transfers.filter(({ nonce }) => nonces.has(nonce)).length;
    if (charged > 1) throw new Error(`${item} was charged ${charged} times`);
  }
}

const index = fc.nat(3);
const commands = fc.commands<Model, Real, false>(
  [
    fc
      .tuple(fc.constantFrom(...RESOURCES), fc.constantFrom<ClientKind>("replay", "resend", "resign"))
      .map(([resource, client]) => new Submit(resource, client)),
    index.map((one) => new Replay(one)),
    index.map((one) => new Resign(one)),
    index.map((one) => new Cancel(one)),
    fc.option(fc.constantFrom(...FAULT_POINTS), { nil: undefined }).map((point) => new Crash(point)),
    fc.constantFrom(10, 60, 400, 2_000, 16_000, 70_000).map((ms) => new Tick(ms)),
    fc
      .constantFrom<FacilitatorRule["mode"]>(
        "cut_before",
        "cut_after",
        "silent_after",
        "bad_gateway_before",
        "pending",
        "pending_never",
        "rate_limited",
        "slow",
        "verify_slow",
        "verify_cut",
      )
      .map((mode) => new FacilitatorResult(mode)),
    fc.constantFrom<Behaviour>("works", "throws", "botches").map((behaviour) => new Work(behaviour)),
  ],
  { maxCommands: 30, size: "max" },
);

it("holds the money rules in any history of purchases, replays, new signatures, cancellations, crashes and settlements", async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (history) => {
      const stage = await openStage({ seller: ours, store: "memory" });
      try {
        const real: Real = { stage, buying: [] };
        await stage.clock.until(stage.boot());
        await fc.asyncModelRun(() => ({ model: { purchases: 0 }, real }), history);
        const over = () => real.buying.every(({ outcome }) => outcome !== undefined);
        for (let waited = 0; !over() && waited < 200; waited += 1) await stage.clock.advance(60_000);
        expect(await conclude(stage, real.buying)).toEqual([]);
      } catch (error) {
        if (error instanceof Stuck) throw new Error(`stuck: ${error.message}`);
        throw error;
      } finally {
        await stage.close();
      }
    }),
    {
      numRuns: Number(process.env.MODEL_RUNS ?? 150),
      ...(process.env.MODEL_SEED ? { seed: Number(process.env.MODEL_SEED) } : {}),
    },
  );
}, 240_000);
