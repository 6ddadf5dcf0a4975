import type { Command } from "commander";
import type { Context } from "../command.ts";
import { STORE_OPTION } from "../store.ts";
import type { SweepOptions } from "../sweep.ts";

const EXAMPLES = `
Examples:
  $ resource402 sweep --store studio.db                   delete what has outlived its use

A running server does this by itself, every minute. Never deleted: what is owed, what is in doubt, and keys and
payments for as long as a late copy of a request could charge again.

Exit codes: 0 all is well, 1 the store cannot be written, 2 the command is wrong.`;

export function addSweep(program: Command, context: Context): void {
  program
    .command("sweep")
    .summary("delete what has outlived its use")
    .description(
      "Delete what has outlived its use: ended jobs after their retention, and old keys and payments.",
    )
    .requiredOption(...STORE_OPTION)
    .addHelpText("after", EXAMPLES)
    .action(async (options: SweepOptions) => {
      const { sweepStore } = await import("../sweep.ts");
      context.exit(await sweepStore(options, context.interruption()));
    });
}
