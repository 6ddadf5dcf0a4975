export {
  type Context,
  type Handler,
  type JobContext,
  type JobHandler,
  notImplemented,
  type Step,
} from "../jobs/handler.ts";
export type { Accept, AcceptedAsset } from "../ledger/accept.ts";
export type { FacilitatorOption } from "../ledger/endpoint.ts";
export type { ChainRecord, Evidence } from "../ledger/evidence.ts";
export { FAULT_POINTS, type FaultPoint, type Faults } from "../observe/fault.ts";
export type { Logger, LogLevel } from "../observe/log.ts";
export type { MetricsEndpoint } from "../observe/telemetry.ts";
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
export type {
  JobStatus,
  Network,
  PaymentPayload,
  PaymentPayloadV1,
  PaymentRequirements,
  PaymentRequirementsV1,
  PaymentState,
  Receipt,
} from "../wire/index.ts";
export type { EvmAccount } from "../wire/transfer.ts";
export type { AdminOptions } from "./admin.ts";
export type { CallbackSettings, PaymentOptions, ServerOptions } from "./options.ts";
export type { Documents, Quote, ResourceDocument } from "./resource.ts";
export { type Server, serve } from "./serve.ts";
