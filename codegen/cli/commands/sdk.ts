import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command.ts";
import type { SdkFlags } from "../sdk.ts";
import { readSource, SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 sdk --name @pixel/studio --out sdk/       from resources.ts
  $ resource402 sdk https://api.pixel.example --name studio-client
                                                          from a live API of another seller
  $ resource402 sdk --name @pixel/studio --repository github:pixel/studio --license MIT
                                                          with the metadata that npm requires for provenance
  $ resource402 sdk --name @pixel/studio --check          list stale files, and fail if there are any

Publish from CI, where npm can attest the provenance: npm publish ./sdk. On your own machine, add --provenance=false.
Files that you add to the folder, such as LICENSE or CHANGELOG.md, are left unchanged.

Exit codes: 0 success, 1 the package cannot be built or is stale, 2 invalid usage.`;

export function addSdk(program: Command, context: CommandContext): void {
  program
    .command("sdk")
    .summary("create an npm package for buyers")
    .description("Create an npm package for buyers: typed, with the runtime included and no dependencies.")
    .argument(...SOURCE_ARGUMENT)
    .requiredOption("-n, --name <name>", "the package's name: @pixel/studio")
    .option("-o, --out <folder>", "where to write it", "sdk")
    .option("--package-version <version>", "the package's version (default: the API's)")
    .option("--license <license>", "an SPDX expression (default: from the API, else from your package.json)")
    .option("--repository <repository>", "source repository: a git URL, or github:owner/name")
    .addOption(new Option("-c, --check", "write nothing; print stale files as a diff").conflicts("force"))
    .option("-f, --force", "overwrite files that were not written by this command")
    .addHelpText("after", EXAMPLES)
    .action(async (named: string | undefined, flags: SdkFlags) => {
      const { makeSdk } = await import("../sdk.ts");
      const source = await readSource(named, context);
      const made = { ...flags, out: resolve(flags.out) };
      context.exit(await makeSdk(source, made, context.interruption()));
    });
}
