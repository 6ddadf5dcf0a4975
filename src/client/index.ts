export type { Money } from "../../schema/money.ts";
export type {
  JobDocument,
  JobState,
  PaymentPayload,
  PaymentRequirements,
  PaymentState,
  Receipt,
} from "../protocol/index.ts";
export type { Carriages, Method } from "../protocol/request.ts";
export type { BudgetOptions } from "./budget.ts";
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
export type { CallCheck } from "./check.ts";
export { connect } from "./connect.ts";
export type {
  BudgetAmounts,
  Connection,
  JobResource,
  PendingCall,
  Resource,
  UnpricedJobResource,
  UnpricedResource,
} from "./connection.ts";
export {
  type Charged,
  type ErrorCode,
  type ErrorResponse,
  isResourceError,
  type RefusalReason,
  ResourceError,
} from "./errors.ts";
export type { ServerSentEvent } from "./event-stream.ts";
export type { Job, JobUpdate, WaitOptions } from "./job.ts";
export type { JobFormat } from "./job-format.ts";
export type { TrustedAsset } from "./offers.ts";
export type { CallOptions, ClientEvent, ClientOptions, JobCallOptions } from "./options.ts";
export type { Payer } from "./pay.ts";
