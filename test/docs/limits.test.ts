import { describe, expect, it } from "vitest";
import { durationText, milliseconds } from "../../schema/duration.ts";
import { read, tableUnder } from "./tables.ts";

type Unit = "count" | "bytes" | "ms" | "duration" | "usd";
/** A number in the source: its file, what stands around it, and what it counts. */
type Source = readonly [file: string, name: string, unit: Unit];

const SERVE = "src/server/serve.ts";
const LIFECYCLE = "src/server/lifecycle.ts";
const LISTEN = "src/runtime/index.ts";
const CONNECT = "src/client/connect.ts";
/** The tables of the page, row by row. */
const SOURCES: Readonly<Record<string, readonly Source[]>> = {
  Input: [
    [SERVE, "options.maxBodyBytes ??", "bytes"],
    ["src/server/input-limits.ts", "MIN_BYTES", "bytes"],
    ["src/server/input-limits.ts", "MAX_DEPTH", "count"],
    ["src/server/input-limits.ts", "MIN_VALUES", "count"],
    ["src/server/call.ts", "MAX_URL_LENGTH", "count"],
    ["src/server/body.ts", "MAX_HELD_BYTES", "bytes"],
    ["schema/standard.ts", "MAX_ISSUES", "count"],
  ],
  Calls: [
    [SERVE, "MAX_CALLS", "count"],
    ["schema/api.ts", "DEFAULT_TIMEOUT", "duration"],
    ["src/server/amount.ts", "QUOTES_AT_ONCE", "count"],
    ["src/server/amount.ts", "QUOTE_TIMEOUT_MS", "ms"],
    ["src/server/amount.ts", "QUOTE_LIFE_MS", "ms"],
    ["src/server/buy.ts", "MAX_FREE_CALLS", "count"],
    [SERVE, "MAX_CACHE_BYTES", "bytes"],
    ["src/server/cache.ts", "MAX_ENTRIES", "count"],
  ],
  Jobs: [
    [SERVE, "CONCURRENCY", "count"],
    [SERVE, "MAX_QUEUED", "count"],
    [SERVE, "MAX_INPUT_BYTES", "bytes"],
    ["src/store/input-bytes.ts", "LARGE_INPUT_BYTES", "bytes"],
    ["schema/api.ts", "MAX_RETRIES", "count"],
    ["schema/api.ts", "DEFAULT_BACKOFF", "duration"],
    ["schema/api.ts", "MAX_BACKOFF", "duration"],
    ["schema/api.ts", "DEFAULT_RETENTION", "duration"],
    ["src/jobs/attempt.ts", "RERUNS", "count"],
    ["src/jobs/attempt.ts", "RESPECT_MS", "ms"],
    ["src/jobs/attempt.ts", "PROGRESS_EVERY_MS", "ms"],
    ["src/server/status.ts", "MAX_WAIT_SECONDS", "ms"],
    ["src/store/store.ts", "TOMBSTONE_LIFE_MS", "ms"],
  ],
  Webhooks: [
    [SERVE, "CALLBACK_ATTEMPTS", "count"],
    [SERVE, "CALLBACK_TIMEOUT", "duration"],
    ["src/jobs/callback.ts", "FIRST_PAUSE_MS", "ms"],
    ["src/jobs/callback.ts", "MAX_PAUSE_MS", "ms"],
    ["src/jobs/address.ts", "MAX_URL_LENGTH", "count"],
  ],
  Payments: [
    [SERVE, "MAX_OUTSTANDING", "usd"],
    [SERVE, "FACILITATOR_TIMEOUT", "duration"],
    ["src/ledger/endpoint.ts", "MAX_REPLY_BYTES", "bytes"],
    ["src/ledger/payment.ts", "MAX_VALIDITY_SECONDS", "ms"],
    ["src/ledger/offer.ts", "MAX_HEADER", "count"],
    ["src/store/store.ts", "CALL_LIFE_MS", "ms"],
    ["src/ledger/refund.ts", "maxMs:", "ms"],
    ["src/store/store.ts", "REFUND_LIFE_MS", "ms"],
  ],
  Servers: [
    [SERVE, "LEASE_MS", "ms"],
    [SERVE, "RECOVER_EVERY_MS", "ms"],
    [SERVE, "COME_BACK_MS", "ms"],
    [SERVE, "SWEEP_EVERY_MS", "ms"],
    [LIFECYCLE, "TICK_MS", "ms"],
    [LISTEN, "graceMs: grace", "ms"],
    [LISTEN, "drainMs: drain", "ms"],
    [LISTEN, "headersTimeoutMs", "ms"],
    [LISTEN, "requestTimeoutMs", "ms"],
    [LISTEN, "maxConnections", "count"],
    ["src/store/postgres.ts", "maxConnections", "count"],
    ["src/telemetry/bearer.ts", "MIN_TOKEN_LENGTH", "count"],
  ],
  Client: [
    [CONNECT, "options.attemptMs ??", "ms"],
    [CONNECT, "options.retries ??", "count"],
    [CONNECT, "options.patienceMs ??", "ms"],
    ["src/client/http.ts", "MAX_ATTEMPTS", "count"],
    [CONNECT, "options.maxAnswerBytes ??", "bytes"],
    ["src/client/http.ts", "LARGEST_PROBLEM_BYTES", "bytes"],
    ["src/client/http.ts", "MAX_HEADER_BYTES", "bytes"],
    ["src/client/definition.ts", "DEFAULT_VALIDITY_MS", "ms"],
    ["src/client/definition.ts", "AROUND_WORK_MS", "ms"],
    ["src/client/job.ts", "MAX_WAIT_MS", "ms"],
  ],
};

/** The text of a value after a name: `NAME = 3_000;`, `name ?? 4,`. */
function textAfter(file: string, name: string): string {
  const pattern = new RegExp(
    `(?<![\\w.])${name.replace(/[?.]/g, "\\$&")}(?:: \\w+)?(?: =)? ("?[\\d_][^;,})]*)`,
  );
  const found = pattern.exec(read(file))?.[1];
  if (found === undefined) throw new Error(`${file} has no number after "${name}"`);
  return found.trim();
}

/** Sums of products. */
function numberOf(text: string): number {
  if (!/^[\d_ *+.]+$/.test(text)) throw new Error(`"${text}" is not a number`);
  const product = (factors: string): number => factors.split("*").reduce((all, one) => all * Number(one), 1);
  return text
    .replaceAll("_", "")
    .split("+")
    .reduce((sum, part) => sum + product(part), 0);
}

function shown(text: string, name: string, unit: Unit): string {
  switch (unit) {
    case "usd":
      return `$${JSON.parse(text)}`;
    case "duration":
      return durationText(milliseconds(JSON.parse(text)));
    case "ms":
      return durationText(numberOf(text) * (name.endsWith("SECONDS") ? 1000 : 1));
    case "bytes": {
      const bytes = numberOf(text);
      return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
    }
    case "count":
      return numberOf(text).toLocaleString("en-US");
  }
}

describe("docs/limits.md states the numbers of the code", () => {
  const page = read("docs/limits.md");

  it("under each of its headings", () => {
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(Object.keys(SOURCES));
  });

  it.each(Object.entries(SOURCES))("%s", (heading, sources) => {
    const rows = tableUnder(page, heading);
    const expected = sources.map(([file, name, unit]) => shown(textAfter(file, name), name, unit));
    expect(rows.map(([limit, value]) => [limit, value])).toEqual(
      expected.map((value, index) => [rows[index]?.[0], value]),
    );
    expect(rows).toHaveLength(sources.length);
  });
});
