import { AsyncLocalStorage } from "node:async_hooks";

/** Time that passes only when there is nothing left to do at the present moment. */
export interface VirtualClock {
  /** Milliseconds since the clock was put up. */
  readonly elapsed: number;
  /**
   * Lets time pass until `work` is settled, at most `limitMs`.
   * @throws Stuck when it is not settled by then, or nothing is left that could settle it
   */
  until<T>(work: Promise<T>, limitMs?: number): Promise<T>;
  /** Lets this much time pass. */
  advance(ms: number): Promise<void>;
  /** Work of another program, with a time of its own: our time stands still until it is done, and does not pass in it. */
  outside<T>(work: () => Promise<T>): Promise<T>;
  /** Calls what another program has called back, in our time. */
  inside<T>(work: () => T): T;
  /** Asked before time passes: true when something has happened outside, and there may be more to do. */
  stir: (() => Promise<boolean>) | undefined;
  /** Sets the wall clock forward or back, as an administrator does; durations are not affected. */
  set(byMs: number): void;
  readonly wasSet: boolean;
  [Symbol.dispose](): void;
}

/** Nothing more happens, and the work is not done. */
export class Stuck extends Error {
  override readonly name = "Stuck";
}

/** The moment at which every run begins. */
const EPOCH = Date.UTC(2026, 0, 1);
/** What a store or a file may still be doing at the present moment. */
const BUSY = ["Immediate", "FSReqCallback", "FSReqPromise"];

/** What is done in a thread, which no list of resources shows: time must not pass in the middle of it. */
const THREADED = ["digest", "importKey", "sign"] as const;

/** True in work of another program, and in what follows from it: connections outlive the clock they were made under. */
const elsewhere = new AsyncLocalStorage<boolean>();

class Timer {
  at: number;
  readonly order: number;
  readonly every: number | undefined;
  readonly run: () => void;

  constructor(at: number, order: number, every: number | undefined, run: () => void) {
    this.at = at;
    this.order = order;
    this.every = every;
    this.run = run;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

/**
 * Puts a clock of its own in the place of the process's timers and times. A server that waits three seconds and a
 * buyer that waits a minute then take no time at all, and the same run takes the same course every time.
 */
export function virtualClock(): VirtualClock {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    Date: globalThis.Date,
    now: performance.now,
    timeout: AbortSignal.timeout,
  };
  const { setImmediate } = globalThis;
  const timers = new Set<Timer>();
  const outside = new Set<Promise<unknown>>();
  let elapsed = 0;
  let wall = EPOCH;
  let order = 0;

  const add = (work: (...args: unknown[]) => void, ms: unknown, args: unknown[], repeats: boolean): Timer => {
    const delay = Math.max(1, Number(ms) || 0);
    const timer = new Timer(elapsed + delay, order, repeats ? delay : undefined, () => work(...args));
    order += 1;
    timers.add(timer);
    return timer;
  };
  const remove = (timer: unknown) => {
    if (timer instanceof Timer) timers.delete(timer);
    else real.clearTimeout(timer as never);
  };
  const now = () => wall + elapsed;
  class VirtualDate extends real.Date {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [now()] : args) as [number]));
    }
    static override now(): number {
      return now();
    }
  }
  Object.assign(globalThis, {
    setTimeout: (work: () => void, ms?: number, ...args: unknown[]) =>
      elsewhere.getStore() ? real.setTimeout(work, ms, ...args) : add(work, ms, args, false),
    setInterval: (work: () => void, ms?: number, ...args: unknown[]) =>
      elsewhere.getStore() ? real.setInterval(work, ms, ...args) : add(work, ms, args, true),
    clearTimeout: remove,
    clearInterval: remove,
    Date: VirtualDate,
  });
  performance.now = () => elapsed;
  const subtle = SubtleCrypto.prototype as unknown as Record<
    (typeof THREADED)[number],
    (this: SubtleCrypto, ...args: unknown[]) => Promise<unknown>
  >;
  const threaded = { digest: subtle.digest, importKey: subtle.importKey, sign: subtle.sign };
  for (const name of THREADED) {
    subtle[name] = async function (...args) {
      const working = threaded[name].apply(this, args);
      outside.add(working);
      try {
        return await working;
      } finally {
        outside.delete(working);
      }
    };
  }
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    add(() => controller.abort(new DOMException("timed out", "TimeoutError")), ms, [], false);
    return controller.signal;
  };

  async function quiet(): Promise<void> {
    do {
      await Promise.allSettled(outside);
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (
      outside.size > 0 ||
      process.getActiveResourcesInfo().some((resource) => BUSY.includes(resource)) ||
      (await clock.stir?.())
    );
  }

  /** Runs the timer that comes next, if it comes before `end`. */
  function step(end: number): boolean {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    if (!next || next.at > end) return false;
    elapsed = Math.max(elapsed, next.at);
    if (next.every === undefined) timers.delete(next);
    else next.at += next.every;
    next.run();
    return true;
  }

  const clock: VirtualClock = {
    stir: undefined,
    get elapsed() {
      return elapsed;
    },
    async until(work, limitMs = 3_600_000) {
      const end = elapsed + limitMs;
      let settled = false;
      const done = () => {
        settled = true;
      };
      work.then(done, done);
      for (;;) {
        await quiet();
        if (settled) return work;
        if (!step(end)) throw new Stuck(`nothing more happens after ${elapsed} ms`);
      }
    },
    async advance(ms) {
      const end = elapsed + ms;
      await quiet();
      while (step(end)) await quiet();
      elapsed = end;
    },
    async outside(work) {
      const working = elsewhere.run(true, work);
      outside.add(working);
      try {
        return await working;
      } finally {
        outside.delete(working);
      }
    },
    inside: (work) => elsewhere.run(false, work),
    set(byMs) {
      wall += byMs;
    },
    get wasSet() {
      return wall !== EPOCH;
    },
    [Symbol.dispose]() {
      const { now: realNow, timeout, ...globals } = real;
      Object.assign(globalThis, globals);
      performance.now = realNow;
      AbortSignal.timeout = timeout;
      Object.assign(subtle, threaded);
    },
  };
  return clock;
}
