import { Argument, type Command } from "commander";
import type { Context } from "../command.ts";
import { RPC_OPTION } from "../nodes.ts";
import type { ListPaymentsFlags } from "../payments.ts";
import type { ResolveFlags } from "../resolve.ts";
import { STORE_OPTION } from "../store.ts";

const EXAMPLES = `
Examples:
  $ resource402 payments list --store studio.db \\
      --rpc eip155:8453=https://node.example.com          what is unconfirmed, and what the chain proves
  $ resource402 payments resolve 8f3a… paid --store studio.db \\
      --by "Jo Doe" --why "seen on the block explorer" --transaction 0x…
  $ resource402 payments resolve 8f3a… unpaid --store studio.db \\
      --by "Jo Doe" --why "the facilitator never sent it"

A payment is unconfirmed when a settlement was sent and nothing proves its outcome. A server with an rpcUrl finds the
outcome by itself.

paid: a kept output is delivered. Without an output a refund is owed. It also corrects a call that counts as unpaid.
unpaid: refused until the authorization and ten minutes have passed, since it could still settle before.
Both are refused when the chain proves the opposite. The decision, with --by and --why, is kept in the record, and logged
as JSON on standard error.

Exit codes: 0 all is well, 1 it is refused or the store cannot be used, 2 the command is wrong.`;

/** The argument of both commands that resolve something by hand. */
export const outcomeArgument = (): Argument =>
  new Argument("<outcome>", "what happened to the money").choices(["paid", "unpaid"]);

/** Adds the options of both commands that resolve something by hand. */
export function withDecision(command: Command): Command {
  return command
    .requiredOption(...STORE_OPTION)
    .requiredOption("--by <name>", "who decides; kept in the record")
    .requiredOption("--why <text>", "why; kept in the record")
    .option("-t, --transaction <hash>", "the transaction that moved the money, with paid")
    .option(...RPC_OPTION);
}

export function addPayments(program: Command, context: Context): void {
  const payments = program
    .command("payments")
    .summary("see and resolve unconfirmed payments")
    .description("See and resolve payments whose settlement is unconfirmed.")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  payments
    .command("list")
    .description("List unconfirmed payments, oldest first.")
    .requiredOption(...STORE_OPTION)
    .option(...RPC_OPTION)
    .option("--json", "print JSON")
    .action(async (flags: ListPaymentsFlags) => {
      const { listPayments } = await import("../payments.ts");
      context.exit(await listPayments(flags));
    });
  withDecision(
    payments
      .command("resolve")
      .description("Record whether an unconfirmed payment moved the money.")
      .argument("<id>", "the call, as the list shows it")
      .addArgument(outcomeArgument()),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (id: string, outcome: "paid" | "unpaid", flags: ResolveFlags) => {
      const { resolveOnePayment } = await import("../payments.ts");
      context.exit(await resolveOnePayment(id, outcome, flags));
    });
}
