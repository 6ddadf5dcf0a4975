import type { Logger } from "../telemetry/log.ts";
import { repeat, type Time } from "../time/time.ts";

/** A recurring task: its name, its interval in milliseconds, and one round of it. */
export type Round = readonly [what: string, everyMs: number, round: () => Promise<unknown>];

export interface Housekeeping {
  isRunning(): boolean;
  /** Starts the loops, once. They do not keep the process alive. */
  begin(firstAfterMs: number): void;
  end(): void;
  /** One round of everything. What fails is logged. */
  once(): Promise<unknown>;
}

/** Each round has a loop of its own: a facilitator that hangs delays no refund, and no job. */
export function createHousekeeping(deps: {
  readonly rounds: readonly Round[];
  /** Before each round of a loop. */
  readonly before: () => Promise<unknown>;
  readonly time: Time;
  readonly log: Logger;
}): Housekeeping {
  const { rounds, before, time, log } = deps;
  let stops: readonly (() => void)[] = [];

  function loop([what, everyMs, round]: Round, firstAfterMs: number): () => void {
    let failing = false;
    const task = async (): Promise<void> => {
      await before();
      await round();
      if (failing) log.info({}, `${what} works again`);
      failing = false;
    };
    const failed = (error: unknown): void => {
      // Logged once: while a store is away, the log must not fill with it.
      if (!failing) log.error({ error }, `${what} failed, and is tried again every ${everyMs / 1000} s`);
      failing = true;
    };
    return repeat(time, everyMs, task, failed, Math.min(firstAfterMs, everyMs));
  }

  return {
    isRunning: () => stops.length > 0,
    begin(firstAfterMs) {
      if (stops.length === 0) stops = rounds.map((round) => loop(round, firstAfterMs));
    },
    end() {
      for (const stop of stops) stop();
      stops = [];
    },
    once: () =>
      Promise.all(
        rounds.map(async ([what, , round]) => {
          try {
            await round();
          } catch (error) {
            log.error({ error }, `${what} failed`);
          }
        }),
      ),
  };
}
