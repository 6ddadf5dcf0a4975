import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { atMost, type Measure } from "./table.ts";

const ACCOUNT = `export { privateKeyToAccount } from "viem/accounts";`;
const OURS = `export * from "../dist/client.js";`;
const EVM = `export * from "../dist/evm.js";`;

/** What a browser loads to call and pay: KiB after minify and gzip. */
export const measure: Measure = async ({ log }) => {
  const size = async (name: string, source: string): Promise<{ name: string; value: number }> => {
    const value = await gzipKiB(source);
    log(`${name} ${value.toFixed(1)} KiB`);
    return { name, value };
  };
  const ky = await size("ky alone", `export { default } from "ky";`);
  const openapiFetch = await size("openapi-fetch", `export { default } from "openapi-fetch";`);
  const official = await size(
    "@x402/fetch + evm + viem account",
    `export * from "@x402/fetch"; export { ExactEvmScheme } from "@x402/evm/exact/client"; ${ACCOUNT}`,
  );
  const officialAlone = await size(
    "@x402/fetch + evm",
    `export * from "@x402/fetch"; export { ExactEvmScheme } from "@x402/evm/exact/client";`,
  );
  const account = await size("viem account alone", ACCOUNT);
  const client = await size("our client", OURS);
  const payer = await size("our client + evmPayer", OURS + EVM);
  const all = await size("our client + evmPayer + viem account", OURS + EVM + ACCOUNT);
  return [
    {
      measure: "client without signer, gzip",
      unit: " KiB",
      peers: [ky, openapiFetch],
      ours: client,
      budget: [atMost(18, client.value, " KiB")],
    },
    {
      measure: "client with EVM payer, account not counted, gzip",
      unit: " KiB",
      peers: [officialAlone],
      ours: payer,
      budget: [atMost(35, payer.value, " KiB")],
    },
    {
      measure: "client with EVM payer and viem account, gzip",
      unit: " KiB",
      peers: [official, account],
      ours: all,
      budget: [atMost(35, all.value, " KiB")],
    },
  ];
};

async function gzipKiB(source: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "error",
  });
  const [bundle] = outputFiles;
  if (!bundle) throw new Error("esbuild wrote nothing");
  return gzipSync(bundle.contents).length / 1024;
}
