import type { Command } from "commander";
import type { CallFlags } from "../call-input.ts";
import type { Context } from "../command.ts";
import { CALLS_OPTION } from "../saved-calls.ts";
import { BASE_URL_OPTION } from "../seller.ts";

const EXAMPLES = `
Examples:
  $ resource402 call caption --from https://api.example.com --input '{"imageUrl": "https://…"}'
  $ resource402 call generateImage --from openapi.json -f prompt="a lighthouse" -f quality=high
  $ resource402 call generateImage --base-url http://localhost:3000 --input @order.json --yes --json
  $ resource402 call generateImage --from https://api.example.com --resume job_…

Says what the call costs, and asks before it pays; --yes pays at once, and never more than the published price, or
--max. The account that pays is read from the environment variable RESOURCE402_WALLET_KEY (a private key).

A call that was paid for is kept until its end is known: the same command resumes it, and does not pay again;
resource402 calls lists what is kept, and forgets it. The output is printed to standard output, everything else to
standard error.

Exit codes: 0 all is well, 1 the call failed or was not paid, 2 the command or its input is wrong, 130 stopped by Ctrl-C.`;

export function addCall(program: Command, context: Context): void {
  program
    .command("call")
    .summary("call a resource, pay for it, and print its output")
    .description("Call a resource of any x402 API, pay for it, and print its output.")
    .argument("<resource>", "its name, or its path")
    .option(
      "--from <source>",
      "resources.ts, an openapi.json, or the URL of an API or its document (default: the definition here)",
    )
    .option(...BASE_URL_OPTION)
    .option("-i, --input <json>", "the input as JSON; @file reads it from there, - from standard input")
    .option("-f, --field <name=value>", "one field of the input; may be given again", collected)
    .option("-m, --max <usd>", "US dollars that the call may cost (default: its published price)")
    .option("-y, --yes", "pay without a question")
    .option("--json", "print one JSON object: output, usd, receipt, jobId, idempotencyKey")
    .option("-o, --output <file>", "write the output to a file")
    .option("-k, --idempotency-key <key>", "name the call: under one key it is charged once")
    .option("-r, --resume <jobId>", "come back to a job that was started before")
    .option("--again", "buy once more what was paid for and has not ended")
    .option(
      "--rpc <url>",
      "a node of the network: tells a short balance, and whether a payment has expired unused",
    )
    .option(...CALLS_OPTION)
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: CallFlags) => {
      const { callResource } = await import("../call.ts");
      context.exit(await callResource(name, flags, context));
    });
}

function collected(pair: string, before: readonly string[] = []): readonly string[] {
  return [...before, pair];
}
