import type { ServedResource } from "./resource.ts";

/** Handlers of synchronous calls, and quote functions, that run at a time. One sender must not start any number of them. */
export interface Places {
  /** A place for one call of the resource, to be released; `undefined` when all are taken. */
  take(resource: Pick<ServedResource, "name" | "concurrency">): (() => void) | undefined;
}

/** @param concurrency Of all resources together. */
export function createPlaces(concurrency: number): Places {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take({ name, concurrency: own = concurrency }) {
      const of = taken.get(name) ?? 0;
      if (all >= concurrency || of >= own) return undefined;
      all += 1;
      taken.set(name, of + 1);
      let released = false;
      return () => {
        if (released) return;
        released = true;
        all -= 1;
        taken.set(name, (taken.get(name) ?? 1) - 1);
      };
    },
  };
}
