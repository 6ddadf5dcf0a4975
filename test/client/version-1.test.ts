import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";

/** As a seller answers who has never heard of version 2. */
const CHALLENGE = {
  x402Version: 1,
  error: "X-PAYMENT header is required",
  accepts: [
    {
      ...{
        scheme: "exact",
        network: "base-sepolia",
        maxAmountRequired: "10000",
        mimeType: "application/json",
      },
      ...{ resource: "http://127.0.0.1/v1/echo", description: "", maxTimeoutSeconds: 60 },
      payTo: "0x1111111111111111111111111111111111111111",
      asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
      extra: { name: "USDC", version: "2" },
    },
  ],
};

it.each([
  ["speaks version 1 alone", CHALLENGE, /offers x402 version 1 alone; this client pays version 2/],
  ["asks for money in no words that are known", { price: 1 }, /no x402 v2 challenge that can be read/],
])("a seller who %s is paid nothing, and the error says why", async (_, body, message) => {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.writeHead(402, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const client = connect({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      payer: evmPayer(privateKeyToAccount(generatePrivateKey())),
    });
    const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
    const echo = client.resource({ name: "echo", method: "POST", path: "/v1/echo", price });
    await expect(echo({ text: "hello" })).rejects.toMatchObject({
      ...{ code: "protocol", charged: "no", status: 402 },
      message: expect.stringMatching(message),
    });
    expect(requests).toBe(1);
  } finally {
    server.close();
  }
});
