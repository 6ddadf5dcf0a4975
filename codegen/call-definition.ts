import type { Price } from "../schema/price.ts";
import type { Method } from "../src/protocol/request.ts";
import type { ResourceModel, Transport } from "./model.ts";

/** What our client needs to know of a resource to call it: the `CallDefinition` of resource402/client. */
export interface CallModel extends Transport {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly price: Price;
  /** Defaults of the fields that the price looks at. Absent when none has one. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Milliseconds that the work may take, its wait for a start included. Absent where it is free, or not published. */
  readonly timeoutMs?: number;
  /** The media types of the output, where they are not JSON alone. */
  readonly produces?: readonly string[];
}

export function callDefinition(resource: ResourceModel): CallModel {
  const { name, method, path, price, pricedDefaults, charge, job, transport } = resource;
  const hasDefaults = Object.keys(pricedDefaults).length > 0;
  const isPublished = price.kind !== "free" && charge !== "unknown";
  const timeoutMs = (job?.startWithinMs ?? 0) + (job?.timeoutMs ?? resource.timeoutMs);
  return {
    ...{ name, method, path, price },
    ...(hasDefaults ? { defaults: pricedDefaults } : {}),
    ...(isPublished ? { timeoutMs } : {}),
    ...transport,
  };
}
