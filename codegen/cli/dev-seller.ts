import type { Front } from "../dev/front.ts";
import type { SellerOrder } from "../dev/order.ts";
import { type SellerProcess, startSeller } from "../dev/process.ts";
import type { Mistake } from "../mistake.ts";
import { sayError, sayMistakes } from "./say.ts";

/** Calls and jobs that run while the code changes may end in the process that has begun them. */
const RELOAD_GRACE_MS = 10_000;
const END_GRACE_MS = 500;
/** A process that ends sooner than this after its start would end again. */
const LIFE_MS = 1_000;

/** The seller's process, replaced by the next one only when that one listens. */
export interface KeptSeller {
  /** True when the new code serves. */
  replace(order: SellerOrder): Promise<boolean>;
  /** Nothing new can be served: what was goes on. */
  refuse(why: string): void;
  /** What the code is made of, as far as is known. */
  files(): readonly string[];
  /** Resolves when nothing is being replaced. */
  ready(): Promise<void>;
  end(): Promise<void>;
}

/** Runs a seller's code behind the front. `entry` is the file of the command line. */
export function keepSeller(front: Front, entry: URL, signal: AbortSignal): KeptSeller {
  let current: SellerProcess | undefined;
  let made: readonly string[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  /** Those that were replaced, and answer what they have begun. */
  const leaving = new Set<SellerProcess>();

  const leave = async (process: SellerProcess, graceMs: number): Promise<void> => {
    leaving.add(process);
    await process.end(graceMs);
    leaving.delete(process);
  };
  const refuse = (why: string): void => {
    if (current !== undefined) sayError("Until that is fixed, the server goes on as it was.");
    else {
      sayError(
        `Nothing is served yet: http://localhost:${front.port} answers 503. Waiting for changes; Ctrl-C ends.`,
      );
    }
    front.release(why);
  };

  async function put(order: SellerOrder): Promise<boolean> {
    const { outcome, files } = await startSeller(entry, order, signal);
    if (signal.aborted && !("port" in outcome)) return false;
    if (files.length > 0) made = files;
    if (!("port" in outcome)) {
      sayMistakes([outcome]);
      refuse(sentenceOf(outcome));
      return false;
    }
    const last = current;
    current = outcome;
    front.serve(outcome.port);
    if (last !== undefined) void leave(last, RELOAD_GRACE_MS);
    void watchOver(outcome, order, performance.now());
    return true;
  }

  /** Code may end its process by mistake: then it is started again, unless it would do so at once. */
  async function watchOver(process: SellerProcess, order: SellerOrder, since: number): Promise<void> {
    const how = await process.ended;
    if (current !== process || signal.aborted) return;
    current = undefined;
    front.lose();
    if (performance.now() - since < LIFE_MS) {
      sayError(`The server has ended by itself (${how}). It is started again when a file changes.`);
      front.release(`The server has ended by itself (${how}).`);
      return;
    }
    sayError(`The server has ended by itself (${how}), and is started again.`);
    front.hold();
    turn = turn.then(() => (current === undefined && !signal.aborted ? put(order) : undefined));
  }

  return {
    replace(order) {
      const done = turn.then(() => put(order));
      turn = done;
      return done;
    },
    refuse,
    files: () => made,
    ready: async () => void (await turn),
    async end() {
      await turn;
      // Who waits at a terminal does not wait for calls of code that has been replaced.
      for (const process of leaving) process.kill();
      if (current !== undefined) void leave(current, END_GRACE_MS);
      await Promise.all([...leaving].map(({ ended }) => ended));
    },
  };
}

function sentenceOf({ path, problem, fix }: Mistake): string {
  return `${path}: ${problem} (fix: ${fix}).`;
}
