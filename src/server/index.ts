export {
  type Context,
  type Handler,
  type JobContext,
  type JobHandler,
  notImplemented,
  type Step,
} from "../jobs/handler.ts";
export { jsonLogger, type Logger } from "../observe/log.ts";
export type { Accept, AcceptedAsset } from "../payments/offer.ts";
export { memoryStore } from "../store/memory.ts";
export type {
  CallRecord,
  JobChange,
  JobRecord,
  PaymentIdentity,
  SignedPayment,
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
export type { Documents, Quote, ResourceDocument } from "./resource.ts";
export { type PaymentOptions, type Server, type ServerOptions, serve } from "./serve.ts";
