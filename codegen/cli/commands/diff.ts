import { type Command, InvalidArgumentError, Option } from "commander";
import type { ChangeKind } from "../../diff/change.ts";
import type { Context } from "../command.ts";
import type { DiffFlags } from "../diff.ts";
import { SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 diff HEAD                        what would change for buyers with the next commit
  $ resource402 diff v1.2.0 --markdown           since a release, as a section for CHANGELOG.md
  $ resource402 diff https://api.pixel.example   between what is served and the definition here
  $ resource402 diff main --fail-on breaking     in CI, where prices may rise

A revision of git is read from the openapi.json beside the definition, as generate writes it. What is both a file
and a revision is taken for the file.

Exit codes: 0 nothing is breaking, dearer or weaker, 1 something is, 2 the command is wrong.`;

const FAILING = ["breaking", "price", "weaker"] as const;

export function addDiff(program: Command, context: Context): void {
  program
    .command("diff")
    .summary("say what a change breaks, makes dearer or weakens for buyers")
    .description("Say what has changed for buyers: what breaks, costs more, or is promised less.")
    .argument("<before>", "the API as it was: a git revision, a file, or a URL")
    .argument(...SOURCE_ARGUMENT)
    .option("--document <file>", "where git has openapi.json (default: beside the definition)")
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
