import { encodeHeader, HEADERS } from "../../../src/protocol/index.ts";
import { payableOf, readChallenge } from "../challenge.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
import { hasBody } from "../operation.ts";
import { type Ask, evidenceOf, shown } from "../wire.ts";

export const ERROR_CHECKS: readonly Check[] = [
  {
    id: "payment-garbage",
    title: "The server refuses an invalid payment with 400 or 402",
    severity: "error",
    scope: "resource",
    why: "If the server accepts an invalid payment, it gives the resource away. If it fails with a 5xx, anyone can crash it, and buyers cannot tell whether they were charged.",
    source: "x402 v2 HTTP transport, Error Handling",
    fix: "Decode the payment header defensively, compare it with the offers, let the facilitator verify it, and answer 400 or 402 if any step fails.",
    look: async (at) => {
      const ask = await at.accepted();
      if (typeof ask === "string") return skipped(ask);
      const challenge = readChallenge(await at.priced());
      const found: Fault[] = [];
      for (const [what, headers] of garbage(challenge)) {
        const answer = await at.wire.send({ ...ask, headers: { ...ask.headers, ...headers } });
        const { status } = answer;
        if (status >= 200 && status < 300)
          found.push({ what: `${what} buys the resource.`, evidence: evidenceOf(answer) });
        else if (status >= 500 || status === 0) {
          found.push({ what: `${what} makes the server fail.`, evidence: evidenceOf(answer) });
        } else if (status < 400)
          found.push({ what: `${what} gets a ${status} response.`, evidence: evidenceOf(answer) });
      }
      return faults(found);
    },
  },
  {
    id: "errors-odd",
    title: "Malformed requests do not make the server fail",
    severity: "error",
    scope: "resource",
    why: "If anyone can make the server fail, an attacker will. Clients also retry every 5xx, which adds load.",
    source: "RFC 9110 §15.6.1; practice",
    fix: "Answer 400 to a request that the server cannot parse, and catch the errors of parsers.",
    look: async (at) => {
      const ask = await at.accepted();
      const found: Fault[] = [];
      for (const [what, odd] of oddRequests(
        typeof ask === "string" ? { method: at.probe.method, url: at.probe.url } : ask,
      )) {
        const answer = await at.wire.send(odd);
        if (answer.status >= 500 || answer.status === 0) {
          found.push({ what: `${what} makes the server fail.`, evidence: evidenceOf(answer) });
        } else if (answer.status >= 200 && answer.status < 300) {
          found.push({ what: `${what} buys the resource.`, evidence: evidenceOf(answer) });
        }
      }
      return faults(found);
    },
  },
  {
    id: "errors-methods",
    title: "The server answers HEAD, OPTIONS and GET for every resource",
    severity: "warning",
    scope: "resource",
    why: "Browsers, proxies and monitors send them on their own.",
    source: "RFC 9110 §9.3.2, §9.3.7 and §15.5.6",
    fix: "Answer an unsupported method with 405 and Allow, and OPTIONS with 204.",
    look: async (at) => {
      const { method, url } = at.probe;
      const found: Fault[] = [];
      // Only safe methods (RFC 9110 §9.2.1), so that the doctor changes nothing on the server.
      for (const other of ["HEAD", "OPTIONS", "GET"]) {
        if (other === method) continue;
        const answer = await at.wire.send({ method: other, url });
        if (answer.status >= 500 || answer.status === 0) {
          found.push({ what: `${other} makes the server fail.`, evidence: evidenceOf(answer) });
        }
      }
      return faults(found);
    },
  },
  {
    id: "gate-spelling",
    title: "Another spelling of the URL is not free",
    severity: "error",
    scope: "resource",
    why: "If the payment middleware compares URLs as text, it lets through other spellings that the router behind it treats as the same URL.",
    source: "practice: the class of advisories on route matching in x402 middlewares",
    fix: "Require the payment inside the handler, or compare the URL in the same way as the router.",
    look: async (at) => {
      const ask = await at.accepted();
      if (typeof ask === "string") return skipped(ask);
      const found: Fault[] = [];
      for (const url of spellings(ask.url)) {
        const answer = await at.wire.send({ ...ask, url });
        const isJson = /json/i.test(answer.headers.get("content-type") ?? "");
        if (answer.status >= 200 && answer.status < 300 && isJson) {
          found.push({
            what: "The server gives the resource away under another spelling of its URL.",
            evidence: evidenceOf(answer),
          });
        }
      }
      return faults(found);
    },
  },
  {
    id: "errors-banner",
    title: "Headers do not name software and version",
    severity: "warning",
    scope: "resource",
    why: "An attacker who knows the version knows which vulnerabilities to try.",
    source: "RFC 9110 §10.2.4",
    fix: "Remove X-Powered-By, and remove the version from Server.",
    look: ({ probe }) => {
      if (probe.failure) return skipped("there is no response");
      const named = ["x-powered-by", "x-aspnet-version", "x-runtime"].filter((name) =>
        probe.headers.has(name),
      );
      if (/\/\d/.test(probe.headers.get("server") ?? "")) named.push("server");
      return faults(
        named.map((name) => ({
          what: `The header ${name} names software.`,
          evidence: `${name}: ${shown(probe.headers.get(name) ?? "", 120)}`,
        })),
      );
    },
  },
  {
    id: "idempotency",
    title: "A buyer can repeat a call without paying twice",
    severity: "warning",
    scope: "resource",
    why: "If a response is lost, a buyer who cannot safely send the same call again pays twice or loses the purchase.",
    source: "x402 extension payment-identifier; draft-ietf-httpapi-idempotency-key-header-07",
    fix: "Declare the extension payment-identifier in the challenge, or the header Idempotency-Key in openapi.json, and answer a repeated call with the stored response.",
    look: ({ challenge, operation }) => {
      if (challenge.offers.length === 0) return skipped("there is no challenge");
      const v2 = challenge.v2 as { extensions?: Record<string, unknown> } | undefined;
      const { documented } = operation;
      const inDocument =
        documented?.isForeign === false || documented?.resource.transport?.idempotent === true;
      return inDocument || v2?.extensions?.["payment-identifier"] !== undefined
        ? PASSED
        : fault(
            "Neither the challenge nor a document declares an idempotency key.",
            `extensions: ${shown(JSON.stringify(v2?.extensions ?? {}), 120)}`,
          );
    },
  },
];

