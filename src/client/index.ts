export type { JobDocument, JobState, PaymentRequirements, Receipt } from "../wire/index.ts";
export type { BudgetOptions } from "./budget.ts";
export {
  type CallOptions,
  type ClientEvent,
  type ClientOptions,
  type Connection,
  connect,
  type JobResource,
  type Resource,
} from "./connect.ts";
export {
  type Charged,
  type ErrorCode,
  isResourceError,
  type RefusalReason,
  ResourceError,
} from "./errors.ts";
export type { Job, JobUpdate, SavedJob, WaitOptions } from "./job.ts";
export type { Payer, TrustedAsset } from "./pay.ts";
