import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import type { Context } from "../command.ts";

const EXAMPLES = `
Examples:
  $ resource402 init                              ask three questions, write into this folder
  $ resource402 init word-kit --yes               take the defaults, write into word-kit/
  $ resource402 init --name "Word Kit" --sample job \\
      --pay-to 0x0000000000000000000000000000000000000402

Writes a definition with samples that work, their handlers, a server and its settings. No file that is there is
overwritten; package.json is added to.

Exit codes: 0 all is well, 1 the folder cannot be used, 2 the command is wrong.`;

interface Flags {
  readonly name?: string;
  readonly payTo?: string;
  readonly sample?: "answer" | "job" | "both";
  readonly yes?: boolean;
}

export function addInit(program: Command, context: Context): void {
  program
    .command("init")
    .summary("begin a project that runs")
    .description("Begin a project that runs: a definition, its handlers, a server.")
    .argument("[folder]", "where to write (default: this folder)")
    .option("-n, --name <text>", "what the API is called (default: as the folder)")
    .option("-p, --pay-to <address>", "the address that is paid (default: to be filled in later)")
    .addOption(
      new Option("-s, --sample <kind>", "what it sells to begin with (default: both)").choices([
        ...["answer", "job", "both"],
      ]),
    )
    .option("-y, --yes", "ask nothing; what no flag says is the default")
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
