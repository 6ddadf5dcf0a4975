import type { Command } from "commander";
import type { ForgetFlags, ListCallsFlags } from "../calls.ts";
import type { CommandContext } from "../command.ts";
import { CALLS_OPTION } from "../saved-calls.ts";

const EXAMPLES = `
Examples:
  $ resource402 calls list                 list paid calls that are still open
  $ resource402 calls forget job_…         forget a call that the seller will never answer
  $ resource402 calls forget --all --yes   forget all of them without asking

resource402 call saves a paid call until its outcome is known. The same \`resource402 call\` resumes it. The list also
includes calls that are running now. Forgetting a call does not revoke its payment and does not cancel its job.

Exit codes: 0 success, 1 the call does not exist or was not forgotten, 2 invalid usage.`;

export function addCalls(program: Command, context: CommandContext): void {
  const calls = program
    .command("calls")
    .summary("list and forget paid calls that are still open")
    .description("List and forget paid calls of `resource402 call` that are still open.")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  calls
    .command("list")
    .description("List paid calls that are still open, oldest first.")
    .option(...CALLS_OPTION)
    .option("--json", "print JSON")
    .action(async (flags: ListCallsFlags) => {
      const { listCalls } = await import("../calls.ts");
      context.exit(await listCalls(flags));
    });
  calls
    .command("forget")
    .description("Forget calls that the seller will no longer answer, so that they are not resumed.")
    .argument("[ids...]", "job ids or idempotency keys, as in the list")
    .option("-a, --all", "forget all of them")
    .option(...CALLS_OPTION)
    .option("-y, --yes", "do not ask")
    .addHelpText("after", EXAMPLES)
    .action(async (ids: string[], flags: ForgetFlags) => {
      const { forgetCalls } = await import("../calls.ts");
      context.exit(await forgetCalls(ids, flags));
    });
}
