import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openShop, post, signedByHand } from "./shop.ts";

const exporter = new InMemorySpanExporter();
/** Ids of spans in the order in which they have begun: their times are too coarse to tell. */
const begun: string[] = [];
const CALLER = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

/** What an application brings along that has OpenTelemetry set up: a tracer, its contexts, and W3C headers. */
beforeAll(() => {
  const active = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (within, work, self, ...args) => active.run(within, () => work.apply(self, args)),
    bind: (_, target) => target,
    enable: () => context as never,
    disable: () => context as never,
  });
  const w3c: TextMapPropagator = {
    inject() {},
    extract(within, carrier, getter) {
      const [, traceId, spanId] =
        /^00-(\w{32})-(\w{16})-01$/.exec(String(getter.get(carrier, "traceparent"))) ?? [];
      if (!traceId || !spanId) return within;
      return trace.setSpanContext(within, { traceId, spanId, traceFlags: 1, isRemote: true });
    },
    fields: () => ["traceparent"],
  };
  propagation.setGlobalPropagator(w3c);
  const provider = new TracerProvider({
    spanProcessors: [
      new SimpleSpanProcessor({ exporter }),
      {
        onStart: (span) => begun.push(span.spanContext().spanId),
        onEnd() {},
        shutdown: async () => {},
        forceFlush: async () => {},
      },
    ],
  });
  trace.setGlobalTracerProvider(provider);
});
afterEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  propagation.disable();
  context.disable();
});

/** Spans of a trace by their beginning, as `name` or `parent > name`. */
function told(traceId: string): string[] {
  const spans = exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId);
  const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
  const since = (span: ReadableSpan) => begun.indexOf(span.spanContext().spanId);
  return [...spans]
    .sort((a, b) => since(a) - since(b))
    .map((span) => {
      const parent = names.get(span.parentSpanContext?.spanId ?? "");
      return parent === undefined ? span.name : `${parent} > ${span.name}`;
    });
}

function last(name: string): ReadableSpan {
  const span = exporter
    .getFinishedSpans()
    .filter((one) => one.name === name)
    .at(-1);
  if (!span) throw new Error(`there is no span ${name}`);
  return span;
}

describe("a call in a trace", () => {
  it("that is charged after its work: validate, verify, run, settle, answer", async () => {
    await using shop = await openShop();
    await shop.client().echo({ text: "x" });
    const server = last("POST /v1/echo");
    expect(told(server.spanContext().traceId)).toEqual([
      "POST /v1/echo",
      "POST /v1/echo > validate",
      "POST /v1/echo > verify",
      "POST /v1/echo > run",
      "POST /v1/echo > settle",
      "POST /v1/echo > answer",
    ]);
    expect(server.kind).toBe(SpanKind.SERVER);
    expect(server.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "/v1/echo",
      "url.path": "/v1/echo",
      "url.scheme": "http",
      "http.response.status_code": 200,
      "resource402.resource": "echo",
      "resource402.outcome": "succeeded",
    });
    expect(server.status.code).toBe(SpanStatusCode.UNSET);
    expect(last("verify").attributes).toEqual({ "resource402.outcome": "valid" });
    expect(last("settle").attributes).toEqual({ "resource402.outcome": "settled" });
    expect(last("run").attributes).toEqual({ "resource402.outcome": "succeeded" });
  });

  it("that is charged before its work: settle, then run", async () => {
    await using shop = await openShop();
    await shop.client().brew({ cup: "x" });
    expect(told(last("POST /v1/brew").spanContext().traceId).map((name) => name.split(" > ").at(-1))).toEqual(
      ["POST /v1/brew", "validate", "verify", "settle", "run", "answer"],
    );
  });

  it("belongs to the trace of its caller, and what the handler does to the call", async () => {
    await using shop = await openShop();
    shop.handlers.echo = () => {
      trace.getTracer("the handler's own").startSpan("look something up").end();
      return { text: "" };
    };
    const body = { text: "x" };
    const { headers } = await signedByHand(shop, "/v1/echo", body);
    const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
    await shop.fetch("/v1/echo", post(body, { ...headers, traceparent }));
    expect(told(CALLER.traceId)).toContain("run > look something up");
    expect(last("POST /v1/echo").parentSpanContext).toMatchObject(CALLER);
  });

  it("shows an error by its code, and no text that may hold what the buyer wrote", async () => {
    await using shop = await openShop();
    shop.handlers.echo = ({ text }) => {
      throw new Error(`cannot say ${text}`);
    };
    await shop
      .client()
      .echo({ text: "canary" })
      .catch(() => {});
    const server = last("POST /v1/echo");
    expect(server.status.code).toBe(SpanStatusCode.ERROR);
    expect(server.attributes).toMatchObject({
      "error.type": "internal_error",
      "http.response.status_code": 500,
    });
    expect(last("run").attributes).toEqual({ "resource402.outcome": "internal_error" });
    const spans = exporter.getFinishedSpans();
    const said = spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
    expect(JSON.stringify(said)).not.toMatch(/canary|0x[0-9a-f]{40}/);
  });

  it("names its path without what the buyer wrote there, and the scheme by which the buyer came", async () => {
    await using shop = await openShop({ publicUrl: "https://shop.example" });
    await shop.fetch("/v1/prices/canary?days=7");
    const { attributes } = last("GET /v1/prices/:symbol");
    expect(attributes).toMatchObject({
      "http.route": "/v1/prices/:symbol",
      "url.path": "/v1/prices/REDACTED",
      "url.scheme": "https",
    });
    expect(JSON.stringify(attributes)).not.toContain("canary");
  });

  it("that is only asked to pay, or refused, ends as soon", async () => {
    await using shop = await openShop();
    await shop.fetch("/v1/echo", post({ text: "x" }));
    expect(last("POST /v1/echo").attributes).toMatchObject({ "resource402.outcome": "challenged" });
    await shop.fetch("/v1/echo", post({ text: 5 }));
    const refused = last("POST /v1/echo");
    expect(refused.attributes).toMatchObject({
      "resource402.outcome": "failed",
      "resource402.code": "invalid_input",
    });
    expect(refused.status.code).toBe(SpanStatusCode.UNSET);
  });
});

describe("a job in a trace", () => {
  it("is run in the trace of its call, whichever process runs it", async () => {
    await using shop = await openShop();
    const body = { prompt: "x" };
    const { headers } = await signedByHand(shop, "/v1/render", body);
    const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
    const accepted = await shop.fetch("/v1/render", post(body, { ...headers, traceparent }));
    const { jobId } = (await accepted.json()) as { jobId: string };
    await shop.fetch(`/v1/jobs/${jobId}`, { headers: { prefer: "wait=5" } });
    const call = last("POST /v1/render").spanContext();
    expect(await shop.store.job(jobId)).toMatchObject({ trace: `00-${call.traceId}-${call.spanId}-01` });
    // The job may begin before its call has been answered.
    expect(new Set(told(CALLER.traceId))).toEqual(
      new Set([
        "POST /v1/render",
        "POST /v1/render > validate",
        "POST /v1/render > verify",
        "POST /v1/render > settle",
        "POST /v1/render > answer",
        "POST /v1/render > job render",
        "job render > run",
      ]),
    );
    const work = last("job render");
    expect(work.kind).toBe(SpanKind.CONSUMER);
    expect(work.attributes).toMatchObject({ "resource402.resource": "render", "resource402.attempt": 1 });
  });
});
