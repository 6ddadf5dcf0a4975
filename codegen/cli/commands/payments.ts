import { Argument, type Command } from "commander";
import type { CommandContext } from "../command.ts";
import { RPC_OPTION } from "../nodes.ts";
import type { ListPaymentsFlags } from "../payments.ts";
import type { ResolveFlags } from "../resolve.ts";
import { STORE_OPTION } from "../store.ts";

const EXAMPLES = `
Examples:
  $ resource402 payments list --store studio.db \\
      --rpc eip155:8453=https://node.example.com          list unconfirmed payments and what the chain proves
  $ resource402 payments show 0x91ab… --store studio.db     show what happened to the payments of this account
  $ resource402 payments resolve 8f3a… paid --store studio.db \\
      --by "Jo Doe" --why "seen on the block explorer" --transaction 0x…
  $ resource402 payments resolve 8f3a… unpaid --store studio.db \\
      --by "Jo Doe" --why "the facilitator never sent it"

show takes the id of a call, a job or a refund, an Idempotency-Key, a payer, a nonce, or a transaction. It prints all recorded facts
of one call: phase, price, times, submissions, evidence, job, refund, decisions by hand, and what happens next. Several calls
are listed, the newest first. --json prints an array of them.

A payment is unconfirmed when the server sent a settlement and nothing proves its outcome. A server with an rpcUrl
finds out by itself.

paid: the server delivers the stored output. Without an output, a refund is owed. paid also corrects a call that was
resolved as unpaid.
unpaid: rejected until ten minutes after the authorization expires, because the payment could still settle.
The command rejects both when the chain proves the opposite. It stores the decision with --by and --why, and logs it as
JSON on standard error.

Exit codes: 0 success, 1 no call is found, the decision is rejected or the store cannot be used, 2 invalid usage.`;

/** The outcome argument of `payments resolve` and `refunds resolve`. */
export const outcomeArgument = (): Argument =>
  new Argument("<outcome>", "whether the payment settled").choices(["paid", "unpaid"]);

/** Adds the options of `payments resolve` and `refunds resolve`. */
export function withDecision(command: Command): Command {
  return command
    .requiredOption(...STORE_OPTION)
    .requiredOption("--by <name>", "name of the person who decides; stored with the decision")
    .requiredOption("--why <text>", "reason; stored with the decision")
    .option("-t, --transaction <hash>", "hash of the transaction that settled the payment, with paid")
    .option(...RPC_OPTION);
}

export function addPayments(program: Command, context: CommandContext): void {
  const payments = program
    .command("payments")
    .summary("show what happened to a payment, list and resolve unconfirmed ones")
    .description(
      "Show what happened to a payment, and list and resolve payments whose settlement is unconfirmed.",
    )
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
  payments
    .command("show")
    .description("Show what happened to a payment.")
    .argument("<name>", "call, job, refund, Idempotency-Key, payer, nonce or transaction")
    .requiredOption(...STORE_OPTION)
    .option(...RPC_OPTION)
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action(async (named: string, flags: ListPaymentsFlags) => {
      const { showPayment } = await import("../payments-show.ts");
      context.exit(await showPayment(named, flags));
    });
  withDecision(
    payments
      .command("resolve")
      .description("Record whether an unconfirmed payment settled.")
      .argument("<id>", "id of the call, as in the list")
      .addArgument(outcomeArgument()),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (id: string, outcome: "paid" | "unpaid", flags: ResolveFlags) => {
      const { resolveOnePayment } = await import("../payments.ts");
      context.exit(await resolveOnePayment(id, outcome, flags));
    });
}
