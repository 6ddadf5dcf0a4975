import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const urlOf = (path: string): string => pathToFileURL(path).href;

/** All entries of a package that the project or its packages import, so that none of its modules is loaded twice. */
const ENTRIES = [
  ...["viem", "viem/accounts", "viem/actions", "viem/chains", "viem/utils"],
  ...["@x402/core", "@x402/core/client", "@x402/core/facilitator", "@x402/core/http", "@x402/core/schemas"],
  ...["@x402/core/server", "@x402/core/types", "@x402/core/types/v1", "@x402/core/utils"],
  ...["@x402/evm", "@x402/evm/v1", "@x402/evm/exact/client", "@x402/evm/exact/server"],
  ...["@x402/evm/exact/facilitator", "@x402/evm/exact/v1/client", "@x402/evm/exact/v1/facilitator"],
];

/**
 * Bundles packages of many modules, and returns the file of a hook that puts the bundles in their place: viem is 350 files,
 * and hundreds of processes load it in a run of the tests. The code is the same. Installations elsewhere keep their own.
 */
export async function bundlePackages(): Promise<string> {
  const lock = readFileSync(join(root, "package-lock.json"));
  const name = createHash("sha256").update(lock).update(ENTRIES.join()).digest("hex").slice(0, 16);
  const cache = join(root, "node_modules/.cache");
  const folder = join(cache, `bundled-${name}`);
  const hook = join(folder, "hook.js");
  if (existsSync(hook)) return hook;

  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, "bundling-"));
  const nameOf = (entry: string): string => entry.replaceAll("/", "__");
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(ENTRIES.map((entry) => [nameOf(entry), entry])),
    outdir: unfinished,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    // As Node resolves them.
    conditions: ["node"],
    metafile: true,
    logLevel: "error",
  });
  const bundled = Object.entries(metafile.outputs).flatMap(([output, { entryPoint }]) =>
    entryPoint === undefined
      ? []
      : [[urlOf(join(root, entryPoint)), urlOf(join(folder, basename(output)))] as const],
  );
  writeFileSync(join(unfinished, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(unfinished, "hook.js"),
    `import * as modules from "node:module";
const bundled = new Map(${JSON.stringify(bundled)});
modules.registerHooks?.({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const url = bundled.get(resolved.url);
    return url === undefined ? resolved : { ...resolved, url };
  },
});
`,
  );
  try {
    // Tests start programs as other users.
    chmodSync(unfinished, 0o755);
    renameSync(unfinished, folder);
  } catch (error) {
    // Another run has made the same.
    rmSync(unfinished, { recursive: true });
    if (!existsSync(hook)) throw error;
  }
  return hook;
}
