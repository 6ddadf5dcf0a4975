import { encodeHeader } from "../../src/protocol/index.ts";
import { type Attack, crowd, kilobytes, post, statusText, type Target } from "./attack.ts";

const MIB = 1_048_576;
const MAX_ANSWER = 8_192;

/** A body of `length` bytes that repeats a part. */
function filled(start: string, part: string, end: string, length = MIB): string {
  const count = Math.floor((length - start.length - end.length) / (part.length + 1));
  return `${start}${Array.from({ length: count }, () => part).join(",")}${end}`;
}

async function largest(target: Target, sends: readonly (readonly [string, string])[]) {
  let bytes = 0;
  const statuses: number[] = [];
  for (const [path, body] of sends) {
    const { status, text } = await target.send(path, post(body));
    statuses.push(status);
    bytes = Math.max(bytes, text.length);
  }
  return {
    text: `${statusText(statuses)}; at most ${kilobytes(bytes)} each`,
    isBounded: bytes <= MAX_ANSWER,
  };
}

const nested = (open: string, close: string, levels: number): string =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;

/** Payments that no parser expects, as documents. */
const payments = (() => {
  const accepted = {
    ...{ scheme: "exact", network: "eip155:84532", asset: "0x00", amount: "1", payTo: "0x00" },
    maxTimeoutSeconds: 60,
  };
  const deep = JSON.parse(nested('{"a":', "}", 1_500)) as unknown;
  const payloads: readonly [unknown, object?][] = [
    [{ authorization: { validBefore: { toString: 1 } } }],
    [{ authorization: { validBefore: ["1"] } }],
    [{ permit2Authorization: { deadline: { valueOf: 1 } } }],
    [deep],
    [{ permit2Authorization: deep }],
    [{ authorization: {} }, { extensions: deep }],
  ];
  return payloads.flatMap(([payload, more]) => [
    ["payment-signature", { x402Version: 2, accepted, payload, ...more }] as const,
    ["x-payment", { x402Version: 1, scheme: "exact", network: "base-sepolia", payload, ...more }] as const,
  ]);
})();

export const BODIES: readonly Attack[] = [
  {
    name: "1 MiB of empty objects for a list without a limit",
    run: (target) => largest(target, [["/v1/ledger", filled('{"entries":[', "{}", "]}")]]),
  },
  {
    name: "1 MiB of other wrong values (numbers, unions, a record)",
    run: (target) =>
      largest(target, [
        ["/v1/ledger", filled('{"entries":[', "1", "]}")],
        ["/v1/mixed", filled('{"entries":[', "{}", "]}")],
        ["/v1/values", filled('{"values":{', '"key":"x"', "}}")],
        ["/v1/ledger", filled('{"entries":[', `{"a":"${"x".repeat(60)}"}`, "]}")],
      ]),
  },
  {
    name: "3 kB of wrong values for a list with a limit",
    run: (target) => largest(target, [["/v1/short", filled('{"entries":[', "{}", "]}", 3_013)]]),
  },
  {
    name: "malformed inputs: a `length` that is an object, `?constructor=1`, 20,000 levels",
    async run(target) {
      const odd = ["constructor", "__proto__", "toString", "valueOf", "hasOwnProperty"];
      const sent = [
        await target.send("/v1/caption", post('{"text":{"length":{"toString":1}}}')),
        await target.send("/v1/caption", post('{"text":"x","tags":{"length":{"valueOf":1}}}')),
        await target.send(
          "/v1/anything",
          post(`{"value":${nested('{"a":', "}", 3_000)}}`, { "idempotency-key": "deep" }),
        ),
        await target.send(
          "/v1/anything",
          post(`{"value":${nested("[", "]", 20_000)}}`, { "idempotency-key": "deeper" }),
        ),
        await target.send("/v1/caption", post(nested("[", "]", 20_000))),
      ];
      for (const name of odd) sent.push(await target.send(`/v1/items/x?${name}=1&${name}=2`));
      return { text: statusText(sent.map(({ status }) => status)), isBounded: true };
    },
  },
  {
    name: "malformed payments: odd `validBefore`, 1,500 levels",
    async run(target) {
      const statuses: number[] = [];
      for (const [name, document] of payments) {
        const headers = { [name]: encodeHeader(document) };
        statuses.push((await target.send("/v1/caption", post('{"text":"x"}', headers))).status);
      }
      return { text: statusText(statuses), isBounded: true };
    },
  },
  {
    name: "5,000 unpaid requests with an input of their own",
    async run(target) {
      await crowd(5_000, 50, (index) => target.send("/v1/caption", post(`{"text":"${index}"}`)));
      return { text: "each 402", isBounded: true };
    },
  },
  {
    name: "1,000 unpaid requests for a quote at once",
    async run(target) {
      const statuses: number[] = [];
      await crowd(1_000, 1_000, async (index) => {
        statuses.push((await target.send("/v1/quoted", post(`{"name":"${index}"}`))).status);
      });
      const { mostQuotes } = await target.seller.stats();
      return {
        text: `${mostQuotes} quote functions at once; ${statusText(statuses)}`,
        isBounded: mostQuotes <= 50,
      };
    },
  },
];
