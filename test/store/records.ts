import type { Receipt } from "../../src/protocol/index.ts";
import type { CallRecord, JobRecord, PaymentIdentity, RefundRecord } from "../../src/store/store.ts";

export const START = Date.UTC(2026, 0, 1);
export const HOUR = 3_600_000;

const requirements = {
  scheme: "exact",
  network: "eip155:84532",
  asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
  amount: "50000",
  payTo: "0x00000000000000000000000000000000000000bb",
  maxTimeoutSeconds: 60,
  extra: { name: "USDC", version: "2" },
} as const;

export const receipt: Receipt = {
  amount: "0.05",
  currency: "USDC",
  atomicAmount: "50000",
  asset: requirements.asset,
  network: requirements.network,
  transaction: "0xabc",
  payer: "0xalice",
  payTo: requirements.payTo,
  settledAt: "2026-01-01T00:00:01Z",
};

export const answer = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: '{"zoë":"\\u0000"}',
};

/** A paid call by Alice whose payment and key are named after its id, begun now and valid for ten minutes. */
export function call(
  id: string,
  part: Partial<Omit<CallRecord, "identity">> & { identity?: Partial<PaymentIdentity> } = {},
): CallRecord {
  return {
    id,
    resource: "upscale",
    key: `key of ${id}`,
    fingerprint: `input of ${id}`,
    requestHash: `request of ${id}`,
    payment: {
      network: "eip155:84532",
      asset: { symbol: "USDC", decimals: 6 },
      version: 2,
      payload: { x402Version: 2, accepted: requirements, payload: { signature: "0x01" } },
      requirements,
    },
    value: 50_000,
    charge: "after",
    cancel: "refund",
    phase: "open",
    ambiguous: false,
    answer: undefined,
    receipt: undefined,
    reason: undefined,
    resolution: undefined,
    jobId: undefined,
    owner: undefined,
    tries: 0,
    retryAt: START,
    createdAt: START,
    endedAt: undefined,
    ...part,
    identity: {
      network: "eip155:84532",
      payer: "0xalice",
      nonce: `nonce of ${id}`,
      bytesHash: `bytes of ${id}`,
      validBefore: START / 1000 + 600,
      ...part.identity,
    },
  };
}

/** A free call with a key. */
export function freeCall(id: string, part: Parameters<typeof call>[1] = {}): CallRecord {
  const unpaid = { network: "", payer: "", nonce: `call ${id}`, bytesHash: "", validBefore: 0 };
  return call(id, { payment: undefined, value: 0, ...part, identity: { ...unpaid, ...part.identity } });
}

/** A job that waits for a worker. */
export function job(id: string, callId: string, part: Partial<JobRecord> = {}): JobRecord {
  return {
    id,
    resource: "upscale",
    callId,
    payer: "0xalice",
    input: { imageUrl: "https://example.test/cat.png", scale: 4 },
    phase: "open",
    work: "waiting",
    progress: 0,
    message: undefined,
    result: undefined,
    failure: undefined,
    receipt: undefined,
    owner: undefined,
    attempt: 0,
    claim: undefined,
    failures: 0,
    runAt: START,
    startBy: undefined,
    callback: undefined,
    trace: undefined,
    createdAt: START,
    updatedAt: START,
    startedAt: undefined,
    endedAt: undefined,
    expiresAt: undefined,
    ...part,
  };
}

export function refund(id: string, callId: string, part: Partial<RefundRecord> = {}): RefundRecord {
  return {
    id,
    callId,
    jobId: undefined,
    resource: "upscale",
    reason: "generation_failed",
    to: "0xalice",
    network: requirements.network,
    asset: requirements.asset,
    atomicAmount: "50000",
    amount: "0.05",
    currency: "USDC",
    domain: { name: "USDC", version: "2" },
    state: "owed",
    ambiguous: false,
    payment: undefined,
    transaction: undefined,
    problem: undefined,
    resolution: undefined,
    tries: 0,
    retryAt: START,
    createdAt: START,
    ...part,
  };
}
