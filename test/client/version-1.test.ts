import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";

/** As a seller answers that has never heard of version 2, on a network that has no name in it. */
const CHALLENGE = {
  x402Version: 1,
  error: "X-PAYMENT header is required",
  accepts: [
    {
      ...{
        scheme: "exact",
        network: "some-net",
        maxAmountRequired: "10000",
        mimeType: "application/json",
      },
      ...{ description: "", maxTimeoutSeconds: 60 },
      payTo: "0x1111111111111111111111111111111111111111",
      asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
      extra: { name: "USDC", version: "2" },
    },
  ],
};

it.each([
  ["offers version 1 on an unknown network", CHALLENGE, { code: "payment_refused", reason: "no_offer" }],
  ["asks for money in no words that are known", { price: 1 }, { code: "protocol", status: 402 }],
])("a seller who %s is paid nothing, and the error says why", async (_, body, facts) => {
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
      ...facts,
      charged: "no",
    });
    expect(requests).toBe(1);
  } finally {
    server.close();
  }
});
