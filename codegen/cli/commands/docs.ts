import { resolve } from "node:path";
import type { Command } from "commander";
import type { Context } from "../command.ts";
import { readSource, SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 docs                                      from resources.ts, into site/
  $ resource402 docs openapi.json --out public/docs       from a document
  $ resource402 docs https://api.pixel.example            from an API that is served

The page is one file that needs nothing from elsewhere: open site/index.html, or put the folder on any host.
A server made by \`generate\` shows the same at /docs. What else is in the folder is left as it is.

Exit codes: 0 all is well, 1 the page cannot be made or files are in the way, 2 the command is wrong.`;

interface Flags {
  readonly out: string;
  readonly force?: boolean;
}

export function addDocs(program: Command, context: Context): void {
  program
    .command("docs")
    .summary("write its documentation as a static site")
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
