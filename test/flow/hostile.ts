import {
  type ClientOptions,
  connect,
  type JobResource,
  type PaymentPayload,
  type Resource,
} from "resource402/client";
import { evmPayer } from "resource402/evm";
import { type MemoryLedger, memoryLedger } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import {
  decodeHeader,
  encodeHeader,
  PAYMENT_IDENTIFIER,
  PAYMENT_IDENTIFIER_DECLARATION,
  type PaymentRequired,
  type PaymentRequirements,
} from "../../src/protocol/index.ts";

export const BASE_URL = "https://api.test";
const PAYEE = "0x0000000000000000000000000000000000000402";

/** A server that does as it likes with the payments that it is given, beside a real client and real signatures. */
export interface Hostile {
  readonly ledger: MemoryLedger;
  /** What the server answers to a paid request; replace it. The number counts paid requests from 1. */
  paid: (request: Request, count: number) => Response | Promise<Response>;
  /** What it asks for: the document in the challenge's header. Its resource is filled in when it is a challenge. */
  challenge: (offer: PaymentRequirements) => unknown;
  /** Its answer to a request without a payment. */
  refuse: (url: string, cents: number) => Response;
  readonly payer: ReturnType<typeof evmPayer>;
  /** Every request, in order. */
  readonly requests: Request[];
  /** The payments that have reached the server: each once, however often it was sent. */
  payments(): PaymentPayload[];
  /** Settles every payment that it was given, as far as they are good. Atomic units that have left the buyer. */
  takeAll(): Promise<bigint>;
  /** $0.01 per call; a cent for each of `cents`. */
  readonly echo: (options?: Partial<ClientOptions>) => Resource<{ cents?: number }, unknown>;
  readonly render: (options?: Partial<ClientOptions>) => JobResource<{ cents?: number }, unknown>;
  connect(options?: Partial<ClientOptions>): ReturnType<typeof connect>;
  /** The way to the server. */
  readonly fetch: typeof globalThis.fetch;
}

export async function openHostile(paid: Hostile["paid"]): Promise<Hostile> {
  const ledger = memoryLedger();
  const buyer = privateKeyToAccount(generatePrivateKey());
  const rich = 1_000_000_000n;
  await ledger.mint(buyer.address, rich);
  const requests: Request[] = [];
  let count = 0;

  const answer = async (request: Request): Promise<Response> => {
    requests.push(request.clone());
    if (request.method === "POST" && !request.headers.has("payment-signature")) {
      const { cents = 1 } = (await request.clone().json()) as { cents?: number };
      return hostile.refuse(request.url, cents);
    }
    if (request.headers.has("payment-signature")) count += 1;
    return hostile.paid(request, count);
  };

  const payer = evmPayer(buyer);
  const hostile: Hostile = {
    ledger,
    payer,
    paid,
    challenge: (offer) => ({
      x402Version: 2,
      resource: { url: `${BASE_URL}/v1/echo` },
      accepts: [offer],
      // As our own server declares it: what it is sent again, it does not do again.
      extensions: { [PAYMENT_IDENTIFIER]: PAYMENT_IDENTIFIER_DECLARATION },
    }),
    refuse(url, cents) {
      const offer = offerOf(ledger, cents);
      const required = hostile.challenge(offer) as PaymentRequired;
      const document = isChallenge(required) ? { ...required, resource: { url } } : required;
      return new Response("{}", { status: 402, headers: { "payment-required": encodeHeader(document) } });
    },
    requests,
    payments() {
      const headers = requests.map((request) => request.headers.get("payment-signature"));
      const sent = new Set(headers.filter((header) => header !== null));
      return [...sent].map((header) => decodeHeader(header) as PaymentPayload);
    },
    async takeAll() {
      for (const payload of hostile.payments()) {
        await ledger.settle(payload as never, payload.accepted as never);
      }
      return rich - (await ledger.balanceOf(buyer.address));
    },
    fetch: (input, init) => {
      const request = new Request(input, init);
      return untilAborted(request.signal, answer(request));
    },
    connect: (options = {}) =>
      connect({
        baseUrl: BASE_URL,
        payer,
        fetch: hostile.fetch,
        ...options,
      }),
    echo: (options = {}) =>
      hostile.connect(options).resource<{ cents?: number }, unknown>(definition("echo")),
    render: (options = {}) =>
      hostile.connect(options).jobResource<{ cents?: number }, unknown>(definition("render")),
  };
  return hostile;
}

function definition(name: string) {
  return {
    name,
    method: "POST",
    path: `/v1/${name}`,
    price: { kind: "perUnit", field: "cents", usd: "0.01", unit: 1, per: "cent" },
    defaults: { cents: 1 },
  } as const;
}

export function offerOf(ledger: MemoryLedger, cents = 1): PaymentRequirements {
  return {
    scheme: "exact",
    network: ledger.network,
    asset: ledger.asset,
    amount: String(10_000 * cents),
    payTo: PAYEE,
    maxTimeoutSeconds: 300,
    extra: { name: "USDC", version: "2" },
  };
}

const isChallenge = (value: unknown): value is PaymentRequired =>
  typeof value === "object" && value !== null && "accepts" in value;

function untilAborted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([answer, aborted]);
}

/** A problem of a server that says what has become of the payment, true or not. */
export function problem(status: number, code: string, paymentState?: string, retryAfter?: string): Response {
  const headers = {
    "content-type": "application/problem+json",
    ...(retryAfter ? { "retry-after": retryAfter } : {}),
  };
  return Response.json({ status, code, detail: `It is ${code}.`, paymentState }, { status, headers });
}

/** A body that never ends; `pieces` limits it. */
export function stream(
  piece: string,
  pieces = Number.POSITIVE_INFINITY,
  onPiece = (_sent: number): void => {},
): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent === pieces) return controller.close();
      sent += 1;
      onPiece(sent);
      controller.enqueue(new TextEncoder().encode(piece));
    },
  });
}

export const receipt = (transaction = `0x${"ab".repeat(32)}`): Record<string, string> => ({
  "payment-response": encodeHeader({ success: true, transaction, network: "eip155:84532" }),
});
