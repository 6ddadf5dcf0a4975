import type { Hono } from "hono";
import { routePath } from "hono/route";
import type { OperatorPath } from "../protocol/pages.ts";
import type { StoredAnswer } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { MetricsEndpoint, Telemetry } from "../telemetry/telemetry.ts";
import type { Admin } from "./admin.ts";
import { GUARDS, respond } from "./answer.ts";
import type { Health } from "./health.ts";

export interface Operation {
  readonly health: Health;
  /** Absent: `/metrics` is not there. */
  readonly metrics: MetricsEndpoint | undefined;
  /** Absent: `/admin` is not there. */
  readonly admin: Admin | undefined;
  readonly telemetry: Telemetry;
  /** By which the caller of `request` came: `https`. */
  readonly scheme: (request: Request) => string;
  readonly log: Logger;
  /** Paths that the definition uses itself. */
  readonly taken: ReadonlySet<string>;
}

/**
 * Mounts what is there for those who operate the server. Before everything else, so that no answer of it, not even to
 * OPTIONS, says that other origins may read it.
 */
export function mountOperation(app: Hono, operation: Operation): void {
  const { health, metrics, admin, telemetry, scheme, log, taken } = operation;
  if (telemetry.counts) {
    app.use(async (c, next) => {
      const begun = performance.now();
      await next();
      const route = routePath(c, -1);
      telemetry.requested({
        scheme: scheme(c.req.raw),
        method: METHODS.has(c.req.method) ? c.req.method : "_OTHER",
        // No route has matched: the address is arbitrary text of the sender.
        route: route === "*" || route === "/*" ? undefined : route,
        status: c.res.status,
        ms: performance.now() - begun,
      });
    });
  }
  const mount = (
    path: OperatorPath,
    answer: (request: Request) => Promise<StoredAnswer> | StoredAnswer,
  ): void => {
    if (taken.has(path)) return;
    app.get(path, async (c) => {
      try {
        return respond(await answer(c.req.raw), false);
      } catch (error) {
        log.error({ error, path }, "a request could not be answered");
        return new Response(null, { status: 503, headers: { ...GUARDS, "cache-control": "no-store" } });
      }
    });
    app.all(path, () => new Response(null, { status: 405, headers: { ...GUARDS, allow: "GET" } }));
  };
  mount("/livez", () => health.alive());
  mount("/readyz", () => health.ready());
  if (metrics) mount("/metrics", (request) => metrics.answer(request));
  if (admin) {
    mount("/admin", (request) => admin.page(request));
    mount("/admin/data", (request) => admin.data(request));
  }
}

/** What is not among them is counted as one. Source: OpenTelemetry semantic conventions, `http.request.method`. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);
