import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Context } from "../command.ts";
import type { SdkFlags } from "../sdk.ts";
import { readSource, SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 sdk --name @pixel/studio --out sdk/       from resources.ts
  $ resource402 sdk https://api.pixel.example --name studio-client
                                                          from an API that somebody else serves
  $ resource402 sdk --name @pixel/studio --repository github:pixel/studio --license MIT
                                                          with all that npm asks of a package with provenance
  $ resource402 sdk --name @pixel/studio --check          say what is stale, and fail if anything is

Publish it from CI, where npm can tell where a package comes from: npm publish ./sdk. From your own machine it takes
--provenance=false. What you add to the folder, such as LICENSE or CHANGELOG.md, is left as it is.

Exit codes: 0 all is well, 1 the package cannot be made or is stale, 2 the command is wrong.`;

export function addSdk(program: Command, context: Context): void {
  program
    .command("sdk")
    .summary("make an npm package for buyers")
    .description("Make an npm package for buyers: typed, with the runtime inside, and no dependencies.")
    .argument(...SOURCE_ARGUMENT)
    .requiredOption("-n, --name <name>", "the package's name: @pixel/studio")
    .option("-o, --out <folder>", "where to write it", "sdk")
    .option("--package-version <version>", "the package's version (default: the API's)")
    .option("--license <license>", "an SPDX expression (default: the API's, else that of your package.json)")
    .option("--repository <repository>", "where its source is: a git URL, or github:owner/name")
    .addOption(new Option("-c, --check", "write nothing; print what is stale, as a diff").conflicts("force"))
    .option("-f, --force", "overwrite files that were not written by this command")
    .addHelpText("after", EXAMPLES)
    .action(async (named: string | undefined, flags: SdkFlags) => {
      const { makeSdk } = await import("../sdk.ts");
      const source = await readSource(named, context);
      const made = { ...flags, out: resolve(flags.out) };
      context.exit(await makeSdk(source, made, context.interruption()));
    });
}
