import type { Command } from "commander";
import type { Context } from "../command.ts";
import type { ListOptions, PayOptions } from "../refunds.ts";
import { STORE_OPTION } from "../store.ts";

const EXAMPLES = `
Examples:
  $ resource402 refunds list --store studio.db            what is owed to buyers
  $ resource402 refunds list --store studio.db --all      and what was paid
  $ resource402 refunds pay --store studio.db \\
      --facilitator https://facilitator.example.com       pay all of it, after a question

The account that pays is read from the environment variable RESOURCE402_REFUND_KEY (a private key). It needs
the token, and no gas. A refund cannot be paid twice: the nonce of its transfer is derived from its id.

Exit codes: 0 all is well, 1 something is still owed or cannot be read, 2 the command is wrong.`;

export function addRefunds(program: Command, context: Context): void {
  const refunds = program
    .command("refunds")
    .summary("see and pay what is owed to buyers")
    .description("See and pay what is owed to buyers whose calls were charged and ended without a result.")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  refunds
    .command("list")
    .description("List refunds that are owed, oldest first.")
    .requiredOption(...STORE_OPTION)
    .option("-a, --all", "list those that were paid too")
    .option("--json", "print JSON")
    .action(async (options: ListOptions) => {
      const { listRefunds } = await import("../refunds.ts");
      context.exit(await listRefunds(options));
    });
  refunds
    .command("pay")
    .description("Pay refunds that are owed: those named, or all.")
    .argument("[ids...]", "refunds to pay (default: all that are owed)")
    .requiredOption(...STORE_OPTION)
    .option("-f, --facilitator <url>", "the facilitator that settles the transfers")
    .option("-r, --rpc <network=url...>", "a node to look at when the facilitator cannot tell")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", EXAMPLES)
    .action(async (ids: string[], options: PayOptions) => {
      const { payRefunds } = await import("../refunds.ts");
      context.exit(await payRefunds(ids, options));
    });
}
