import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";

/** Who made a span: the name of the instrumentation. */
export const SCOPE = "resource402";

/** One call, or one attempt at a job, on its way through spans. When no traces are collected, it only does the work. */
export interface Trace {
  /** W3C `traceparent` to continue with in another process; `undefined` when no traces are collected. */
  readonly parent: string | undefined;
  /**
   * Does `work` as a step: a child span of this name, inside of which the spans of others (a database, `fetch`) have
   * their place. `said`: the attribute for the outcome of the span.
   */
  step<T>(name: string, work: () => T, said?: (outcome: Awaited<T>) => Attributes): T;
  /** The whole has ended. `error`: the code of what it failed with. */
  end(attributes: Attributes, error?: string): void;
}

interface TracedRequest {
  readonly method: string;
  /** The resource's, with `:name` for path parameters. */
  readonly route: string;
  /** By which the caller came: `https`. */
  readonly scheme: string;
  readonly headers: Headers;
}

export interface Tracing {
  /** The span of a request, as a server sees it: a child of the caller's, where that says so (`traceparent`). */
  request(request: TracedRequest): Trace;
  /** The span of work that a call has asked for, perhaps in another process and long ago. */
  work(name: string, parent: string | undefined, attributes: Attributes): Trace;
}

const UNTRACED: Trace = {
  parent: undefined,
  step: (_, work) => work(),
  end() {},
};

/** Traces through the tracer that is registered with OpenTelemetry's API; looked for until there is one. */
export function createTracing(): Tracing {
  let found: Tracer | undefined;
  const tracer = (): Tracer | undefined => {
    found ??= registered();
    return found;
  };

  return {
    request({ method, route, scheme, headers }) {
      const listening = tracer();
      if (!listening) return UNTRACED;
      const around = context.active();
      // Instrumentation of the HTTP server itself has read the header already.
      const within = trace.getSpan(around) ? around : propagation.extract(around, headers, FROM_HEADERS);
      const attributes = {
        "http.request.method": method,
        "http.route": route,
        "url.scheme": scheme,
        // The convention requires the path, not its pattern, scrubbed of what is sensitive: here of the parameters,
        // which are the buyer's input. Everything else in a path that a route has matched is the route's own text.
        "url.path": route.replace(/:\w+/g, "REDACTED"),
      };
      const options = { kind: SpanKind.SERVER, attributes };
      return traced(listening, within, listening.startSpan(`${method} ${route}`, options, within));
    },

    work(name, parent, attributes) {
      const listening = tracer();
      if (!listening) return UNTRACED;
      const spanContext = parent === undefined ? undefined : readTraceparent(parent);
      const within = spanContext ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT;
      const options = { kind: SpanKind.CONSUMER, attributes };
      return traced(listening, within, listening.startSpan(name, options, within));
    },
  };
}

/** The API hands out tracers that do nothing until one is registered: those are not worth a span. */
function registered(): Tracer | undefined {
  const provider: TracerProvider & { getDelegateTracer?: (name: string) => Tracer | undefined } =
    trace.getTracerProvider();
  return provider.getDelegateTracer ? provider.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
}

function traced(tracer: Tracer, around: Context, span: Span): Trace {
  const within = trace.setSpan(around, span);
  return {
    parent: writeTraceparent(span.spanContext()),

    step(name, work, said) {
      const child = tracer.startSpan(name, {}, within);
      const done = <Outcome extends Awaited<ReturnType<typeof work>>>(outcome: Outcome): Outcome => {
        if (said) child.setAttributes(said(outcome));
        child.end();
        return outcome;
      };
      const failed = (error: unknown): never => {
        fail(child, error instanceof Error ? error.name : "Error");
        child.end();
        throw error;
      };
      try {
        const outcome = context.with(trace.setSpan(within, child), work);
        if (outcome instanceof Promise) return outcome.then(done, failed) as typeof outcome;
        done(outcome as Awaited<typeof outcome>);
        return outcome;
      } catch (error) {
        return failed(error);
      }
    },

    end(attributes, error) {
      span.setAttributes(attributes);
      if (error !== undefined) fail(span, error);
      span.end();
    },
  };
}

// No exception is recorded: its message may hold what the buyer wrote.
function fail(span: Span, type: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

const FROM_HEADERS = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/** Source: w3.org/TR/trace-context, §3.2 */
function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

function readTraceparent(text: string): SpanContext | undefined {
  const [, traceId = "", spanId = "", flags = ""] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(text) ?? [];
  if (traceId === "" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  // Of the flags only this one is known.
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}
