import type { JobRecord } from "../store/store.ts";

/** Who may have how many tries under way at a time, so that none of them can keep the others waiting. */
const MAX_OF = {
  all: 50,
  host: 5,
  buyer: 10,
  /** Of all free jobs together: anyone can start one. */
  free: 20,
  /** The rest is kept for first tries. */
  again: 25,
} as const;
/** Of a lane that is not known yet. */
const FIRST_MEAN_MS = 200;
/** How much of a lane's mean a new duration decides. */
const WEIGHT = 0.3;
const MAX_LANES = 10_000;

interface Lane {
  readonly limit: number;
  underWay: number;
  /** How long a try takes here, in milliseconds. */
  meanMs: number;
  /** When those that wait already will have been tried; milliseconds since the epoch. */
  fullUntil: number;
}

/** Decides which of the callbacks that are due are tried now. */
export interface CallbackLanes {
  /** How many more can be tried at all. */
  free(): number;
  /**
   * Takes a place in each of the job's lanes; or says when there may be one.
   * @param now Milliseconds since the epoch.
   */
  enter(job: JobRecord, now: number): { readonly leave: (ms: number) => void } | { readonly at: number };
}

export function createCallbackLanes(): CallbackLanes {
  const lanes = new Map<string, Lane>();
  let underWay = 0;

  function lane(name: string, limit: number): Lane {
    const known = lanes.get(name);
    if (known) return known;
    if (lanes.size >= MAX_LANES) {
      for (const [old, { underWay }] of lanes) if (underWay === 0) lanes.delete(old);
    }
    const made = { limit, underWay: 0, meanMs: FIRST_MEAN_MS, fullUntil: 0 };
    lanes.set(name, made);
    return made;
  }

  function lanesOf({ callback, payer }: JobRecord): Lane[] {
    const host = callback === undefined ? "" : new URL(callback.url).host;
    const isAgain = (callback?.tries ?? 0) > 0;
    return [
      lane(`host ${host}`, MAX_OF.host),
      payer === undefined ? lane("free", MAX_OF.free) : lane(`buyer ${payer}`, MAX_OF.buyer),
      ...(isAgain ? [lane("again", MAX_OF.again)] : []),
    ];
  }

  return {
    free: () => MAX_OF.all - underWay,

    enter(job, now) {
      const own = lanesOf(job);
      const full = own.filter((one) => one.underWay >= one.limit);
      if (full.length > 0) {
        // Each that waits comes back when those before it will have been tried.
        const times = full.map((one) => {
          one.fullUntil = Math.max(one.fullUntil, now + one.meanMs) + one.meanMs / one.limit;
          return one.fullUntil;
        });
        return { at: Math.ceil(Math.max(...times)) };
      }
      underWay += 1;
      for (const one of own) one.underWay += 1;
      return {
        leave(ms) {
          underWay -= 1;
          for (const one of own) {
            one.underWay -= 1;
            one.meanMs += (ms - one.meanMs) * WEIGHT;
          }
        },
      };
    },
  };
}
