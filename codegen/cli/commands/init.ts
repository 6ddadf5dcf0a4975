import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command.ts";

const EXAMPLES = `
Examples:
  $ resource402 init                              ask three questions, then write into this folder
  $ resource402 init word-kit --yes               use the defaults, and write into word-kit/
  $ resource402 init --name "Word Kit" --sample job \\
      --pay-to 0x0000000000000000000000000000000000000402

Writes a definition with working samples, their handlers, a server and its settings. Existing files are never
overwritten; init only adds to package.json.

Exit codes: 0 success, 1 the folder cannot be used, 2 invalid usage.`;

interface Flags {
  readonly name?: string;
  readonly payTo?: string;
  readonly sample?: "answer" | "job" | "both";
  readonly yes?: boolean;
}

export function addInit(program: Command, context: CommandContext): void {
  program
    .command("init")
    .summary("create a working project")
    .description("Create a working project: a definition, its handlers and a server.")
    .argument("[folder]", "where to write (default: this folder)")
    .option("-n, --name <text>", "name of the API (default: the folder's name)")
    .option("-p, --pay-to <address>", "address that receives payments (default: fill in later)")
    .addOption(
      new Option("-s, --sample <kind>", "sample resources to create (default: both)").choices([
        ...["answer", "job", "both"],
      ]),
    )
    .option("-y, --yes", "do not ask; use the defaults")
    .addHelpText("after", EXAMPLES)
    .action(async (folder: string | undefined, { yes = false, ...flags }: Flags) => {
      const { init } = await import("../init.ts");
      const options = {
        ...flags,
        yes,
        folder: resolve(folder ?? "."),
        entry: context.entry,
        version: version(),
      };
      context.exit(await init(options));
    });
}

function version(): string {
  const file = fileURLToPath(import.meta.resolve("resource402/package.json"));
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}
