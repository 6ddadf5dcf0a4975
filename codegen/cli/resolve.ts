import type { Decision, Resolved, ResolveOptions } from "../../src/ledger/resolve.ts";
import { pinoLogger } from "../../src/telemetry/log.ts";
import { systemTime } from "../../src/time/time.ts";
import { CommandError } from "./command.ts";
import { chainFromFlags, evidenceText } from "./nodes.ts";
import { sayDone, sayError } from "./say.ts";
import { withStore } from "./store.ts";

export interface ResolveFlags {
  /** Path of a SQLite file, or URL of a Postgres database. */
  readonly store: string;
  readonly by: string;
  readonly why: string;
  readonly transaction?: string;
  /** `eip155:8453=https://…` */
  readonly rpc?: readonly string[];
}

/** Characters that are kept of a name, and of a reason. */
const MAX_BY = 100;
const MAX_WHY = 1_000;

/**
 * Closes a payment or a refund by hand: `resolve` does it, and `end` says what it has led to. Returns the exit code: 0, or 1
 * when the decision is refused.
 */
export async function resolveByHand<Changed>(
  outcome: Decision["outcome"],
  flags: ResolveFlags,
  resolve: (decision: Decision, options: ResolveOptions) => Promise<Resolved<Changed>>,
  end: (changed: Changed) => string,
): Promise<number> {
  const decision: Decision = {
    outcome,
    by: text("--by", flags.by, MAX_BY, 'your name: --by "Jo Doe"'),
    why: text("--why", flags.why, MAX_WHY, 'the reason: --why "seen on the block explorer"'),
    ...(flags.transaction === undefined ? {} : { transaction: flags.transaction }),
  };
  const chain = await chainFromFlags(flags.rpc);
  return withStore(flags.store, async (store) => {
    const options = { store, chain, time: systemTime, log: pinoLogger("info") };
    const resolved = await resolve(decision, options);
    if (chain) console.log(`Evidence: ${evidenceText(resolved.evidence)}`);
    if ("refused" in resolved) {
      sayError(resolved.refused);
      return 1;
    }
    sayDone(end(resolved.changed));
    return 0;
  });
}

/** @throws CommandError when it is empty or too long */
function text(flag: string, given: string, max: number, fix: string): string {
  const kept = given.trim();
  if (kept === "") throw new CommandError(`${flag}: expected a text, got none. Write ${fix}`, 2);
  if (kept.length <= max) return kept;
  throw new CommandError(`${flag}: expected at most ${max} characters, got ${kept.length}. Shorten it.`, 2);
}
