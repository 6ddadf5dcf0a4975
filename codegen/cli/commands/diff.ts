import { type Command, InvalidArgumentError, Option } from "commander";
import type { ChangeKind } from "../../diff/change.ts";
import type { CommandContext } from "../command.ts";
import type { DiffFlags } from "../diff.ts";
import { SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 diff HEAD                        changes since the last commit
  $ resource402 diff v1.2.0 --markdown           since a release, as a CHANGELOG.md section
  $ resource402 diff https://api.pixel.example   changes between the live API and the definition
  $ resource402 diff main --fail-on breaking     in CI, when prices may rise

For a git revision, diff reads the openapi.json beside the definition, as generate writes it. A name that is both a
file and a revision means the file.

Exit codes: 0 no change breaks, costs more or promises less, 1 a change does, 2 invalid usage.`;

const FAILING = ["breaking", "price", "weaker"] as const;

export function addDiff(program: Command, context: CommandContext): void {
  program
    .command("diff")
    .summary("list changes that break, cost more or promise less")
    .description("List what has changed for buyers: what breaks, costs more, or promises less.")
    .argument("<before>", "the API before the change: a git revision, a file, or a URL")
    .argument(...SOURCE_ARGUMENT)
    .option("--document <file>", "path of openapi.json in git (default: beside the definition)")
    .addOption(
      new Option("--fail-on <kinds>", `kinds of change to fail on: ${FAILING.join(", ")}, or none`)
        .argParser(kindsOf)
        .default(FAILING, FAILING.join(",")),
    )
    .addOption(new Option("--json", "print JSON").conflicts("markdown"))
    .option("--markdown", "print a section for CHANGELOG.md")
    .addHelpText("after", EXAMPLES)
    .action(async (before: string, source: string | undefined, flags: DiffFlags) => {
      const { printDiff } = await import("../diff.ts");
      context.exit(await printDiff(before, source, flags, context));
    });
}

function kindsOf(text: string): readonly ChangeKind[] {
  if (text === "none") return [];
  return text.split(",").map((word) => {
    const kind = FAILING.find((kind) => kind === word.trim());
    if (kind === undefined) throw new InvalidArgumentError(`Write ${FAILING.join(", ")} or none.`);
    return kind;
  });
}
