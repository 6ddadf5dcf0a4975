import { statusOf } from "../store/state.ts";
import { readStats } from "../store/stats.ts";
import type { Store, StoredAnswer } from "../store/store.ts";
import { createBearerCheck } from "../telemetry/bearer.ts";
import type { AdminData } from "./admin-page/data.ts";
import type { Observer } from "./observer.ts";

/** Options of the admin page. */
export interface AdminOptions {
  /**
   * Who knows it may see the operator page at `/admin`: as the password, with any user name, or as a bearer token. At
   * least 16 characters.
   */
  readonly token: string;
}

/** The page for whoever operates the server, and its figures. Both ask for the token, and no other site may show them. */
export interface Admin {
  page(request: Request): Promise<StoredAnswer>;
  data(request: Request): Promise<StoredAnswer>;
}

/** How much time is looked at, in what steps, and for how long the figures are kept. */
const RANGES = {
  "1h": { ms: 3_600_000, bucketMs: 60_000, keptMs: 2_000 },
  "24h": { ms: 86_400_000, bucketMs: 900_000, keptMs: 10_000 },
} as const;

type Range = keyof typeof RANGES;

/** How many jobs, refunds and settlements are listed. */
const LISTED = 50;

const GUARDED = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export function createAdmin({
  token,
  title,
  names,
  store,
  observer,
}: AdminOptions & {
  readonly title: string;
  /** Of all resources. */
  readonly names: readonly string[];
  readonly store: Store;
  readonly observer: Observer;
}): Admin {
  const bearer = createBearerCheck(token, "admin.token");
  const begun = Date.now();
  const kept = new Map<Range, { readonly until: number; readonly body: Promise<string> }>();

  async function guarded(request: Request, answer: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
    if (await bearer.admits(request)) return answer();
    const headers = { ...GUARDED, "www-authenticate": 'Basic realm="operator", charset="UTF-8"' };
    return {
      status: 401,
      headers: { ...headers, "content-type": "text/plain" },
      body: "The token is needed.",
    };
  }

  /** Several who look at once, and often, cost the store one look. */
  function body(range: Range): Promise<string> {
    const now = Date.now();
    const last = kept.get(range);
    if (last && last.until > now) return last.body;
    const next = { until: now + RANGES[range].keptMs, body: read(range, now) };
    kept.set(range, next);
    next.body.catch(() => kept.delete(range));
    return next.body;
  }

  async function read(range: Range, now: number): Promise<string> {
    const [stats, going, ended, owed, unconfirmed] = await Promise.all([
      readStats(store, names, RANGES[range], now),
      store.recentJobs({ ended: false, limit: LISTED }),
      store.recentJobs({ ended: true, limit: LISTED }),
      store.refunds({ dueAt: Number.MAX_SAFE_INTEGER, limit: LISTED }),
      store.unconfirmedCalls(LISTED),
    ]);
    const data: AdminData = {
      now,
      begun,
      title,
      stats,
      funnels: Array.from(observer.funnels, ([resource, funnel]) => ({ resource, ...funnel })),
      errors: observer.errors(),
      going: going.map((job) => {
        const { id, resource, progress, attempt, createdAt, startedAt } = job;
        return { id, resource, status: statusOf(job), progress, attempt, createdAt, startedAt };
      }),
      ended: ended.map((job) => {
        const { id, resource, failure, attempt, createdAt, startedAt, endedAt } = job;
        const [status, code] = [statusOf(job), failure?.code];
        return { id, resource, status, code, attempt, createdAt, startedAt, endedAt };
      }),
      owed: owed.map(({ id, resource, reason, amount, currency, to, problem, tries, createdAt }) => {
        return { id, resource, reason, amount, currency, to, problem, tries, createdAt };
      }),
      unconfirmed: unconfirmed.map(({ id, resource, value, identity, tries, createdAt, retryAt }) => {
        const { network, payer } = identity;
        return { id, resource, value, network, payer, tries, createdAt, retryAt };
      }),
    };
    return JSON.stringify(data);
  }

  return {
    page: (request) =>
      guarded(request, async () => {
        const { ADMIN_PAGE } = await import("./admin-page/bundle.gen.ts");
        const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))));
        const policy = [
          "default-src 'none'",
          `script-src 'nonce-${nonce}'`,
          `style-src 'nonce-${nonce}'`,
          "connect-src 'self'",
          "img-src data:",
          "base-uri 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
        ];
        const headers = {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": policy.join("; "),
        };
        return {
          status: 200,
          headers: { ...GUARDED, ...headers },
          body: ADMIN_PAGE.replaceAll("{nonce}", nonce),
        };
      }),

    data: (request) =>
      guarded(request, async () => {
        const range: Range = new URL(request.url).searchParams.get("range") === "24h" ? "24h" : "1h";
        const headers = { ...GUARDED, "content-type": "application/json" };
        return { status: 200, headers, body: await body(range) };
      }),
  };
}
