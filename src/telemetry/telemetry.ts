import {
  type Attributes,
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
} from "@opentelemetry/api";
import { type Backlog, observeBacklog, RESOURCE } from "./gauges.ts";
import { createTracing, SCOPE, type Tracing } from "./trace.ts";

/**
 * What a server tells of itself through `@opentelemetry/api`, in the words of its semantic conventions where there are
 * any, else as `resource402.*`. Inputs, payments, addresses and keys are not part of it: every label has few
 * values.
 */
export interface Telemetry {
  readonly tracing: Tracing;
  /** False when no metrics are collected. */
  readonly counts: boolean;
  /** A request of any kind was answered, `ms` after it came. */
  requested(request: {
    method: string;
    scheme: string;
    route: string | undefined;
    status: number;
    ms: number;
  }): void;
  /** A call of a resource was answered; `code` says with which error. */
  called(call: { resource: string; outcome: CallOutcome; code: string | undefined }): void;
  /** Runs a handler and tells how that went. */
  run<T extends { readonly ok: boolean; readonly code?: string }>(
    resource: string,
    work: () => Promise<T>,
  ): Promise<T>;
  /** What a buyer got in the end: of a call once, however often its handler was run. */
  delivered(resource: string, outcome: string, code: string | undefined): void;
  /** A job was started for the first time, `ms` after it was accepted. */
  started(resource: string, ms: number): void;
  /** A facilitator was asked something of a payment for a resource, and answered. */
  asked(about: {
    question: "verify" | "settle";
    resource: string;
    facilitator: string;
    outcome: string;
    /** What an unclear reply said. */
    word?: string;
    ms: number;
  }): void;
  /** A payment has been settled. */
  earned(payment: { resource: string; network: string; currency: string; usd: number }): void;
  /** A refund was written, or paid; `value` in units of its currency. */
  refunded(refund: { resource: string; state: "owed" | "paid"; currency: string; value: number }): void;
  /** A buyer was notified of the end of a job, or the notification failed. */
  calledBack(resource: string, outcome: string): void;
  /**
   * Where the gauges read what waits; asked when they are collected, and not more often than every few seconds.
   * @param jobs the resources whose queues are shown when they are empty, too
   */
  gauge(read: () => Promise<Backlog>, jobs: readonly string[]): void;
}

/**
 * `challenged`: asked to pay. `refused`: asked to pay again, because the payment was not valid. `accepted`: a job.
 * `replayed`: an answer that had been given before.
 */
export type CallOutcome = "succeeded" | "accepted" | "challenged" | "refused" | "failed" | "replayed";

/** Where metrics are counted and can be read: `prometheus()` of `resource402/prometheus`. */
export interface MetricsEndpoint {
  readonly provider: MeterProvider;
  /** Answers `GET /metrics`. */
  answer(request: Request): Promise<{
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }>;
}

/** Upper limits of buckets in seconds: from the convention for requests, and up to an hour for work. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const WORK_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

const OUTCOME = "resource402.outcome";
const ERROR = "error.type";

/**
 * @param provider Where metrics go. Default: the provider that is registered with OpenTelemetry's API by now; where
 * there is none, nothing is counted.
 */
export function createTelemetry(provider: MeterProvider = metrics.getMeterProvider()): Telemetry {
  const meter = provider.getMeter(SCOPE);
  const tracing = createTracing();
  return meter === createNoopMeter() ? silent(tracing) : speaking(meter, tracing);
}

function silent(tracing: Tracing): Telemetry {
  const nothing = (): void => {};
  return {
    tracing,
    counts: false,
    requested: nothing,
    called: nothing,
    run: (_, work) => work(),
    delivered: nothing,
    started: nothing,
    asked: nothing,
    earned: nothing,
    refunded: nothing,
    calledBack: nothing,
    gauge: nothing,
  };
}

