import { AsyncLocalStorage } from "node:async_hooks";
import { type VirtualClock, virtualClock } from "../clock.ts";

/** A virtual clock on which every actor may read another time. */
export interface SkewedClock extends VirtualClock {
  /** The time that all would read if no clock was wrong, in milliseconds since the epoch. */
  now(): number;
  /** Runs work that reads a clock wrong by so many milliseconds, in everything that follows from it, too. */
  skewed<T>(byMs: number, work: () => T): T;
}

const skew = new AsyncLocalStorage<number>();

/** Timers are the same for all; only what `Date` says differs. */
export function skewedClock(): SkewedClock {
  const clock = virtualClock();
  const Virtual = globalThis.Date;
  const { setTimeout, setInterval } = globalThis;
  class SkewedDate extends Virtual {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [SkewedDate.now()] : args) as [number]));
    }
    static override now(): number {
      return Virtual.now() + (skew.getStore() ?? 0);
    }
  }
  // A timer belongs to the actor that sets it.
  const bound =
    (set: typeof setTimeout) =>
    (work: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
      set(AsyncLocalStorage.bind(work), ms, ...args);
  Object.assign(globalThis, {
    Date: SkewedDate,
    setTimeout: bound(setTimeout),
    setInterval: bound(setInterval as typeof setTimeout),
  });
  return Object.assign(clock, {
    now: () => Virtual.now(),
    skewed: <T>(byMs: number, work: () => T): T => skew.run(byMs, work),
  });
}
