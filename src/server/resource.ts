import {
  type ApiDefinition,
  chargeOf,
  DEFAULT_BACKOFF,
  DEFAULT_RETENTION,
  DEFAULT_TIMEOUT,
} from "../../schema/api.ts";
import { type CancelPolicy, DEFAULT_CANCEL } from "../../schema/cancel.ts";
import { milliseconds } from "../../schema/duration.ts";
import { type Money, parseUsd } from "../../schema/money.ts";
import type { Schema } from "../../schema/standard.ts";
import type { AnyHandler } from "../jobs/handler.ts";
import type { ServedJob } from "../jobs/record.ts";
import type { Priced } from "../ledger/offer.ts";
import { type InputLimits, inputLimits } from "./input-limits.ts";

/** What the compiler writes down of a resource for the server. */
export interface ResourceDocument {
  readonly method: "GET" | "POST";
  /** With `:name` for path parameters. */
  readonly path: string;
  /** The highest price in US dollars: what a probe without input is told. */
  readonly maxPrice: string;
  /** How text from path and query becomes a value: string, number, boolean or json, with `[]` for lists. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** The published documents of all resources, by resource. */
export type Documents = Readonly<Record<string, ResourceDocument>>;

/**
 * Computes a quoted price in US dollars, as a decimal string, from the validated input. Held inside the declared
 * bounds. It stands for ten minutes for the same input, so that the amount in the 402 is the amount charged.
 */
export type Quote<Input> = (input: Input) => string | Promise<string>;

/** A resource as it is served: definition, document and handler put together. */
export interface ServedResource extends Priced, ServedJob {
  readonly input: Schema;
  /** How large an input may be. Computed at first use. */
  readonly limits: () => InputLimits;
  /** What happens when the buyer cancels a charged job. */
  readonly cancel: CancelPolicy;
  readonly document: ResourceDocument;
  readonly maxPrice: Money;
  /** The price where it is the same for every input. */
  readonly fixed: Money | undefined;
  readonly quote: Quote<never> | undefined;
  /** How long an output is repeated for the same input, in milliseconds. */
  readonly cache: { readonly ms: number } | undefined;
  /** Input fields that may appear in the log. */
  readonly loggable: readonly string[];
}

/** Puts definition, documents and handlers together. @throws when one of them is missing, naming all of them, also in the `missing` of the error. */
export function servedResources(
  api: ApiDefinition,
  documents: Documents,
  handlers: Readonly<Record<string, unknown>>,
  quotes: Readonly<Record<string, unknown>>,
  maxBodyBytes: number,
): ServedResource[] {
  const missing: string[] = [];
  const served = Object.entries(api.resources).map(([name, definition]): ServedResource => {
    const document = documents[name];
    const handler = handlers[name];
    const quote = quotes[name];
    if (!document) missing.push(`the generated document of "${name}" (run \`npx resource402 generate\`)`);
    if (typeof handler !== "function") missing.push(`handlers.${name}`);
    if (definition.price.kind === "quoted" && typeof quote !== "function") missing.push(`quotes.${name}`);
    const { job, cache } = definition;
    let limits: InputLimits | undefined;
    return {
      name,
      summary: definition.summary,
      price: definition.price,
      input: definition.input,
      limits: () => {
        limits ??= inputLimits(definition.input, maxBodyBytes);
        return limits;
      },
      output: definition.output,
      errors: definition.errors ?? {},
      isJob: job !== undefined,
      charge: chargeOf(definition),
      timeoutMs: milliseconds(job?.timeout ?? definition.timeout ?? DEFAULT_TIMEOUT),
      retentionMs: milliseconds(job?.retention ?? DEFAULT_RETENTION),
      retries: job?.retries ?? 0,
      backoffMs: milliseconds(job?.backoff ?? DEFAULT_BACKOFF),
      cancel: definition.cancel ?? DEFAULT_CANCEL,
      startWithinMs: job?.startWithin === undefined ? undefined : milliseconds(job.startWithin),
      concurrency: job === undefined ? definition.concurrency : job.concurrency,
      maxQueued: job?.maxQueued,
      artifactUrl: job?.artifactUrl,
      response: job?.response,
      document: document as ResourceDocument,
      maxPrice: parseUsd(document?.maxPrice ?? "0"),
      fixed: definition.price.kind === "fixed" ? parseUsd(definition.price.usd) : undefined,
      handler: handler as AnyHandler,
      quote: quote as Quote<never> | undefined,
      cache: cache === undefined || job !== undefined ? undefined : { ms: milliseconds(cache) },
      loggable: definition.loggable ?? [],
    };
  });
  if (missing.length > 0) {
    throw Object.assign(new Error(`createServer: missing ${missing.join(", ")}`), { missing });
  }
  return served;
}
