import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const KIB = 1024;
const root = fileURLToPath(new URL("../../", import.meta.url));

/** What a browser loads of these exports: minified, gzipped. */
async function bundled(exported: string): Promise<{ readonly kib: number; readonly packages: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: exported, resolveDir: root, loader: "ts" },
    ...({ bundle: true, minify: true, write: false, metafile: true, legalComments: "none" } as const),
    ...({ format: "esm", platform: "browser", target: "es2022", logLevel: "error" } as const),
  });
  const [output] = Object.values(metafile.outputs);
  const files = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const names = files.flatMap(([file]) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  const kib = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0) / KIB;
  return { kib, packages: [...new Set(names)].sort() };
}

const CLIENT = 'export * from "./src/client/index.ts";';
const EVM = "./src/client/evm-payers.ts";

describe("a browser loads", () => {
  it("at most 22 KiB for the client, and no package", async () => {
    const { kib, packages } = await bundled(CLIENT);
    console.log(`client: ${kib.toFixed(2)} KiB`);
    expect(kib).toBeLessThanOrEqual(22);
    expect(packages).toEqual([]);
  });

  it("at most 1.2 KiB more for accounts that sign by themselves, and no package", async () => {
    const [{ kib: client }, { kib, packages }] = await Promise.all([
      bundled(CLIENT),
      bundled(`${CLIENT} export { evmPayer } from "${EVM}";`),
    ]);
    expect(kib - client).toBeLessThanOrEqual(1.2);
    expect(packages).toEqual([]);
  });

  it("at most 37.3 KiB for the client and a private key, and no viem", async () => {
    const { kib, packages } = await bundled(`${CLIENT} export { privateKeyPayer } from "${EVM}";`);
    console.log(`client and private key: ${kib.toFixed(2)} KiB`);
    expect(kib).toBeLessThanOrEqual(37.3);
    expect(packages).toEqual(["@noble/curves", "@noble/hashes"]);
  });
});
