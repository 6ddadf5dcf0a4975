import type { SavedCall } from "resource402/client";

/** A call as it is saved, by number: everything that tells it apart is made of `n` and `payment`. */
export function savedCall(n: number, payment = `payment ${n}`, more: Partial<SavedCall> = {}): SavedCall {
  return {
    version: 1,
    baseUrl: "https://api.test",
    resource: "echo",
    idempotencyKey: `key-${n}`,
    request: {
      method: "POST",
      url: "https://api.test/v1/echo",
      headers: { "content-type": "application/json", "idempotency-key": `"key-${n}"` },
      body: JSON.stringify({ text: `ü ${n}` }),
    },
    fingerprint: `fingerprint-${n}`,
    isKeyRandom: false,
    payment: {
      id: `id of ${payment}`,
      header: payment,
      offer: {
        scheme: "exact",
        network: "eip155:84532",
        asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        amount: "10000",
        payTo: "0x0000000000000000000000000000000000000402",
        maxTimeoutSeconds: 300,
        extra: {},
      },
      usd: "0.01",
      currency: "USDC",
      validBefore: 2_000_000_000,
    },
    createdAt: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}
