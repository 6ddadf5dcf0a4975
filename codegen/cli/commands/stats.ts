import type { Command } from "commander";
import type { CommandContext } from "../command.ts";
import type { StatsOptions } from "../stats.ts";
import { STORE_OPTION } from "../store.ts";

const EXAMPLES = `
Examples:
  $ resource402 stats --store studio.db                   the last 24 hours, by resource
  $ resource402 stats --store studio.db --since 7d        the last week
  $ resource402 stats --store postgres://… --watch        refresh every two seconds, until Ctrl-C
  $ resource402 stats --store studio.db --json            for a program

Counts the records in the store: jobs are deleted after their retention, calls after a day. Revenue is the total paid by
buyers. Refunded is the part that was refunded, Owed the part that is still to be refunded.

Exit codes: 0 success, 1 the store cannot be read, 2 invalid usage.`;

export function addStats(program: Command, context: CommandContext): void {
  program
    .command("stats")
    .summary("print calls, success rate, duration, revenue and queued jobs")
    .description("Print calls, success rate, duration, revenue and queued jobs for each resource.")
    .requiredOption(...STORE_OPTION)
    .option("--since <time>", "time range: 30m, 24h, 7d", "24h")
    .option("--json", "print JSON")
    .option("-w, --watch", "refresh every two seconds")
    .addHelpText("after", EXAMPLES)
    .action(async (options: StatsOptions) => {
      const { printStats } = await import("../stats.ts");
      context.exit(await printStats(options, context.interruption()));
    });
}
