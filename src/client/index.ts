export type {
  JobDocument,
  JobState,
  PaymentPayload,
  PaymentRequirements,
  PaymentState,
  Receipt,
} from "../protocol/index.ts";
export type { BudgetAmounts, BudgetOptions } from "./budget.ts";
export {
  type CallName,
  type Calls,
  memoryCalls,
  type SavedCall,
  type SavedJob,
  type SavedPayment,
  type SavedRequest,
  type StorageLike,
  storageCalls,
} from "./calls.ts";
export {
  type ClientOptions,
  type Connection,
  connect,
  type JobResource,
  type PendingCall,
  type Resource,
  type UnpricedJobResource,
  type UnpricedResource,
} from "./connect.ts";
export {
  type Charged,
  type ErrorCode,
  isResourceError,
  type RefusalReason,
  ResourceError,
} from "./errors.ts";
export type { CallOptions, ClientEvent, JobCallOptions } from "./exchange.ts";
export type { Job, JobUpdate, WaitOptions } from "./job.ts";
export type { Payer, TrustedAsset } from "./pay.ts";