function speaking(meter: Meter, tracing: Tracing): Telemetry {
  const seconds = (name: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries } });
  const count = (name: string, description: string, unit: string) =>
    meter.createCounter(name, { description, unit });

  const requests = seconds("http.server.request.duration", "Duration of HTTP requests.", REQUEST_SECONDS);
  const calls = count("resource402.calls", "Calls of resources that were answered.", "{call}");
  const errors = count("resource402.errors", "Calls and jobs that ended by an error.", "{error}");
  const handlers = seconds("resource402.handler.duration", "Duration of one run of a handler.", WORK_SECONDS);
  const running = meter.createUpDownCounter("resource402.handlers.running", {
    description: "Handlers that run now.",
    unit: "{handler}",
  });
  const results = count("resource402.results", "Work that was asked for, by what became of it.", "{result}");
  const waits = seconds(
    "resource402.job.wait",
    "Time from the acceptance of a job to its first start.",
    WORK_SECONDS,
  );
  const facilitators = {
    verify: seconds(
      "resource402.verify.duration",
      "Time a facilitator took to verify a payment.",
      REQUEST_SECONDS,
    ),
    settle: seconds(
      "resource402.settle.duration",
      "Time a facilitator took to settle a payment.",
      WORK_SECONDS,
    ),
  };
  const unclear = count(
    "resource402.settle.unclear",
    "Settlements whose reply proves nothing, by facilitator and reason.",
    "{settlement}",
  );
  const payments = count("resource402.payments", "Payments that were settled.", "{payment}");
  const revenue = count("resource402.revenue.usd", "What these brought, in US dollars.", "{USD}");
  const refunds = count("resource402.refunds", "Refunds that were written, and that were paid.", "{refund}");
  const refundValue = count("resource402.refunds.value", "Their sum, in units of the currency.", "{unit}");
  const callbacks = count(
    "resource402.callbacks",
    "Attempts to tell buyers of the end of a job.",
    "{callback}",
  );

  return {
    tracing,
    counts: true,

    requested({ method, scheme, route, status, ms }) {
      requests.record(ms / 1000, {
        "http.request.method": method,
        "url.scheme": scheme,
        "http.response.status_code": status,
        ...(route === undefined ? {} : { "http.route": route }),
        ...(status >= 500 ? { [ERROR]: String(status) } : {}),
      });
    },

    called({ resource, outcome, code }) {
      calls.add(1, { [RESOURCE]: resource, [OUTCOME]: outcome });
      if (code !== undefined) errors.add(1, { [RESOURCE]: resource, [ERROR]: code });
    },

    async run(resource, work) {
      const of: Attributes = { [RESOURCE]: resource };
      const begun = performance.now();
      running.add(1, of);
      const outcome = await work().finally(() => running.add(-1, of));
      const code = outcome.ok ? {} : { [ERROR]: outcome.code ?? "internal_error" };
      handlers.record((performance.now() - begun) / 1000, { ...of, ...code });
      return outcome;
    },

    delivered(resource, outcome, code) {
      results.add(1, { [RESOURCE]: resource, [OUTCOME]: outcome });
      if (code !== undefined) errors.add(1, { [RESOURCE]: resource, [ERROR]: code });
    },

    started(resource, ms) {
      waits.record(ms / 1000, { [RESOURCE]: resource });
    },

    asked({ question, resource, facilitator, outcome, word, ms }) {
      const of = { [RESOURCE]: resource, "server.address": facilitator, [OUTCOME]: outcome };
      facilitators[question].record(ms / 1000, of);
      if (word !== undefined) {
        unclear.add(1, { "server.address": facilitator, "resource402.reason": word });
      }
    },

    earned({ resource, network, currency, usd }) {
      const of = {
        [RESOURCE]: resource,
        "resource402.network": network,
        "resource402.currency": currency,
      };
      payments.add(1, of);
      revenue.add(usd, of);
    },

    refunded({ resource, state, currency, value }) {
      const of = { [RESOURCE]: resource, "resource402.state": state, "resource402.currency": currency };
      refunds.add(1, of);
      refundValue.add(value, of);
    },

    calledBack(resource, outcome) {
      callbacks.add(1, { [RESOURCE]: resource, [OUTCOME]: outcome });
    },

    gauge(read, jobs) {
      observeBacklog(meter, read, jobs);
    },
  };
}
