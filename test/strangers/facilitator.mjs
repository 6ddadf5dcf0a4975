// A facilitator of the ecosystem on loopback: `node facilitator.mjs <kind> <rpcUrl> <privateKey>`. Prints its address.
import { once } from "node:events";
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { createWalletClient, http, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";

const [kind = "", rpcUrl = "", key = ""] = process.argv.slice(2);
const NETWORK = "eip155:84532";
const account = privateKeyToAccount(key);
const wallet = createWalletClient({ account, chain: baseSepolia, transport: http(rpcUrl) }).extend(
  publicActions,
);

/** The official facilitator with its default settings, for both versions, as its example serves it. */
async function official() {
  const [{ x402Facilitator }, { toFacilitatorEvmSigner }, v2, v1] = await Promise.all([
    import("@x402/core/facilitator"),
    import("@x402/evm"),
    import("@x402/evm/exact/facilitator"),
    import("@x402/evm/exact/v1/facilitator"),
  ]);
  const signer = toFacilitatorEvmSigner({
    address: account.address,
    getCode: (of) => wallet.getCode(of),
    readContract: (call) => wallet.readContract({ ...call, args: call.args ?? [] }),
    verifyTypedData: (signed) => wallet.verifyTypedData(signed),
    writeContract: (call) => wallet.writeContract({ ...call, args: call.args ?? [] }),
    sendTransaction: (transaction) => wallet.sendTransaction(transaction),
    waitForTransactionReceipt: (wait) => wallet.waitForTransactionReceipt(wait),
  });
  const facilitator = new x402Facilitator()
    .register(NETWORK, new v2.ExactEvmScheme(signer))
    .registerV1("base-sepolia", new v1.ExactEvmSchemeV1(signer));
  return {
    supported: async () => facilitator.getSupported(),
    verify: (payment, requirements) => facilitator.verify(payment, requirements),
    settle: (payment, requirements) => facilitator.settle(payment, requirements),
    failed: [500, (error) => ({ error: error.message })],
  };
}

/** The facilitator of version 1, as its example serves it. */
async function version1() {
  const { verify, settle } = await import("x402/facilitator");
  return {
    supported: async () => ({ kinds: [{ x402Version: 1, scheme: "exact", network: "base-sepolia" }] }),
    verify: (payment, requirements) => verify(wallet, payment, requirements),
    settle: (payment, requirements) => settle(wallet, payment, requirements),
    failed: [400, () => ({ error: "Invalid request" })],
  };
}

async function faremeter() {
  const { createFacilitatorHandler } = await import("@faremeter/payment-evm/exact");
  const chain = { id: baseSepolia.id, name: "Base Sepolia", rpcUrls: { default: { http: [rpcUrl] } } };
  const handler = await createFacilitatorHandler(chain, key, "USDC", { transport: http(rpcUrl) });
  return {
    supported: async () => ({ kinds: await Promise.all(handler.getSupported()) }),
    verify: (payment, requirements) => handler.handleVerify(requirements, payment),
    settle: (payment, requirements) => handler.handleSettle(requirements, payment),
    failed: [500, (error) => ({ error: error.message })],
  };
}

const KINDS = { "@x402/core": official, x402: version1, "@faremeter/payment-evm": faremeter };
const facilitator = await KINDS[kind]();
const app = new Hono();
const answer = (ask) => async (c) => {
  const { paymentPayload, paymentRequirements } = await c.req.json();
  try {
    return c.json(await ask(paymentPayload, paymentRequirements));
  } catch (error) {
    const [status, body] = facilitator.failed;
    if (process.env.VERBOSE) console.error(error);
    return c.json(body(error), status);
  }
};
app.get("/supported", async (c) => c.json(await facilitator.supported()));
app.post("/verify", answer(facilitator.verify));
app.post("/settle", answer(facilitator.settle));
const server = createServer(getRequestListener(app.fetch));
server.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${server.address().port}`);
