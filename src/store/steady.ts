import type { Store } from "./store.ts";

/** The store could not do what it was asked to: the disk is full, the file is locked, the connection is gone. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/** The store failed, and it cannot be told whether it has written what it was asked to. */
export class Uncertain extends StoreUnavailable {}

/** The same store, whose failures can be told from mistakes in the code: each is a {@link StoreUnavailable}. */
export function steady(store: Store): Store {
  const guarded =
    <Args extends unknown[], Result>(name: keyof Store, work: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      try {
        return await work.apply(store, args);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new StoreUnavailable(`the store failed (${name}): ${why}`, { cause });
      }
    };
  return {
    attend: guarded("attend", store.attend),
    workers: guarded("workers", store.workers),
    findCall: guarded("findCall", store.findCall),
    call: guarded("call", store.call),
    begin: guarded("begin", store.begin),
    change: guarded("change", store.change),
    openCalls: guarded("openCalls", store.openCalls),
    claimJobs: guarded("claimJobs", store.claimJobs),
    lateJobs: guarded("lateJobs", store.lateJobs),
    dueCallbacks: guarded("dueCallbacks", store.dueCallbacks),
    watch: (listener) => store.watch(listener),
    job: guarded("job", store.job),
    refunds: guarded("refunds", store.refunds),
    sweep: guarded("sweep", store.sweep),
    tally: guarded("tally", store.tally),
    recentJobs: guarded("recentJobs", store.recentJobs),
    doubtfulCalls: guarded("doubtfulCalls", store.doubtfulCalls),
    close: guarded("close", store.close),
  };
}
