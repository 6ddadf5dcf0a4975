import type { Duration } from "../../schema/duration.ts";
import type { Usd } from "../../schema/money.ts";
import type { Accept } from "../ledger/accept.ts";
import { addressProblem } from "../ledger/address.ts";
import { type Endpoint, endpointsOf, type FacilitatorOption, isHttp } from "../ledger/endpoint.ts";
import { type ChainRecord, rpcRecord } from "../ledger/evidence.ts";
import type { EvmAccount } from "../protocol/transfer.ts";
import type { Store } from "../store/store.ts";
import type { Faults } from "../telemetry/fault.ts";
import type { Logger, LogLevel } from "../telemetry/log.ts";
import type { MetricsEndpoint } from "../telemetry/telemetry.ts";
import type { Time } from "../time/time.ts";
import type { AdminOptions } from "./admin.ts";

/** How the server is paid: accepted networks and tokens, the facilitator, refunds and limits. */
export interface PaymentOptions {
  /** The ways to pay, in the order in which buyers are offered them. */
  readonly accepts: readonly Accept[];
  /**
   * A facilitator, or several in order: the next one is asked where one does not reply. Each is a URL, a config object
   * (`{ url, createAuthHeaders }`, as CDP's package gives it), or a client object. Prefer URL or config object: only with
   * these can a connection that was never made be told from a lost reply.
   */
  readonly facilitator: FacilitatorOption | readonly FacilitatorOption[];
  /** Timeout of one request to the facilitator. After it the settlement is unconfirmed. @default "60s" */
  readonly facilitatorTimeout?: Duration;
  /**
   * Pays refunds: the account signs transfers of the token from itself to the payer, which go through the same
   * facilitator, so it needs the token but no gas. A viem `LocalAccount` fits. Without it, refunds stay owed, are
   * shown as `refund_owed`, and are paid by `resource402 refunds pay`.
   */
  readonly refunds?: { readonly account: EvmAccount };
  /**
   * What the open and unconfirmed calls of one payer may cost together, in US dollars; more is answered 429. One call is
   * allowed whatever it costs. @default "5.00"
   */
  readonly maxOutstanding?: Usd;
  /** Where to look up what has become of a payment. @default the nodes at the `rpcUrl` of `accepts` */
  readonly chain?: ChainRecord;
}

