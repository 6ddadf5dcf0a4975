import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext } from "../command.ts";
import { readSource, SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 docs                                      from resources.ts, into site/
  $ resource402 docs openapi.json --out public/docs       from a document
  $ resource402 docs https://api.pixel.example            from a live API

The page is a single file without external assets: open site/index.html, or upload the folder to any host. A
generated server shows the same page at /docs. Other files in the folder are left unchanged.

Exit codes: 0 success, 1 the page could not be created or would overwrite other files, 2 invalid usage.`;

interface Flags {
  readonly out: string;
  readonly force?: boolean;
}

export function addDocs(program: Command, context: CommandContext): void {
  program
    .command("docs")
    .summary("write the documentation as a static site")
    .description("Write the documentation as a static site: a page, openapi.json, llms.txt and API.md.")
    .argument(...SOURCE_ARGUMENT)
    .option("-o, --out <folder>", "where to write it", "site")
    .option("-f, --force", "overwrite files that were not written by this command")
    .addHelpText("after", EXAMPLES)
    .action(async (named: string | undefined, { out, force = false }: Flags) => {
      const { writeDocs } = await import("../docs.ts");
      await writeDocs(await readSource(named, context), { out: resolve(out), force });
    });
}
