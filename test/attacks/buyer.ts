import { argv } from "node:process";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

/** Buys once from the address in the first argument, and prints what became of it. */
const [, , baseUrl = ""] = argv;
const client = connect({
  baseUrl,
  payer: evmPayer(privateKeyToAccount(generatePrivateKey())),
  patienceMs: 5_000,
} as never);
const call = client.resource({
  name: "echo",
  method: "POST",
  path: "/v1/echo",
  price: { kind: "fixed", usd: "0.01", per: "call" },
} as never) as (input: object) => Promise<unknown>;
const said = await call({}).then(
  (output) => ({ output }),
  (error: { code?: string; message: string }) => ({ error: error.code ?? error.message }),
);
process.stdout.write(JSON.stringify(said));
process.exit();
