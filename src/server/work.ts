import { type Outcome, run } from "../jobs/run.ts";
import { untilDoneMs } from "../ledger/offer.ts";
import type { Standing } from "../ledger/settle.ts";
import { HEADERS } from "../protocol/index.ts";
import type { CallRecord, PaymentIdentity, StoredAnswer } from "../store/store.ts";
import { failure, json, withPaymentState } from "./answer.ts";
import { type CallDeps, type Purchase, said, settlementOf } from "./request-context.ts";
import type { ServedResource } from "./resource.ts";

/** What must be left of an authorization after the work, so that it can be settled. */
const SETTLE_SECONDS = 10;
export const TOO_SHORT = "authorization_ends_before_the_work";

/** The work of synchronous calls. */
export interface CallWork {
  /** Does the work of a recorded call, and ends it: with the output, and its settlement, or with the failure. */
  execute(call: CallRecord, purchase: Purchase): Promise<Worked>;
  /** A free call without a key: nothing to charge, and nothing to remember. */
  unrecorded(purchase: Purchase): Promise<StoredAnswer>;
}

interface Worked {
  readonly standing: Standing;
  /** How the work failed. A free call that fails leaves no record to take this from. */
  readonly failure: StoredAnswer | undefined;
}

/** An output of now, or of so many seconds ago. */
type Made = Outcome & { readonly ageSeconds?: number };

export function createWork({ ledger, faults, telemetry, cache, time }: CallDeps): CallWork {
  async function failed(call: CallRecord, code: string, answer: StoredAnswer): Promise<Worked> {
    return { standing: await ledger.fail(call, code, answer), failure: answer };
  }

  async function execute(call: CallRecord, purchase: Purchase): Promise<Worked> {
    const { resource, claim, requestId, trace } = purchase;
    if (call.phase === "open" && call.payment && endsBeforeWork(call.identity, resource, time.now())) {
      // The server that verified it died, and time went by. The same bytes are refused from here on.
      const outcome = {
        ok: false,
        code: TOO_SHORT,
        error: "The authorization ends too early.",
        declared: false,
      } as const;
      return failed(call, TOO_SHORT, failure(outcome, requestId));
    }
    const made = await make(call, purchase);
    if (!made.ok) return failed(call, made.code, failure(made, requestId));
    const settles = call.payment !== undefined && call.phase === "open";
    const end = () => ledger.output(call, answerOf(made, call.payment !== undefined));
    const word = (now: Standing) => said(settlementOf(now));
    const standing = settles ? await trace.step("settle", end, word) : await end();
    const isDelivered = typeof standing !== "string" && standing.phase === "delivered";
    // Only what was paid for, or is free, is given again.
    if (isDelivered && made.ageSeconds === undefined) cache.keep(resource, claim, made.output);
    return { standing, failure: undefined };
  }

  /** Runs the handler, or takes what it has made before for the same input. */
  async function make(call: CallRecord, purchase: Purchase): Promise<Made> {
    const { resource, requestId, log, input, claim } = purchase;
    const cached = cache.find(resource, claim);
    if (cached) {
      log.info({ ageSeconds: cached.ageSeconds }, "answered from the cache");
      return { ok: true, ...cached };
    }
    const payer = call.payment ? call.identity.payer : undefined;
    const outcome = await running(purchase, () =>
      run(resource, { input, payer, requestId, jobId: call.id, log }),
    );
    if (faults) await faults.reach("call.ran");
    return outcome;
  }

  async function running({ resource, trace }: Purchase, handler: () => Promise<Outcome>): Promise<Outcome> {
    const measured = () => telemetry.run(resource.name, handler);
    const outcome = await trace.step("run", measured, (end) => said(end.ok ? "succeeded" : end.code));
    telemetry.delivered(resource.name, outcome.ok ? "succeeded" : "failed", undefined);
    return outcome;
  }

  async function unrecorded(purchase: Purchase): Promise<StoredAnswer> {
    const { resource, requestId, log, input, claim, paymentState } = purchase;
    const cached = cache.find(resource, claim);
    if (cached) return answerOf({ ok: true, ...cached }, false);
    const outcome = await running(purchase, () =>
      run(resource, { input, payer: undefined, requestId, jobId: requestId, log }),
    );
    if (!outcome.ok) {
      return withPaymentState(
        failure(outcome, requestId),
        paymentState === "unknown" ? undefined : paymentState,
      );
    }
    cache.keep(resource, claim, outcome.output);
    return answerOf(outcome, false);
  }

  return { execute, unrecorded };
}

function answerOf({ output, ageSeconds }: Extract<Made, { ok: true }>, isPaid: boolean): StoredAnswer {
  return json(200, output, {
    ...(isPaid ? { "cache-control": "private, no-store" } : {}),
    ...(ageSeconds === undefined ? {} : { [HEADERS.age]: String(ageSeconds) }),
  });
}

/** True when an authorization that is settled after the work may have expired by then. */
export function endsBeforeWork(
  { validBefore }: PaymentIdentity,
  resource: ServedResource,
  now: number,
): boolean {
  if (resource.charge === "before") return false;
  return validBefore < (now + untilDoneMs(resource)) / 1000 + SETTLE_SECONDS;
}
