import type { Command } from "commander";
import type { ForgetFlags, ListCallsFlags } from "../calls.ts";
import type { Context } from "../command.ts";
import { CALLS_OPTION } from "../saved-calls.ts";

const EXAMPLES = `
Examples:
  $ resource402 calls list                 what was paid for by call, and has not ended
  $ resource402 calls forget job_…         give one up whose seller will never answer, after a question
  $ resource402 calls forget --all --yes   give all of them up

A call that was paid for is kept until its end is known, and the same \`resource402 call\` resumes it. One that is being
made at this moment is listed too. To forget a call takes no payment back and ends no job.

Exit codes: 0 all is well, 1 there is no such call or it was not forgotten, 2 the command is wrong.`;

export function addCalls(program: Command, context: Context): void {
  const calls = program
    .command("calls")
    .summary("see and forget calls that were paid for and have not ended")
    .description("See and forget calls that were paid for by call and have not ended.")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  calls
    .command("list")
    .description("List calls that were paid for and have not ended, oldest first.")
    .option(...CALLS_OPTION)
    .option("--json", "print JSON")
    .action(async (flags: ListCallsFlags) => {
      const { listCalls } = await import("../calls.ts");
      context.exit(await listCalls(flags));
    });
  calls
    .command("forget")
    .description("Forget calls that nobody will answer any more: they are no longer resumed.")
    .argument("[ids...]", "jobs or idempotency keys, as the list shows them")
    .option("-a, --all", "forget all of them")
    .option(...CALLS_OPTION)
    .option("-y, --yes", "do not ask")
    .addHelpText("after", EXAMPLES)
    .action(async (ids: string[], flags: ForgetFlags) => {
      const { forgetCalls } = await import("../calls.ts");
      context.exit(await forgetCalls(ids, flags));
    });
}
