import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BASE_URL, openShop, signedByHand } from "../flow/shop.ts";
import { bodyOf, headerText, paymentOf, queryOf, type Random, randomOf } from "./fuzz.ts";

/** Requests that are in flight at a time. One is begun in each turn of the event loop. */
const AT_ONCE = 25;
/** Caches, tables of characters and compiled code are full by then. */
const WARM = 10_000;

/** What came of a run. */
export interface Fuzzed {
  /** Requests that were answered with 5xx, with their answers; a run ends after four. */
  readonly failed: readonly string[];
  /** Handlers of paid resources that ran, by name. No payment is good. */
  readonly unpaid: Readonly<Record<string, number>>;
  readonly settlements: number;
  readonly errors: readonly string[];
  /** The longest turn of the event loop, in ms of processor time. */
  readonly blockMs: number;
  /** Heap in use after a collection, in MB: after the first requests, and at the end. */
  readonly heapMb: readonly [number, number];
  readonly statuses: Readonly<Record<string, number>>;
}

const VALID: Readonly<Record<string, unknown>> = {
  "/v1/echo": { text: "x", tone: "loud" },
  "/v1/render": { prompt: "x", size: "small" },
  "/v1/translate": { words: ["a", "b"] },
  "/v1/estimate": { load: 3 },
  "/v1/brew": { cup: "c" },
  "/v1/bake": { loaf: "l" },
  "/v1/forecast": { town: "t", days: 2 },
  "/v1/headline": { paper: "p" },
};
const PATHS = [
  ...Object.keys(VALID),
  ...["/v1/prices/ABC", "/v1/prices/%E0%A4%A", "/v1/ping", "/v1/jobs/job_00000000000000000000000000000000"],
  ...["/v1/jobs/%", "/v1/jobs/x/events", "/docs", "/openapi.json", "/", "//", "/v1/%2e%2e/admin", "/nothing"],
];
const HEADERS = [
  ...["idempotency-key", "x-idempotency-key", "content-type", "prefer", "if-none-match", "last-event-id"],
  ...[
    "accept",
    "callback-url",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "traceparent",
    "origin",
  ],
  "content-encoding",
];

/** Sends `inputs` odd requests, which follow from `seed`, to a server in this process. */
export async function fuzz(inputs: number, seed: number): Promise<Fuzzed> {
  await using shop = await openShop({ trustProxy: true });
  // The fixture's own quote is not a decimal for every load.
  shop.quotes.estimate = ({ load }) => (load / 100).toFixed(4);
  // Signed by an account without money, so that no change of it can be paid for.
  const account = await shop.world.account();
  const v2 = await signedByHand(shop, "/v1/echo", { text: "x" }, { account });
  const document = JSON.parse(atob(v2.headers["payment-signature"] ?? "")) as { payload: object };
  const v1 = { x402Version: 1, scheme: "exact", network: "base-sepolia", payload: document.payload };
  const payments = [v2.headers["payment-signature"] ?? "", btoa(JSON.stringify(v1))];
  const random = randomOf(seed);
  const failed: string[] = [];
  const errors: string[] = [];
  const statuses: Record<string, number> = {};
  const flying = new Set<Promise<void>>();
  let blockMs = 0;
  let heap = 0;

  const send = async (request: Request): Promise<void> => {
    const copy = request.clone();
    const answer = await shop.server.fetch(request);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    if (answer.status < 500) return answer.body?.cancel();
    const about = `${request.method} ${request.url} ${JSON.stringify([...request.headers])}`;
    failed.push(`${about}\n${await copy.text()}\n${answer.status} ${await answer.text()}`);
  };
  for (let sent = 0; sent < inputs && failed.length < 4; sent += 1) {
    if (sent === Math.min(WARM, inputs / 2)) heap = await heapMb(flying);
    const request = requestOf(random, payments);
    const [wall, used] = [performance.now(), process.threadCpuUsage()];
    const one = send(request).finally(() => flying.delete(one));
    flying.add(one);
    await setImmediate();
    const { user, system } = process.threadCpuUsage(used);
    blockMs = Math.max(blockMs, Math.min((user + system) / 1_000, performance.now() - wall));
    if (flying.size >= AT_ONCE) await Promise.race(flying);
    for (const { level, fields, message } of shop.logged.splice(0)) {
      if (level === "error") errors.push(`${message} ${JSON.stringify(fields)}`);
    }
  }
  const after = await heapMb(flying);
  const { ping: _, headline: __, ...unpaid } = shop.runs;
  return { failed, unpaid, settlements: shop.asked.settle, errors, blockMs, heapMb: [heap, after], statuses };
}

function requestOf(random: Random, payments: readonly string[]): Request {
  const path = random.one(PATHS);
  const valid = VALID[path];
  const method = random.chance(0.8)
    ? valid
      ? "POST"
      : "GET"
    : random.one(["HEAD", "DELETE", "OPTIONS", "PUT", "PATCH"]);
  const headers = new Headers(valid ? { "content-type": "application/json" } : {});
  if (random.chance(0.4))
    headers.set(random.one(["payment-signature", "x-payment"]), paymentOf(random, random.one(payments)));
  for (let count = random.below(3); count > 0; count -= 1)
    headers.set(random.one(HEADERS), headerText(random));
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(BASE_URL + path + queryOf(random, ["days", "verbose", "fields", "symbol"]), {
    method,
    headers,
    ...(hasBody && { body: bodyOf(random, valid ?? {}) }),
  });
}

/** Heap in use once nothing is in flight and all garbage is collected. */
async function heapMb(flying: ReadonlySet<Promise<void>>): Promise<number> {
  await Promise.all(flying);
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed / 1_048_576;
}
