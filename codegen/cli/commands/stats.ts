import type { Command } from "commander";
import type { Context } from "../command.ts";
import type { StatsOptions } from "../stats.ts";
import { STORE_OPTION } from "../store.ts";

const EXAMPLES = `
Examples:
  $ resource402 stats --store studio.db                   the last 24 hours, by resource
  $ resource402 stats --store studio.db --since 7d        the last week
  $ resource402 stats --store postgres://… --watch        again every two seconds, until Ctrl-C
  $ resource402 stats --store studio.db --json            for a program

Counts what the store remembers: jobs are deleted after their retention, calls after a day. Revenue is what was
paid in; of that, Refunded has been sent back, and Owed is still to be.

Exit codes: 0 all is well, 1 the store cannot be read, 2 the command is wrong.`;

export function addStats(program: Command, context: Context): void {
  program
    .command("stats")
    .summary("print calls, success, time, revenue and what waits")
    .description("Print calls, success, time, revenue and what waits, by resource.")
    .requiredOption(...STORE_OPTION)
    .option("--since <time>", "how far to look back: 30m, 24h, 7d", "24h")
    .option("--json", "print JSON")
    .option("-w, --watch", "print again every two seconds")
    .addHelpText("after", EXAMPLES)
    .action(async (options: StatsOptions) => {
      const { printStats } = await import("../stats.ts");
      context.exit(await printStats(options, context.interruption()));
    });
}
