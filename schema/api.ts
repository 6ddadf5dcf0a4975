import type { CancelPolicy } from "./cancel.ts";
import type { Duration } from "./duration.ts";
import type { Usd } from "./money.ts";
import type { Price, PriceFor } from "./price.ts";
import type { InputOf, OutputOf, Schema } from "./standard.ts";

/** Defaults of a resource. */
export const DEFAULT_TIMEOUT: Duration = "30s";
export const DEFAULT_RETENTION: Duration = "24h";
export const DEFAULT_BACKOFF: Duration = "1s";

/** Maximum number of retries of a job. */
export const MAX_RETRIES = 20;
/** Maximum backoff between retries: 10 minutes. */
export const MAX_BACKOFF: Duration = "10m";

/** How a resource runs as a job. */
export interface JobOptions<Output = unknown> {
  /** Time limit of one attempt. When it has passed, the signal aborts and the job fails with code `timeout`. */
  readonly timeout: Duration;
  /** How long buyers can fetch the result after the job has ended. @default "24h" */
  readonly retention?: Duration;
  /**
   * Retries after an error or timeout, from 0 to 20. A job that ends with `ctx.fail` is not retried. Neither is a handler
   * that still runs 2 seconds after its `signal` aborted, so two attempts never overlap. Each attempt has the full
   * `timeout`, and `ctx.attempt` increases. @default 0
   */
  readonly retries?: number;
  /**
   * Pause before the first retry. It doubles with each retry, up to 10 minutes, with a random jitter of 25 %.
   * @default "1s"
   */
  readonly backoff?: Duration;
  /**
   * Maximum time between acceptance and start. A job that has not started by then expires. If it was charged, a refund is
   * owed; with `charge: "after"` it is never charged (its authorization is valid for longer by this time). A server with
   * `role: "api"` rejects new jobs when it has seen no worker for this long. @default unlimited
   */
  readonly startWithin?: Duration;
  /** Maximum number of these jobs that run at once in one server, at least 1. @default no separate limit */
  readonly concurrency?: number;
  /**
   * Maximum number of these jobs in the queue, at least 1. When the queue is full, the server answers 503 `queue_full`
   * before it charges anything. @default the server's limit
   */
  readonly maxQueued?: number;
  /** The output field with the URL of the result; copied to `artifactUrl` of the job's status. */
  readonly artifactUrl?: keyof Output & string;
  /** The output field with a text response; copied to `response` of the job's status. */
  readonly response?: keyof Output & string;
}

/** The seller's costs. The compiler checks them against the lowest price. They are never published. */
export interface Costs {
  readonly compute?: Usd;
  readonly api?: Usd;
  readonly storage?: Usd;
  /** Required margin as a fraction of the price: 0.3 is 30 %. At least 0, below 1. @default 0 */
  readonly margin?: number;
}

/** One input with the output that it gives; both are checked against their schemas and published. */
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

/** One resource: its texts, schemas, price and options. */
export interface ResourceDefinition<
  I extends Schema = Schema,
  O extends Schema = Schema,
  Code extends string = string,
> extends CacheOptions {
  /** One sentence in the imperative: what the buyer gets. */
  readonly summary: string;
  /** Further information for buyers. Markdown. */
  readonly description?: string;
  /** Schema of the input. Must be an object. */
  readonly input: I;
  /** Schema of the output. The server validates each output before it sends it. */
  readonly output: O;
  readonly price: Price;
  /** `GET` reads the input from path and query. @default "POST" */
  readonly method?: "GET" | "POST";
  /** Path with `:name` for path parameters. @default `/v1/<name-in-kebab-case>` */
  readonly path?: string;
  /** Time limit of the handler of a synchronous resource. @default "30s" */
  readonly timeout?: Duration;
  /** With it, the call starts a job and the response is 202. Without it, the resource is synchronous. */
  readonly job?: JobOptions;
  /**
   * When the buyer is charged. `"before"`: the payment is settled, then the handler runs; a failure owes a refund.
   * `"after"`: the handler runs, then the payment is settled, and a failure is free; the authorization must outlive
   * the work, so use it only for work of a few minutes. @default "before" for jobs, "after" for synchronous resources
   */
  readonly charge?: "before" | "after";
  /**
   * For jobs: what follows when the buyer cancels a job that was charged. `"refund"`: the full price is refunded.
   * `"keep"`: nothing is refunded; only where the buyer is charged before the work. `"forbid"`: the job cannot be
   * canceled, and `DELETE` is answered 409 `cancel_forbidden`. Published with the price. @default "refund"
   */
  readonly cancel?: CancelPolicy | undefined;
  /** Codes for `ctx.fail`, each with a message for buyers. */
  readonly errors?: { readonly [code in Code]: string };
  readonly costs?: Costs;
  readonly tags?: readonly string[];
  /** True, or the replacement. */
  readonly deprecated?: boolean | string;
  readonly examples?: readonly Example[];
  /**
   * Maximum number of synchronous calls of this resource whose handlers run at once in one server, at least 1. Further
   * calls are answered 503 before their payment is verified. A job has `job.concurrency`. @default the server's limit
   */
  readonly concurrency?: number;
  /** Input fields that may appear in the server's log. @default none */
  readonly loggable?: readonly string[];
}

/** When the buyer is charged: the declared mode, or the default. */
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

/** Defines a resource. The types check the price and the job options against input and output. */
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

/** An API: what it is called, who answers for it, and its resources. */
export interface ApiDefinition<
  R extends { readonly [name: string]: ResourceDefinition } = { readonly [name: string]: ResourceDefinition },
> {
  readonly title: string;
  /** The API's own version, such as `"1.2.0"`. */
  readonly version: string;
  readonly description: string;
  readonly contact?: { readonly name?: string; readonly url?: string; readonly email?: string };
  readonly license?: { readonly name: string; readonly url?: string };
  /** URLs of the API, most important first. */
  readonly servers?: readonly { readonly url: string; readonly description?: string }[];
  readonly resources: R;
}

/** Marks a module's default export as a definition, across copies of this package. */
const BRAND = "~resource402";

/** Defines an API: the default export of `resources.ts`. */
export function defineApi<const R extends { readonly [name: string]: ResourceDefinition }>(
  definition: ApiDefinition<R>,
): ApiDefinition<R> {
  return { ...definition, [BRAND]: 1 } as ApiDefinition<R>;
}

/** True for what {@link defineApi} returned, here or in another copy of this package. */
export function isApiDefinition(value: unknown): value is ApiDefinition {
  return typeof value === "object" && value !== null && BRAND in value;
}