/** Options of the generated `createServer`. */
export interface ServerOptions<Handlers> {
  /** One function per resource. */
  readonly handlers: Handlers;
  /** How money comes in. May be left out only when every resource is free. */
  readonly payments?: PaymentOptions;
  /** Where calls, payments and jobs are kept. @default memoryStore(), which a restart forgets */
  readonly store?: Store;
  /**
   * Address at which buyers reach this server, when a proxy hides it: `https://api.example.com`. A path in it, as in
   * `https://example.com/api`, is also the `basePath`.
   */
  readonly publicUrl?: string;
  /**
   * Path under which this API is mounted in another server: `/api`. Requests are accepted with it and without it, and every
   * address that this server names begins with it. @default the path of `publicUrl`
   */
  readonly basePath?: string;
  /**
   * Take the address that buyers use from `Forwarded` or `X-Forwarded-Proto`, `-Host` and `-Prefix`. Only behind a proxy
   * that always sets them: else callers choose what this server calls itself. `publicUrl` is safer where there is one
   * address. @default false
   */
  readonly trustProxy?: boolean;
  /** Answer browsers of any origin. @default true */
  readonly cors?: boolean;
  /** Serve `/openapi.json`, `/llms.txt`, `/docs` and `/.well-known/x402`. @default true */
  readonly publish?: boolean;
  /**
   * Where log lines go: pino, winston, `console`, or only a level for the pino that writes JSON lines to standard
   * error. Inputs, payments and keys are never among them, but for the fields that a definition names `loggable`.
   * @default "info"
   */
  readonly log?: Logger | LogLevel;
  /**
   * Where metrics are counted: `prometheus()` of `resource402/prometheus`, which answers `GET /metrics`.
   * @default the meter provider that is registered with `@opentelemetry/api` when the server is created
   */
  readonly metrics?: MetricsEndpoint;
  /** Shows whoever knows the token how things are, at `GET /admin`. @default there is no such page */
  readonly admin?: AdminOptions;
  /** @default 1 MiB */
  readonly maxBodyBytes?: number;
  /**
   * Refuse payments without an idempotency key (400). A buyer who signs again after a lost response, without a key,
   * looks like one who buys twice. Stock x402 clients send none. @default false
   */
  readonly requireKey?: boolean;
  /**
   * For this long after a purchase, the same input from the same payer without a key is answered 409
   * `possible_duplicate`, and not charged. @default never
   */
  readonly duplicateWindow?: Duration;
  /** How dead servers are noticed. */
  readonly recovery?: {
    /** Interval of the rounds over unconfirmed calls, refunds and orphaned jobs, in milliseconds. @default 3000 */
    readonly everyMs?: number;
    /** After this long without a sign of life, what a server had begun is taken over, in milliseconds. @default 15000 */
    readonly leaseMs?: number;
    /**
     * A call without a job that was charged before its work, and whose server died over it, is done when its buyer
     * comes back in this time; then it is refunded. In milliseconds. @default 60000
     */
    readonly comeBackMs?: number;
  };
  /**
   * What this process does. `"api"` takes calls in and leaves jobs to others, `"worker"` runs jobs and answers no calls;
   * they need a store that they share. While no worker lives, `/readyz` of an `"api"` says so (and stays 200), jobs
   * wait, and those with `startWithin` are answered 503 once that time has passed without one. @default "both"
   */
  readonly role?: "api" | "worker" | "both";
  readonly jobs?: {
    /** How many jobs run at a time in this process. @default 100 */
    readonly concurrency?: number;
    /**
     * Whether this process goes on between requests. Where it does not, jobs are refused (503, before the 402) unless
     * `fetch` is given a `waitUntil`. Write true in a Durable Object, and where a cron trigger calls `tick()` often
     * enough. @default false on Workers, Lambda, Vercel and Netlify functions, else true
     */
    readonly keepsRunning?: boolean;
    /** With so many jobs waiting, in all processes, further ones are answered 503 and not charged. @default 10000 */
    readonly maxQueued?: number;
    /**
     * How many bytes the stored inputs of one payer's jobs may take together until the jobs have ended; more is answered 429
     * and not charged. Inputs below 16 KiB are not counted, and one input is allowed whatever its size. All free jobs count
     * as those of one payer, and are answered 503. @default 67108864 (64 MiB)
     */
    readonly maxInputBytes?: number;
  };
  /**
   * How many synchronous calls have their handlers run at a time in this process; further calls are answered 503 before
   * their payment is verified. A resource can have a lower limit of its own. @default 1000
   */
  readonly concurrency?: number;
  /**
   * How buyers are notified of the end of their jobs, at the `Callback-Url` that they send with the call. `false`: not at
   * all, and a request for it is answered 400. Posted by servers that have been started, from their own network: only to
   * https addresses in the public one.
   */
  readonly callbacks?: CallbackSettings | false;
  /** Of all outputs together that may be given again because a definition says `cache`. @default 64 MiB */
  readonly maxCacheBytes?: number;
  /** For tests: the clock and timers of this server. @default the system's */
  readonly time?: Time;
  /** For tests: called at every step between two writes. */
  readonly faults?: Faults;
}

/** How the server sends callbacks. */
export interface CallbackSettings {
  /** Also by http, and to private addresses: for tests and intranets. @default false */
  readonly allowPrivate?: boolean;
  /** How long one try may take. @default "10s" */
  readonly timeout?: Duration;
  /**
   * How often one callback is tried at most: again after 5 seconds, and each time twice as long after, up to an hour.
   * @default 8
   */
  readonly attempts?: number;
}

/** What each group of options knows: in JavaScript, a name mistyped would pass in silence. */
const KNOWN = {
  "": [
    ...[
      "handlers",
      "quotes",
      "payments",
      "store",
      "publicUrl",
      "basePath",
      "trustProxy",
      "cors",
      "publish",
      "log",
      "metrics",
      "admin",
      "maxBodyBytes",
    ],
    ...[
      "requireKey",
      "duplicateWindow",
      "recovery",
      "role",
      "jobs",
      "concurrency",
      "callbacks",
      "maxCacheBytes",
      "time",
      "faults",
    ],
  ],
  payments: ["accepts", "facilitator", "facilitatorTimeout", "refunds", "maxOutstanding", "chain"],
  jobs: ["concurrency", "maxQueued", "maxInputBytes", "keepsRunning"],
  recovery: ["everyMs", "leaseMs", "comeBackMs"],
  callbacks: ["allowPrivate", "timeout", "attempts"],
} as const;

