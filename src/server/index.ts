export {
  type Context,
  type Handler,
  type HandlerStep,
  type JobContext,
  type JobHandler,
  notImplemented,
} from "../jobs/handler.ts";
export type { Accept, AcceptedAsset } from "../ledger/accept.ts";
export type { FacilitatorOption } from "../ledger/endpoint.ts";
export type { ChainRecord, Evidence } from "../ledger/evidence.ts";
export type {
  JobStatus,
  Network,
  PaymentPayload,
  PaymentPayloadV1,
  PaymentRequirements,
  PaymentRequirementsV1,
  PaymentState,
  Receipt,
} from "../protocol/index.ts";
export type { EvmAccount } from "../protocol/transfer.ts";
export { memoryStore } from "../store/memory.ts";
export type {
  Begun,
  CallChange,
  CallRecord,
  JobChange,
  JobRecord,
  Limits,
  PaymentIdentity,
  RefundChange,
  RefundRecord,
  SignedPayment,
  Step as StoreStep,
  Stepped,
  Store,
  StoredAnswer,
} from "../store/store.ts";
export { FAULT_POINTS, type FaultPoint, type Faults } from "../telemetry/fault.ts";
export type { Logger, LogLevel } from "../telemetry/log.ts";
export type { MetricsEndpoint } from "../telemetry/telemetry.ts";
export type { AdminOptions } from "./admin.ts";
export type { FetchContext, Server } from "./lifecycle.ts";
export type { CallbackSettings, PaymentOptions, ServerOptions } from "./options.ts";
export type { Documents, Quote, ResourceDocument } from "./resource.ts";
export { serve } from "./serve.ts";
