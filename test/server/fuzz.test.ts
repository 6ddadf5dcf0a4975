import { expect, it } from "vitest";
import { BASE_URL, openShop, signedByHand } from "../flow/shop.ts";
import { bodyOf, headerText, paymentOf, queryOf, type Random, randomOf } from "./fuzz.ts";

const SEED = 20_261_129;
const INPUTS = 20_000;
const AT_ONCE = 25;

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
  ...[
    "idempotency-key",
    "x-idempotency-key",
    "content-type",
    "prefer",
    "if-none-match",
    "last-event-id",
    "accept",
  ],
  ...[
    "callback-url",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "traceparent",
    "origin",
    "content-encoding",
  ],
];

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

it(`answers ${INPUTS} odd requests without an error of its own, and runs nothing unpaid`, async () => {
  await using shop = await openShop({ trustProxy: true });
  // The fixture's own quote is not a decimal for every load.
  shop.quotes.estimate = ({ load }) => (load / 100).toFixed(4);
  // Signed by an account without money, so that no change of it can be paid for.
  const account = await shop.world.account();
  const v2 = await signedByHand(shop, "/v1/echo", { text: "x" }, { account });
  const document = JSON.parse(atob(v2.headers["payment-signature"] ?? "")) as { payload: object };
  const v1 = { x402Version: 1, scheme: "exact", network: "base-sepolia", payload: document.payload };
  const payments = [v2.headers["payment-signature"] ?? "", btoa(JSON.stringify(v1))];
  const random = randomOf(SEED);
  const failed: string[] = [];
  let longest = 0;
  let before = performance.now();
  const watch = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
  }, 1);
  for (let sent = 0; sent < INPUTS; sent += AT_ONCE) {
    const requests = Array.from({ length: AT_ONCE }, () => requestOf(random, payments));
    await Promise.all(
      requests.map(async (request) => {
        const about = `${request.method} ${request.url} ${JSON.stringify([...request.headers])}`;
        const copy = request.clone();
        const answer = await shop.server.fetch(request);
        if (answer.status < 500) return answer.body?.cancel();
        failed.push(`${about}\n${await copy.text()}\n${answer.status} ${await answer.text()}`);
      }),
    );
    if (failed.length > 3) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  clearInterval(watch);
  expect(failed.slice(0, 3)).toEqual([]);
  const { ping: _, headline: __, ...paid } = shop.runs;
  expect(paid).toEqual({});
  expect(shop.asked.settle).toBe(0);
  const errors = shop.logged.filter(({ level }) => level === "error");
  expect(errors.slice(0, 3)).toEqual([]);
  process.stdout.write(`longest event-loop block: ${Math.round(longest)} ms\n`);
});
