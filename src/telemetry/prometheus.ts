import type { MeterProvider, MetricData, ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { loadPeer } from "../peer.ts";
import { createBearerCheck } from "./bearer.ts";
import type { MetricsEndpoint } from "./telemetry.ts";

const [{ PrometheusSerializer }, metrics] = await loadPeer(
  "resource402/prometheus",
  ["@opentelemetry/sdk-metrics", "@opentelemetry/exporter-prometheus"],
  () => Promise.all([import("@opentelemetry/exporter-prometheus"), import("@opentelemetry/sdk-metrics")]),
);

export type { MetricsEndpoint } from "./telemetry.ts";

/** Options of `prometheus`. */
export interface PrometheusOptions {
  /** Asked for as `Authorization: Bearer …`; at least 16 characters. Without it anybody may read the figures. */
  readonly token?: string;
}

/**
 * For `createServer({ metrics: prometheus() })`: counts in this process, and answers `GET /metrics` in Prometheus' text
 * format. Metrics of your own can go the same way: make them with a meter of `provider`.
 */
export function prometheus(options: PrometheusOptions = {}): MetricsEndpoint & { provider: MeterProvider } {
  const bearer = options.token === undefined ? undefined : createBearerCheck(options.token, "metrics.token");
  const reader = new Reader();
  const provider = new metrics.MeterProvider({ readers: [reader] });
  // Who scrapes knows whom: neither the instrumentation nor the process needs a label on every line.
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

  return {
    provider,
    async answer(request) {
      if (bearer && !(await bearer.admits(request))) {
        const headers = { "www-authenticate": 'Bearer realm="metrics"', "cache-control": "no-store" };
        return { status: 401, headers, body: "" };
      }
      const { resourceMetrics } = await reader.collect();
      return {
        status: 200,
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
        body: `${serializer.serialize(withUnits(resourceMetrics)).trimEnd()}\n`,
      };
    },
  };
}

/** Collects when it is asked, and not by itself. */
class Reader extends metrics.MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** The serializer does not change names. Source: OpenTelemetry, Prometheus compatibility, "Metric metadata". */
const SUFFIXES: Readonly<Record<string, string>> = { s: "seconds", By: "bytes", "1": "ratio" };

/** Base units go into the name, as Prometheus has it, and out of the comments, which its text format does not know. */
function withUnits(collected: ResourceMetrics): ResourceMetrics {
  const named = (metric: MetricData): MetricData => {
    const { name, unit } = metric.descriptor;
    const suffix = SUFFIXES[unit];
    const full = suffix === undefined || name.endsWith(`.${suffix}`) ? name : `${name}.${suffix}`;
    return { ...metric, descriptor: { ...metric.descriptor, name: full, unit: "" } };
  };
  const scopeMetrics = collected.scopeMetrics.map((scope) => ({
    ...scope,
    metrics: scope.metrics.map(named),
  }));
  return { ...collected, scopeMetrics };
}
