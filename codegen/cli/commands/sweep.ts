import type { Command } from "commander";
import type { CommandContext } from "../command.ts";
import { STORE_OPTION } from "../store.ts";
import type { SweepOptions } from "../sweep.ts";

const EXAMPLES = `
Examples:
  $ resource402 sweep --store studio.db                   delete expired records

A running server does this every minute. It never deletes owed refunds or unconfirmed payments. It keeps idempotency
keys and payments for as long as a late copy of a request could be charged again.

Exit codes: 0 success, 1 the store cannot be written, 2 invalid usage.`;

export function addSweep(program: Command, context: CommandContext): void {
  program
    .command("sweep")
    .summary("delete expired records")
    .description("Delete expired records: ended jobs after their retention, and old keys and payments.")
    .requiredOption(...STORE_OPTION)
    .addHelpText("after", EXAMPLES)
    .action(async (options: SweepOptions) => {
      const { sweepStore } = await import("../sweep.ts");
      context.exit(await sweepStore(options, context.interruption()));
    });
}
