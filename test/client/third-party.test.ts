import { expect, it } from "vitest";
import { connect, isResourceError } from "../../src/client/index.ts";
import { encodeHeader, HEADERS } from "../../src/protocol/index.ts";

/** Calls of APIs whose document is a third party's. */
const price = { kind: "fixed", usd: "0.01", per: "call" } as const;

/** A seller that keeps what it is sent; it asks for a payment where `asks` is true. */
function seller(asks = false) {
  const sent: Request[] = [];
  const fetch: typeof globalThis.fetch = async (url, init) => {
    const request = new Request(url, init);
    sent.push(request);
    if (!asks) return Response.json({ ok: true });
    const offer = {
      ...{ scheme: "exact", network: "eip155:84532", asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e" },
      ...{
        amount: "8000",
        payTo: `0x${"12".repeat(20)}`,
        maxTimeoutSeconds: 60,
        extra: { name: "USDC", version: "2" },
      },
    };
    const challenge = { x402Version: 2, resource: { url: request.url }, accepts: [offer] };
    return new Response("{}", {
      status: 402,
      headers: { [HEADERS.paymentRequired]: encodeHeader(challenge) },
    });
  };
  return { sent, fetch };
}

async function errorOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isResourceError(error)) throw new Error("expected a ResourceError");
  return error;
}

it("sends the headers that the API asks for with every request, but not in place of its own", async () => {
  const { sent, fetch } = seller();
  const client = connect({
    baseUrl: "https://api.example",
    fetch,
    headers: { "X-Api-Key": "secret", Accept: "text/plain" },
  });
  await client.resource({ name: "run", method: "GET", path: "/run", price, needs: ["x-api-key"] })({});
  expect(sent.map(({ headers }) => [headers.get("x-api-key"), headers.get("accept")])).toEqual([
    ["secret", "application/json"],
  ]);
});

it("sends nothing without a header that the API asks for", async () => {
  const { sent, fetch } = seller();
  const client = connect({ baseUrl: "https://api.example", fetch });
  const run = client.resource({ name: "run", method: "GET", path: "/run", price, needs: ["X-Api-Key"] });
  expect(await errorOf(run({}))).toMatchObject({
    code: "invalid_input",
    charged: "no",
    issues: [{ path: "headers.X-Api-Key" }],
  });
  expect(sent).toEqual([]);
});

it("sends a header whose value the document states", async () => {
  const { sent, fetch } = seller();
  const client = connect({ baseUrl: "https://api.example", fetch });
  const headers = { "X-Mode": "async" };
  await client.resource({ name: "run", method: "POST", path: "/run", price, headers })({ a: 1 });
  expect(sent[0]?.headers.get("x-mode")).toBe("async");
});

it("signs nothing for a price that is not published until the call says what it may cost", async () => {
  const { fetch } = seller(true);
  const client = connect({ baseUrl: "https://api.example", fetch });
  const run = client.resource({ name: "run", method: "POST", path: "/run", price: { kind: "unknown" } });
  expect(await errorOf(run({}))).toMatchObject({
    code: "payment_refused",
    reason: "no_max_price",
    charged: "no",
  });
  expect(await errorOf(run({}, { maxPrice: "0.001" }))).toMatchObject({ reason: "over_ceiling" });
  // Past every rule about the price: only the payer is missing.
  expect(await errorOf(run({}, { maxPrice: "0.01" }))).toMatchObject({ reason: "no_payer" });
});

it("answers without a ceiling where a call without a published price costs nothing", async () => {
  const { fetch } = seller();
  const client = connect({ baseUrl: "https://api.example", fetch });
  const run = client.resource({ name: "run", method: "POST", path: "/run", price: { kind: "unknown" } });
  expect(await run({})).toEqual({ ok: true });
});

it("sends a member that every object inherits, and refuses a path without its parameter", async () => {
  const { sent, fetch } = seller();
  const client = connect({ baseUrl: "https://api.example", fetch });
  await client.resource({ name: "run", method: "POST", path: "/run", price })(
    JSON.parse('{"constructor":"a","__proto__":"b"}'),
  );
  expect(await sent[0]?.text()).toBe('{"constructor":"a","__proto__":"b"}');
  const item = client.resource({ name: "item", method: "GET", path: "/items/{constructor}", price });
  expect(await errorOf(item({}))).toMatchObject({ code: "invalid_input" });
});
