import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { GeneratedFile } from "../files.ts";
import { CommandError } from "./command.ts";

/** What the client's runtime needs: the client, the payer of EVM accounts, and calls saved in files of Node.js. */
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
  const folder = new URL("dist/runtime/", packageUrl());
  if (!existsSync(new URL("client.d.ts", folder))) {
    throw new CommandError(
      `${fileURLToPath(folder)} has no types: this copy of @resource402/cli was built without them`,
    );
  }
  const files = Object.entries(names).flatMap(([module, name]) =>
    [".js", ".d.ts"].map(async (extension) => {
      const text = await readFile(new URL(`${module}${extension}`, folder), "utf8");
      const named = text.replace(/\bresource402\/(client|evm|node)\b/g, (_, entry) => entryOf(entry));
      return { path: `${name}${extension}`, text: named };
    }),
  );
  return Promise.all(files);
}

/** The license of the runtime. */
export function runtimeLicense(): Promise<string> {
  return readFile(new URL("LICENSE", packageUrl()), "utf8");
}

/** The folder of this package, whether this runs from its sources or from `dist`. */
function packageUrl(): URL {
  return new URL(".", import.meta.resolve("@resource402/cli/package.json"));
}
