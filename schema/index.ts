export {
  type ApiDefinition,
  type Costs,
  defineApi,
  type Example,
  type JobOptions,
  type ResourceDefinition,
  resource,
} from "./api.ts";
export type { CancelPolicy } from "./cancel.ts";
export type { Duration } from "./duration.ts";
export type { Usd } from "./money.ts";
export {
  type ByChoice,
  type Fixed,
  type Free,
  type PerUnit,
  type PerUnitOptions,
  type PerWhat,
  type Price,
  type PriceFor,
  price,
  type Quoted,
  type Sum,
} from "./price.ts";
export type { InputOf, OutputOf, Schema } from "./standard.ts";
