import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { isPaymentPayload, isPaymentRequirements } from "@x402/core/schemas";
import type { FacilitatorClient } from "@x402/core/server";
import type { PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse } from "@x402/core/types";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { ExactEvmScheme } from "@x402/evm/exact/facilitator";
import { ExactEvmSchemeV1 } from "@x402/evm/exact/v1/facilitator";
import { Hono } from "hono";
import type { VerifyTypedDataParameters } from "viem";
import { type Chain, GAS_WALLET } from "./chain.ts";
import { exactFacilitator, NETWORK } from "./exact.ts";

/**
 * The official EVM facilitator on a local chain: the scheme `exact`, for x402 v2 on eip155:84532 and for v1 on
 * base-sepolia. Payments are simulated before they are settled too, so that the reason of a refused settlement is
 * a word (`invalid_exact_evm_nonce_already_used`) in v1 as well, where it would be the text of a viem error.
 *
 * @throws (verify, settle) as the official facilitator does: for requirements of another scheme or network, and
 *   when the chain cannot be reached before anything was sent.
 */
export function chainFacilitator(chain: Chain): FacilitatorClient {
  const { publicClient, broadcast } = chain;
  const signer = toFacilitatorEvmSigner({
    address: GAS_WALLET.address,
    readContract: (call) => publicClient.readContract({ ...call, args: call.args ?? [] }),
    verifyTypedData: (signed) => publicClient.verifyTypedData(signed as VerifyTypedDataParameters),
    writeContract: (call) => broadcast((wallet) => wallet.writeContract(call)),
    sendTransaction: (transaction) => broadcast((wallet) => wallet.sendTransaction(transaction)),
    waitForTransactionReceipt: (wait) => publicClient.waitForTransactionReceipt(wait),
    getCode: (of) => publicClient.getCode(of),
  });
  return exactFacilitator(
    new ExactEvmScheme(signer, { simulateInSettle: true }),
    new ExactEvmSchemeV1(signer, { simulateInSettle: true }),
  );
}

/** A facilitator that listens. */
export interface FacilitatorServer {
  /** `http://127.0.0.1:<port>`, for `new HTTPFacilitatorClient({ url })`. */
  readonly url: string;
  /** Ends all connections. May be called again. */
  close(): Promise<void>;
}

/** Options of `serveFacilitator`. */
export interface FacilitatorServerOptions {
  /** Port on 127.0.0.1; default: one that is free. */
  port?: number;
}

/** The same answer in the two shapes that the two endpoints have. */
const failures = {
  verify: (reason: string, message: string): VerifyResponse => ({
    isValid: false,
    invalidReason: reason,
    invalidMessage: message,
  }),
  settle: (reason: string, message: string): SettleResponse => ({
    success: false,
    errorReason: reason,
    errorMessage: message,
    transaction: "",
    network: NETWORK,
  }),
};

/**
 * Serves a facilitator over HTTP on 127.0.0.1, as the x402 specification has it: `POST /verify`, `POST /settle`,
 * `GET /supported`. A refusal is a 200 like any verdict; a body that is not `{ paymentPayload,
 * paymentRequirements }` is a 400 (`invalid_payload`), a facilitator that throws a 500
 * (`unexpected_verify_error`, `unexpected_settle_error`), both in the shape of a verdict.
 *
 * @throws Error (EADDRINUSE) if a given port is taken.
 */
export async function serveFacilitator(
  facilitator: FacilitatorClient,
  { port = 0 }: FacilitatorServerOptions = {},
): Promise<FacilitatorServer> {
  const app = new Hono();
  app.get("/supported", async (c) => c.json(await facilitator.getSupported()));
  for (const operation of ["verify", "settle"] as const) {
    app.post(`/${operation}`, async (c) => {
      const body: unknown = await c.req.json().catch(() => undefined);
      if (!isPaymentRequest(body)) {
        const expected =
          "The body must be { x402Version, paymentPayload, paymentRequirements } of x402 v1 or v2.";
        return c.json(failures[operation]("invalid_payload", expected), 400);
      }
      try {
        return c.json(await facilitator[operation](body.paymentPayload, body.paymentRequirements));
      } catch (error) {
        return c.json(failures[operation](`unexpected_${operation}_error`, String(error)), 500);
      }
    });
  }
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
      return closed;
    },
  };
}

interface PaymentRequest {
  paymentPayload: PaymentPayload;
  paymentRequirements: PaymentRequirements;
}

function isPaymentRequest(body: unknown): body is PaymentRequest {
  const { paymentPayload, paymentRequirements } = (body ?? {}) as Partial<PaymentRequest>;
  return isPaymentPayload(paymentPayload) && isPaymentRequirements(paymentRequirements);
}