const ROLES: readonly unknown[] = ["api", "worker", "both"];

/** @throws Error with the option, what is wrong and what to write instead. */
export function checkOptions(options: ServerOptions<object>): void {
  for (const [group, known] of Object.entries(KNOWN)) {
    const given: unknown = group === "" ? options : options[group as keyof typeof options];
    if (given === undefined || (group === "callbacks" && given === false)) continue;
    if (typeof given !== "object" || given === null) {
      throw new Error(
        `createServer: ${group} is not an object; write { ${known.join(", ")} } or leave it out`,
      );
    }
    const wrong = Object.keys(given).find((name) => !(known as readonly string[]).includes(name));
    const place = group === "" ? wrong : `${group}.${wrong}`;
    if (wrong !== undefined) {
      throw new Error(`createServer: ${place} is not known; there are ${known.join(", ")}`);
    }
  }
  const { role, jobs = {}, recovery = {}, maxCacheBytes, maxBodyBytes, store, metrics } = options;
  const { publicUrl, basePath } = options;
  if (publicUrl !== undefined && !isHttp(publicUrl)) {
    throw new Error(
      `createServer: publicUrl is "${publicUrl}"; write the address that buyers use, such as "https://api.example.com"`,
    );
  }
  if (basePath !== undefined && !/^\/[^?#\s]*$/.test(basePath)) {
    throw new Error(`createServer: basePath is "${basePath}"; write a path, such as "/api"`);
  }
  if (role !== undefined && !ROLES.includes(role)) {
    throw new Error(`createServer: role is "${role}"; write "api", "worker" or "both"`);
  }
  if (role !== undefined && role !== "both" && store === undefined) {
    throw new Error(
      `createServer: role "${role}" needs a store that it shares with others; use postgresStore of resource402/postgres`,
    );
  }
  if (metrics !== undefined && typeof metrics?.answer !== "function") {
    throw new Error(
      "createServer: metrics is not a valid endpoint; write prometheus() of resource402/prometheus",
    );
  }
  const whole = (name: string, value: number | undefined, least: number): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    throw new Error(`createServer: ${name} is ${value}; write a whole number from ${least}`);
  };
  whole("concurrency", options.concurrency, 1);
  whole("jobs.concurrency", jobs.concurrency, 1);
  whole("jobs.maxQueued", jobs.maxQueued, 1);
  whole("jobs.maxInputBytes", jobs.maxInputBytes, 0);
  whole("recovery.everyMs", recovery.everyMs, 1);
  whole("recovery.leaseMs", recovery.leaseMs, 1);
  whole("recovery.comeBackMs", recovery.comeBackMs, 0);
  whole("maxCacheBytes", maxCacheBytes, 0);
  whole("maxBodyBytes", maxBodyBytes, 0);
}

/** The chains' own nodes, where they are named. */
export function chainOf(accepts: readonly Accept[]): ChainRecord | undefined {
  const wrong = accepts.find(({ rpcUrl }) => rpcUrl !== undefined && !isHttp(rpcUrl));
  if (wrong)
    throw new Error(`createServer: rpcUrl "${wrong.rpcUrl}" of ${wrong.network} is not a valid http URL`);
  const urls = accepts.flatMap(({ network, rpcUrl }) =>
    rpcUrl === undefined ? [] : [[network, rpcUrl] as const],
  );
  return urls.length > 0 ? rpcRecord(new Map(urls)) : undefined;
}

/** @throws Error with the place, what is wrong and what to write instead. */
export function facilitatorsOf(payments: PaymentOptions | undefined): readonly Endpoint[] | undefined {
  if (!payments) return undefined;
  const { accepts, facilitator, refunds } = payments;
  if (accepts.length === 0) throw new Error("createServer: payments.accepts names no way to pay");
  if (refunds && typeof refunds.account?.signTypedData !== "function") {
    throw new Error(
      "createServer: payments.refunds.account is not an account that signs; pass a viem account, or leave `refunds` out",
    );
  }
  const problem = refunds && addressProblem(refunds.account.address);
  if (problem !== undefined) {
    throw new Error(
      `createServer: payments.refunds.account.address "${refunds?.account.address}" ${problem}`,
    );
  }
  return endpointsOf(facilitator);
}
