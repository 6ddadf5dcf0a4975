import { copyFileSync, existsSync } from "node:fs";
import { memoryStore } from "../../src/store/memory.ts";
import { sqliteStore } from "../../src/store/sqlite-store.ts";
import type {
  CallRecord,
  ClaimedJob,
  Durability,
  JobListener,
  JobRecord,
  RefundRecord,
  Step,
  Stepped,
  Store,
} from "../../src/store/store.ts";

/** Chooses how many of the relaxed writes are lost, from 0 to `relaxed`. */
export type Lose = (relaxed: number) => number;

export const loseAll: Lose = (relaxed) => relaxed;

/** What keeps a store's records when the power fails. */
export interface Disk {
  /** Opens the store as it stands. On a memory disk all opened stores are the same. */
  open(): Store;
  /** To be called after each write of a server: what it wrote is on the disk, or may be lost. */
  wrote(name: keyof Store, args: readonly unknown[]): void;
  /** Undoes the last relaxed writes. Returns how many. */
  cut(lose: Lose): number;
}

/** Methods that write. Claims are always durable; leases, sweeps and quotes never are. */
const RELAXED: readonly (keyof Store)[] = ["attend", "sweep", "keepQuote"];

/** Whether a write is on the disk when its promise resolves; `undefined` when the method only reads. */
function durabilityOf(name: keyof Store, args: readonly unknown[]): boolean | undefined {
  if (name === "begin") return (args[2] as Durability).durable;
  if (name === "change") return (args[0] as Durability).durable;
  if (name === "claimJobs") return true;
  return RELAXED.includes(name) ? false : undefined;
}

/** The states of a store since its last durable write, oldest first. */
function history<State>(first: State) {
  let states: [State, ...State[]] = [first];
  return {
    wrote(state: State, durable: boolean): void {
      if (durable) states = [state];
      else states.push(state);
    },
    /** Goes back, and stays there: what is read after a power cut is on the disk. */
    back(lose: Lose): { readonly state: State; readonly lost: number } {
      const relaxed = states.length - 1;
      const lost = Math.min(relaxed, Math.max(0, lose(relaxed)));
      const state = states[relaxed - lost] ?? states[0];
      states = [state];
      return { state, lost };
    },
  };
}

/**
 * A SQLite file. The files are copied after each write, as the disk would have them if the writes after it were lost.
 * A cut leaves the servers with the old file: they must be dead. The next store that is opened has the older one.
 */
export function fileDisk(fileOf: (name: string) => string): Disk {
  let serial = 0;
  let path = fileOf("calls-0.db");
  void sqliteStore(path).close();
  const states = history(copied());

  /** SQLite rebuilds `-shm` from the log. */
  function copied(): string {
    serial += 1;
    const copy = fileOf(`copy-${serial}.db`);
    for (const end of ["", "-wal"]) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
    return copy;
  }

  return {
    open: () => sqliteStore(path),
    wrote(name, args) {
      const durable = durabilityOf(name, args);
      if (durable !== undefined) states.wrote(copied(), durable);
    },
    cut(lose) {
      const { state, lost } = states.back(lose);
      path = state;
      path = copied();
      return lost;
    },
  };
}

interface Records {
  readonly calls: ReadonlyMap<string, CallRecord>;
  readonly jobs: ReadonlyMap<string, JobRecord>;
  readonly refunds: ReadonlyMap<string, RefundRecord>;
  readonly leases: ReadonlyMap<string, { readonly until: number; readonly runsJobs: boolean }>;
}

/**
 * A memory store that can go back while its servers live, as a Postgres does that crashes and comes back: the same store
 * object has older records from one moment to the next. Listeners are told that any job may have changed.
 */
export function memoryDisk(): Disk {
  const listeners = new Set<JobListener>();
  let records: Records = { calls: new Map(), jobs: new Map(), refunds: new Map(), leases: new Map() };
  const states = history(records);
  let current = filled(records);

  function filled({ calls, jobs, refunds, leases }: Records): Store {
    const store = memoryStore({ completeSince: 0 });
    for (const call of calls.values()) {
      const job = call.jobId === undefined ? undefined : jobs.get(call.jobId);
      void store.begin(call, job, { durable: true });
    }
    for (const refund of refunds.values()) void store.change({ durable: true, refund: { add: refund } });
    for (const [owner, { until, runsJobs }] of leases) void store.attend(owner, until - Date.now(), runsJobs);
    store.watch((event) => {
      for (const listener of listeners) listener(event);
    });
    return store;
  }

  /** The records after a write, from what it was asked and what it returned. */
  function after(name: keyof Store, args: readonly unknown[], result: unknown): Records {
    const calls = new Map(records.calls);
    const jobs = new Map(records.jobs);
    const refunds = new Map(records.refunds);
    const leases = new Map(records.leases);
    if (name === "attend") {
      const [owner, forMs, runsJobs = false] = args as [string, number, boolean?];
      if (forMs > 0) leases.set(owner, { until: Date.now() + forMs, runsJobs });
      else leases.delete(owner);
    }
    if (name === "begin" && (result as { begun: boolean }).begun) {
      const [call, job] = args as [CallRecord, JobRecord | undefined];
      calls.set(call.id, call);
      if (job) jobs.set(job.id, job);
    }
    if (name === "claimJobs") for (const { job } of result as ClaimedJob[]) jobs.set(job.id, job);
    if (name === "change" && result !== undefined) {
      const [step] = args as [Step];
      const { call, job, refund } = result as Stepped;
      if (call && step.call?.set === "forget") calls.delete(call.id);
      else if (call) calls.set(call.id, call);
      if (job && step.job?.set === "forget") jobs.delete(job.id);
      else if (job) jobs.set(job.id, job);
      if (refund) refunds.set(refund.id, refund);
    }
    return { calls, jobs, refunds, leases };
  }

  const store: Store = new Proxy(current, {
    get(_, name: keyof Store) {
      if (name === "watch") {
        return (listener: JobListener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        };
      }
      const member = current[name];
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        // Looked up again: the proxy may have been asked for the method before a cut.
        const result = await (current[name] as (...args: unknown[]) => Promise<unknown>)(...args);
        const durable = durabilityOf(name, args);
        if (durable !== undefined) {
          records = after(name, args, result);
          states.wrote(records, durable);
        }
        return result;
      };
    },
  });

  return {
    open: () => store,
    wrote() {},
    cut(lose) {
      const { state, lost } = states.back(lose);
      records = state;
      current = filled(records);
      for (const listener of listeners) listener(undefined);
      return lost;
    },
  };
}
