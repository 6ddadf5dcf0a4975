import type { Command } from "commander";
import type { CommandContext } from "../command.ts";
import { FACILITATOR_OPTION } from "../facilitator.ts";
import { RPC_OPTION } from "../nodes.ts";
import type { ListOptions, PayRefundsOptions } from "../refunds.ts";
import type { ResolveFlags } from "../resolve.ts";
import { STORE_OPTION } from "../store.ts";
import { outcomeArgument, withDecision } from "./payments.ts";

const EXAMPLES = `
Examples:
  $ resource402 refunds list --store studio.db            list refunds that are owed
  $ resource402 refunds list --store studio.db --all      list paid refunds too
  $ resource402 refunds pay --store studio.db \\
      --facilitator https://facilitator.example.com       pay all of them, after a question
  $ resource402 refunds resolve ref_8f3a… paid --store studio.db \\
      --by "Jo Doe" --why "sent from the treasury" --transaction 0x…

A facilitator with credentials is named by a module: --facilitator ./facilitator.ts, whose default export is the
{ url, createAuthHeaders } that createServer takes too.

Set the environment variable RESOURCE402_REFUND_KEY to the private key of the account that pays. The account needs the
token but no gas. One account cannot pay a refund twice: the nonce of its transfer is derived from the id of the refund.

States: owed (no transfer is signed, or its signer may send it again), signed (a transfer is signed and may have been
sent), paid.

resolve records that a refund was paid, or that its signed transfer was not executed and never will be. After unpaid,
another account can pay the refund. unpaid is rejected until ten minutes after the transfer expires. Both are rejected
when the chain proves the opposite.

Exit codes: 0 success, 1 a refund is still owed, the decision is rejected or the store cannot be read, 2 invalid usage.`;

export function addRefunds(program: Command, context: CommandContext): void {
  const refunds = program
    .command("refunds")
    .summary("list and pay refunds that are owed")
    .description("List and pay the refunds of calls that were charged and ended without a result.")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  refunds
    .command("list")
    .description("List refunds that are not paid, oldest first.")
    .requiredOption(...STORE_OPTION)
    .option("-a, --all", "list paid refunds too")
    .option("--json", "print JSON")
    .action(async (options: ListOptions) => {
      const { listRefunds } = await import("../refunds.ts");
      context.exit(await listRefunds(options));
    });
  refunds
    .command("pay")
    .description("Pay refunds that are owed or signed: the named ones, or all.")
    .argument("[ids...]", "refunds to pay (default: all that are not paid)")
    .requiredOption(...STORE_OPTION)
    .option(...FACILITATOR_OPTION)
    .option(...RPC_OPTION)
    .option("-y, --yes", "do not ask")
    .addHelpText("after", EXAMPLES)
    .action(async (ids: string[], options: PayRefundsOptions) => {
      const { payRefunds } = await import("../refunds.ts");
      context.exit(await payRefunds(ids, options));
    });
  withDecision(
    refunds
      .command("resolve")
      .description("Record whether a refund was paid.")
      .argument("<id>", "id of the refund, as in the list")
      .addArgument(outcomeArgument()),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (id: string, outcome: "paid" | "unpaid", flags: ResolveFlags) => {
      const { resolveOneRefund } = await import("../refunds.ts");
      context.exit(await resolveOneRefund(id, outcome, flags));
    });
}
