import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { GeneratedFile } from "../files.ts";
import { CommandError } from "./command.ts";

/** The modules of the client's runtime: the client, the payer of EVM accounts, and calls saved in files of Node.js. */
export type RuntimeModule = "client" | "evm" | "node";

/**
 * The client's runtime as modules that import no package, each with its types. `names` says what they are called,
 * without extension. Comments that name the entries `resource402/evm` and `resource402/node` then name `entryOf` of it.
 * @throws CommandError when this copy was built without them
 */
export async function clientRuntime(
  names: Readonly<Record<RuntimeModule, string>>,
  entryOf: (module: RuntimeModule) => string,
): Promise<GeneratedFile[]> {
  const folder = packageUrl("dist/runtime/");
  if (!existsSync(new URL("client.d.ts", folder))) {
    throw new CommandError(
      `${fileURLToPath(folder)} has no types: this copy of @resource402/cli was built without them`,
    );
  }
  const { version } = JSON.parse(await readFile(packageUrl("package.json"), "utf8"));
  const header = `// The client runtime of resource402 ${version}, licensed under Apache-2.0. Generated. Do not edit.\n`;
  const files = Object.entries(names).flatMap(([module, name]) =>
    [".js", ".d.ts"].map(async (extension) => {
      const text = await readFile(new URL(`${module}${extension}`, folder), "utf8");
      const named = text.replace(/\bresource402\/(client|evm|node)\b/g, (_, entry) => entryOf(entry));
      return { path: `${name}${extension}`, text: header + named };
    }),
  );
  return Promise.all(files);
}

/** The license of the runtime. */
export function runtimeLicense(): Promise<string> {
  return readFile(packageUrl("LICENSE"), "utf8");
}

/** A file of this package, whether this runs from its sources or from `dist`. */
function packageUrl(path: string): URL {
  return new URL(path, import.meta.resolve("@resource402/cli/package.json"));
}
