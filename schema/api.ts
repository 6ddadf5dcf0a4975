import type { CancelPolicy } from "./cancel.ts";
import type { Duration } from "./duration.ts";
import type { Usd } from "./money.ts";
import type { Price, PriceFor } from "./price.ts";
import type { InputOf, OutputOf, Schema } from "./standard.ts";

/** What is not said of a resource. */
export const DEFAULT_TIMEOUT: Duration = "30s";
export const DEFAULT_RETENTION: Duration = "24h";
export const DEFAULT_BACKOFF: Duration = "1s";

/** The most that a job may be run again after it has failed. */
export const MAX_RETRIES = 20;
/** The longest pause before a job is run again, however often it has failed: 10 minutes. */
export const MAX_BACKOFF: Duration = "10m";

/** How a resource that takes longer than one request is run. */
export interface JobOptions<Output = unknown> {
  /** How long the handler may run; then its signal aborts and the job ends as failed with code `timeout`. */
  readonly timeout: Duration;
  /** How long the result can be fetched after the job has ended. @default "24h" */
  readonly retention?: Duration;
  /**
   * How often the handler is run again after it has thrown or timed out: 0 to 20. What `ctx.fail` ends is final, and so
   * is a time-out whose handler still works 2 seconds after its `signal` has aborted: it must not run beside itself.
   * Each time it has the whole `timeout`, and `ctx.attempt` is higher. @default 0
   */
  readonly retries?: number;
  /**
   * The pause before the first retry. It is doubled for each next one, up to 10 minutes, and varies by a quarter, so
   * that what has failed together is not tried together. @default "1s"
   */
  readonly backoff?: Duration;
  /**
   * A job that has not been started for so long after it was accepted ends as expired: what was charged for it is owed
   * back, and what is charged after the work (whose authorization is asked for so much longer) never is. Where servers
   * of `role: "api"` have seen no worker for as long, none is sold. @default it waits for as long as it takes
   */
  readonly startWithin?: Duration;
  /** How many of it run at a time in one server: a whole number from 1. @default no limit of its own */
  readonly concurrency?: number;
  /**
   * With so many of it waiting to be started, further calls are answered 503 `queue_full`, before any money moves: a
   * whole number from 1. @default the server's limit
   */
  readonly maxQueued?: number;
  /** The output field that holds the address of the product; copied to `artifactUrl` of the job's status. */
  readonly artifactUrl?: keyof Output & string;
  /** The output field that holds a text answer; copied to `response` of the job's status. */
  readonly response?: keyof Output & string;
}

/** The seller's private arithmetic, checked against the lowest price and never published. */
export interface Costs {
  readonly compute?: Usd;
  readonly api?: Usd;
  readonly storage?: Usd;
  /** The share of the price that must be left over after costs: 0.3 is 30 %. At least 0, below 1. @default 0 */
  readonly margin?: number;
}

export interface Example<Input = unknown, Output = unknown> {
  readonly input: Input;
  readonly output: Output;
}

/** For synchronous resources. */
export interface CacheOptions {
  /**
   * Cache outputs for this long. The same validated input is then answered without running the handler, with the age of
   * the output in `Age`. A cached output is still charged, and is private to its payer. Failures are never cached. The
   * cache is in the memory of one server, and the least used outputs go first. @default never
   */
  readonly cache?: Duration | undefined;
}

export interface ResourceDefinition<
  I extends Schema = Schema,
  O extends Schema = Schema,
  Code extends string = string,
