import type { Command } from "commander";
import type { Context } from "../command.ts";
import { RPC_OPTION } from "../nodes.ts";
import type { ListOptions, PayOptions } from "../refunds.ts";
import type { ResolveFlags } from "../resolve.ts";
import { STORE_OPTION } from "../store.ts";
import { outcomeArgument, withDecision } from "./payments.ts";

const EXAMPLES = `
Examples:
  $ resource402 refunds list --store studio.db            what is owed to buyers
  $ resource402 refunds list --store studio.db --all      and what was paid
  $ resource402 refunds pay --store studio.db \\
      --facilitator https://facilitator.example.com       pay all of it, after a question
  $ resource402 refunds resolve ref_8f3a… paid --store studio.db \\
      --by "Jo Doe" --why "sent from the treasury" --transaction 0x…

The account that pays is read from the environment variable RESOURCE402_REFUND_KEY (a private key). It needs
the token, and no gas. One account cannot pay a refund twice: the nonce of its transfer is derived from its id.

States: owed, no transfer is signed, or its signer may send it again; signed, a transfer is signed and may have been sent; paid.

resolve records by hand that a refund was paid, or that its signed transfer was not executed and never will be. Then
another account may pay it. unpaid is refused until the transfer and ten minutes have passed, and both when the chain
proves the opposite.

Exit codes: 0 all is well, 1 something is still owed, refused or cannot be read, 2 the command is wrong.`;

export function addRefunds(program: Command, context: Context): void {
  const refunds = program
    .command("refunds")
    .summary("see and pay what is owed to buyers")
    .description("See and pay what is owed to buyers whose calls were charged and ended without a result.")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  refunds
    .command("list")
    .description("List refunds that are not paid, oldest first.")
    .requiredOption(...STORE_OPTION)
    .option("-a, --all", "list those that were paid too")
    .option("--json", "print JSON")
    .action(async (options: ListOptions) => {
      const { listRefunds } = await import("../refunds.ts");
      context.exit(await listRefunds(options));
    });
  refunds
    .command("pay")
    .description("Pay refunds that are owed or signed: those named, or all.")
    .argument("[ids...]", "refunds to pay (default: all that are not paid)")
    .requiredOption(...STORE_OPTION)
    .option("-f, --facilitator <url>", "the facilitator that settles the transfers")
    .option(...RPC_OPTION)
    .option("-y, --yes", "do not ask")
    .addHelpText("after", EXAMPLES)
    .action(async (ids: string[], options: PayOptions) => {
      const { payRefunds } = await import("../refunds.ts");
      context.exit(await payRefunds(ids, options));
    });
  withDecision(
    refunds
      .command("resolve")
      .description("Record whether a refund was paid.")
      .argument("<id>", "the refund, as the list shows it")
      .addArgument(outcomeArgument()),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (id: string, outcome: "paid" | "unpaid", flags: ResolveFlags) => {
      const { resolveOneRefund } = await import("../refunds.ts");
      context.exit(await resolveOneRefund(id, outcome, flags));
    });
}
