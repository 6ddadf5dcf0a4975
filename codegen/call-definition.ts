import type { Price } from "../schema/price.ts";
import type { ResourceModel } from "./model.ts";

/** What our client needs to know of a resource to call it: the `CallDefinition` of resource402/client. */
export interface CallModel {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** With `:name` for path parameters. */
  readonly path: string;
  readonly price: Price;
  /** Defaults of the fields that the price looks at. Absent when none has one. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export function callDefinition({ name, method, path, price, pricedDefaults }: ResourceModel): CallModel {
  const hasDefaults = Object.keys(pricedDefaults).length > 0;
  return { name, method, path, price, ...(hasDefaults ? { defaults: pricedDefaults } : {}) };
}