/** Headers that look like a payment but hold none. They cannot move money, because no key has signed them. */
function garbage(challenge: ReturnType<typeof readChallenge>): [string, Record<string, string>][] {
  const offer = payableOf(challenge)?.accepts[0];
  const list: [string, unknown][] = [
    ["A payment that is not JSON", undefined],
    ["An empty payment", {}],
    ["A payment of an unknown version", { x402Version: 99, payload: {} }],
    ["A payment that is a list", [1, 2, 3]],
  ];
  if (offer) {
    const accepted = { ...offer };
    const unsigned = {
      authorization: {
        from: "0x000000000000000000000000000000000000dEaD",
        to: offer.payTo,
        value: offer.amount,
        validAfter: "0",
        validBefore: String(Math.floor(Date.now() / 1000) + 60),
        nonce: `0x${"11".repeat(32)}`,
      },
      signature: `0x${"00".repeat(65)}`,
    };
    list.push(
      ["A payment without a signature", { x402Version: 2, accepted, payload: {} }],
      ["A forged signature", { x402Version: 2, accepted, payload: unsigned }],
      [
        "A forged payment of one smallest unit",
        { x402Version: 2, accepted: { ...accepted, amount: "1" }, payload: unsigned },
      ],
    );
  }
  const made = list.map(([what, document]): [string, Record<string, string>] => [
    what,
    { [HEADERS.paymentSignature]: document === undefined ? "bm90IGpzb24=" : encodeHeader(document) },
  ]);
  return [
    ...made,
    ["A payment header of random characters", { [HEADERS.paymentSignature]: "%%% not base64 %%%" }],
    ["An invalid x402 v1 payment", { [HEADERS.xPayment]: "bm90IGpzb24=" }],
  ];
}

const NESTED = 4_000;

function oddRequests(ask: Ask): [string, Ask][] {
  const { headers } = ask;
  const withHeader = (more: Record<string, string>): Ask => ({ ...ask, headers: { ...headers, ...more } });
  const list: [string, Ask][] = [
    ["An idempotency key of 4,000 characters", withHeader({ [HEADERS.idempotencyKey]: "k".repeat(4_000) })],
    ["A malformed Prefer header", withHeader({ prefer: "wait=;;;=,wait=-1", "if-none-match": '"""' })],
    [
      "A query with invalid percent encoding",
      { ...ask, url: `${ask.url}${ask.url.includes("?") ? "&" : "?"}a=%E0%A4%A&%=%` },
    ],
  ];
  if (!hasBody(ask.method)) return list;
  const json = { ...headers, "content-type": "application/json" };
  return [
    ...list,
    ["A number that is too large", { ...ask, headers: json, body: withHugeNumber(ask.body) }],
    [
      "A body of deeply nested lists",
      { ...ask, headers: json, body: "[".repeat(NESTED) + "]".repeat(NESTED) },
    ],
    ["A body of null", { ...ask, headers: json, body: "null" }],
    [
      "A field named __proto__",
      { ...ask, headers: json, body: '{"__proto__":{"isAdmin":true},"constructor":1}' },
    ],
  ];
}

/** The same body with a number that is too large for a double. */
function withHugeNumber(body: string | undefined): string {
  const huge = `"${"doctor"}": 1e4000, `;
  return body?.startsWith("{") && body !== "{}" ? `{${huge}${body.slice(1)}` : '{"doctor": 1e4000}';
}

/** URLs that a router may treat as the same. */
function spellings(url: string): string[] {
  const { origin, pathname, search } = new URL(url);
  const last = pathname.at(-1) ?? "";
  const encoded = `${pathname.slice(0, -1)}%${last.charCodeAt(0).toString(16)}`;
  return [`${pathname}/`, `/${pathname}`, pathname.toUpperCase(), encoded]
    .filter((path) => path !== pathname)
    .map((path) => origin + path + search);
}