> extends CacheOptions {
  /** One sentence in the imperative: what the buyer gets. */
  readonly summary: string;
  /** Anything more that a buyer should know. Markdown. */
  readonly description?: string;
  /** What is asked of the caller. Must be an object. */
  readonly input: I;
  /** What the handler returns. Checked before it leaves the server. */
  readonly output: O;
  readonly price: Price;
  /** `GET` reads the input from path and query. @default "POST" */
  readonly method?: "GET" | "POST";
  /** Path with `:name` for path parameters. @default `/v1/<name-in-kebab-case>` */
  readonly path?: string;
  /** How long the handler may take when the answer comes in the same request. @default "30s" */
  readonly timeout?: Duration;
  /** Present: the call is answered by 202 and a job. Absent: it is answered in the same request. */
  readonly job?: JobOptions;
  /**
   * When the buyer is charged. `"before"`: the payment is settled, then the handler runs; a failure owes a refund.
   * `"after"`: the handler runs, then the payment is settled, and a failure is free; the authorization must outlive
   * the work, so only for what takes minutes at most. @default "before" for jobs, "after" for the others
   */
  readonly charge?: "before" | "after";
  /**
   * For jobs: what follows when the buyer cancels a job that was charged. `"refund"`: the full price is refunded.
   * `"keep"`: nothing is refunded; only where the buyer is charged before the work. `"forbid"`: the job cannot be
   * canceled, and `DELETE` is answered 409 `cancel_forbidden`. Published with the price. @default "refund"
   */
  readonly cancel?: CancelPolicy | undefined;
  /** Codes with which the handler may fail on purpose, each with the text that buyers read. */
  readonly errors?: { readonly [code in Code]: string };
  readonly costs?: Costs;
  readonly tags?: readonly string[];
  /** True, or what to use instead. */
  readonly deprecated?: boolean | string;
  readonly examples?: readonly Example[];
  /** Input fields that may appear in the server's log. @default none */
  readonly loggable?: readonly string[];
}

/** When a resource's buyer is charged, where the definition does not say. */
export function chargeOf({ charge, job }: Pick<ResourceDefinition, "charge" | "job">): "before" | "after" {
  return charge ?? (job === undefined ? "after" : "before");
}

/** An input schema whose value is not an object (a string, a list, …) is not accepted. */
type ObjectInput<I extends Schema> =
  InputOf<I> extends object ? (InputOf<I> extends readonly unknown[] ? never : I) : never;

/** A job's result is kept anyway, so it has no cache; only a job can be canceled. */
type Answering<O extends Schema> =
  | ({ readonly job: JobOptions<OutputOf<O>>; readonly cancel?: CancelPolicy } & Uncached)
  | ({ readonly job?: undefined; readonly cancel?: undefined } & (
      | Uncached
      | (CacheOptions & { readonly cache: Duration })
    ));

type Uncached = { readonly [Name in keyof CacheOptions]?: undefined };

/** Describes one thing that the API sells. The types hold price, path and output together. */
export function resource<const I extends Schema, const O extends Schema, const Code extends string = never>(
  definition: Omit<
    ResourceDefinition<I, O, Code>,
    "input" | "price" | "job" | "cancel" | "examples" | "loggable" | keyof CacheOptions
  > & {
    readonly input: I & ObjectInput<I>;
    readonly price: NoInfer<PriceFor<OutputOf<I>>>;
    readonly examples?: readonly Example<InputOf<I>, OutputOf<O>>[];
    readonly loggable?: NoInfer<readonly (keyof OutputOf<I> & string)[]>;
  } & Answering<O>,
): ResourceDefinition<I, O, Code> {
  return definition as ResourceDefinition<I, O, Code>;
}

export interface ApiDefinition<
  R extends { readonly [name: string]: ResourceDefinition } = { readonly [name: string]: ResourceDefinition },
> {
  readonly title: string;
  /** The API's own version, such as `"1.2.0"`. */
  readonly version: string;
  readonly description: string;
  readonly contact?: { readonly name?: string; readonly url?: string; readonly email?: string };
  readonly license?: { readonly name: string; readonly url?: string };
  /** Where the API is served, most important first. */
  readonly servers?: readonly { readonly url: string; readonly description?: string }[];
  readonly resources: R;
}

/** Marks a module's default export as a definition, across copies of this package. */
const BRAND = "~resource402";

/** The whole of what an API sells: the default export of `resources.ts`. */
export function defineApi<const R extends { readonly [name: string]: ResourceDefinition }>(
  definition: ApiDefinition<R>,
): ApiDefinition<R> {
  return { ...definition, [BRAND]: 1 } as ApiDefinition<R>;
}

/** True for what {@link defineApi} returned, here or in another copy of this package. */
export function isApiDefinition(value: unknown): value is ApiDefinition {
  return typeof value === "object" && value !== null && BRAND in value;
}
