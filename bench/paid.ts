import { randomBytes } from "node:crypto";
import { decodePaymentRequiredHeader, encodePaymentSignatureHeader } from "@x402/core/http";
import type { PaymentRequired } from "@x402/core/types";
import { post } from "./load/connections.ts";
import { compare, type Variant } from "./load/rotation.ts";
import { INPUT, PATH, PAYER } from "./servers/route.ts";
import { type Measure, timesLess } from "./table.ts";

/** What a server spends on a paid call that is synchronous, with a facilitator that costs nothing. */
export const measure: Measure = async (options) => {
  const plain = post(PATH, INPUT);
  const [, official, described, least, leastDurable, ours, durable] = await compare(
    [
      {
        server: "plain",
        status: 200,
        requests: async (_port, count) => Array.from({ length: count }, () => plain),
      },
      { server: "official", status: 200, requests: payments() },
      { server: "described", status: 200, requests: payments() },
      { server: "minimal-memory", status: 200, requests: payments() },
      { server: "minimal-durable", status: 200, requests: payments() },
      { server: "ours", status: 200, requests: payments() },
      { server: "durable", status: 200, requests: payments() },
    ],
    options,
  );
  if (!official || !described || !least || !leastDurable || !ours || !durable)
    throw new Error("a server was not measured");
  return [
    {
      measure: "paid call, stub facilitator, in memory, server CPU ÷ plain hono",
      unit: "×",
      peers: [
        { name: "@x402/hono, header as long as ours", ...described.ratio },
        { name: "@x402/hono", ...official.ratio },
        { name: "the least for this header", ...least.ratio },
      ],
      ours: ours.ratio,
      budget: [timesLess(1 / 0.9, described.ratio.value, ours.ratio.value)],
    },
    {
      measure: "paid call, stub facilitator, SQLite (one flush), server CPU ÷ plain hono",
      unit: "×",
      // It keeps nothing: what is compared is the price of a durable ledger with that of none.
      peers: [
        { name: "@x402/hono, header as long as ours", ...described.ratio },
        { name: "the least with one flush", ...leastDurable.ratio },
      ],
      ours: durable.ratio,
      budget: [timesLess(1 / 2.5, described.ratio.value, durable.ratio.value)],
    },
  ];
};

/** Requests that accept the server's own offer, as a stock buyer would. Each has a nonce of its own. */
function payments(): Variant["requests"] {
  let challenge: PaymentRequired | undefined;
  return async (port, count) => {
    challenge ??= await challengeOf(port);
    const required = challenge;
    return Array.from({ length: count }, () => post(PATH, INPUT, { "payment-signature": payment(required) }));
  };
}

async function challengeOf(port: number): Promise<PaymentRequired> {
  const answer = await fetch(`http://127.0.0.1:${port}${PATH}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(INPUT),
  });
  return decodePaymentRequiredHeader(answer.headers.get("payment-required") ?? "");
}

/** The facilitator takes any signature, so none is made. */
const SIGNATURE = `0x${"5a".repeat(65)}`;

function payment({ resource, accepts, extensions }: PaymentRequired): string {
  const [accepted] = accepts;
  if (!accepted) throw new Error("the challenge offers no way to pay");
  const authorization = {
    from: PAYER,
    to: accepted.payTo,
    value: accepted.amount,
    validAfter: "0",
    validBefore: String(Math.floor(Date.now() / 1000) + accepted.maxTimeoutSeconds),
    nonce: `0x${randomBytes(32).toString("hex")}`,
  };
  return encodePaymentSignatureHeader({
    x402Version: 2,
    resource,
    accepted,
    payload: { authorization, signature: SIGNATURE },
    ...(extensions === undefined ? {} : { extensions }),
  });
}
