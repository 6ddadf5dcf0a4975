import { privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";
import { buy } from "../../codegen/dev/wallet.ts";
import { modelOf } from "../codegen/definitions.ts";
import shopApi from "../fixtures/shop/resources.ts";
import { serveShop } from "./served.ts";

it("shows the receipt of a job that is charged when it is done", async () => {
  await using served = await serveShop();
  const account = privateKeyToAccount(served.key as `0x${string}`);
  const { signal } = new AbortController();
  const options = { baseUrl: served.url, account, signal, onProgress: () => {} };
  const bought = await buy(options, await modelOf(shopApi), "bake", { loaf: "rye" });
  expect(bought).toMatchObject({ usd: "0.04", receipt: { amount: "0.04" }, output: expect.anything() });
});
