import type { JobStatus } from "../../protocol/index.ts";
import type { Stats } from "../../store/stats.ts";
import type { CallRecord, JobRecord, RefundRecord } from "../../store/store.ts";
import type { Observer } from "../observer.ts";

type JobTimes = Pick<JobRecord, "id" | "resource" | "attempt" | "createdAt" | "startedAt">;

/**
 * The JSON that the admin page reads. It names each field that it takes from a record, so that inputs, results,
 * signatures and secrets are never sent.
 */
export interface AdminData {
  /** Milliseconds since the epoch, as all times here. */
  readonly now: number;
  /** When this process began. */
  readonly begun: number;
  readonly title: string;
  readonly stats: Stats;
  readonly funnels: readonly {
    readonly resource: string;
    readonly challenged: number;
    readonly paid: number;
  }[];
  readonly errors: ReturnType<Observer["errors"]>;
  readonly going: readonly (JobTimes & Pick<JobRecord, "progress"> & { readonly status: JobStatus })[];
  readonly ended: readonly (JobTimes &
    Pick<JobRecord, "endedAt"> & { readonly status: JobStatus; readonly code: string | undefined })[];
  readonly owed: readonly Pick<
    RefundRecord,
    "id" | "resource" | "reason" | "amount" | "currency" | "to" | "problem" | "tries" | "createdAt"
  >[];
  readonly unconfirmed: readonly (Pick<
    CallRecord,
    "id" | "resource" | "value" | "tries" | "createdAt" | "retryAt"
  > & { readonly network: string; readonly payer: string })[];
}
