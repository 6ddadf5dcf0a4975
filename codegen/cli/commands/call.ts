import { type Command, Option } from "commander";
import type { CallFlags } from "../call-input.ts";
import type { CommandContext } from "../command.ts";
import { collected, HEADER_OPTION } from "../header-flags.ts";
import { CALLS_OPTION } from "../saved-calls.ts";
import { BASE_URL_OPTION, RESOURCE_HOST_OPTION } from "../seller.ts";

const EXAMPLES = `
Examples:
  $ resource402 call caption --from https://api.example.com --input '{"imageUrl": "https://…"}'
  $ resource402 call generateImage --from openapi.json -f prompt="a lighthouse" -f quality=high
  $ resource402 call generateImage --base-url http://localhost:3000 --input @order.json --yes --json
  $ resource402 call generateImage --from https://api.example.com --resume job_…

Shows the price and asks before it pays. --yes pays without asking. A call never pays more than the published price, or
--max where it is given. Set the environment variable RESOURCE402_WALLET_KEY to the private key of the account that pays.

The command saves a paid call until its outcome is known. Run the same command again to resume it without paying
again. resource402 calls lists and forgets saved calls. The output goes to standard output, everything else to
standard error.

Exit codes: 0 success, 1 the call failed or was not paid, 2 invalid usage or input, 130 stopped by Ctrl-C.`;

export function addCall(program: Command, context: CommandContext): void {
  program
    .command("call")
    .summary("call a resource, pay for it, and print its output")
    .description("Call a resource of any x402 API, pay for it, and print its output.")
    .argument("<resource>", "the resource's name or path")
    .option(
      "--from <source>",
      "resources.ts, an openapi.json, or the URL of an API or its document (default: the definition here)",
    )
    .option(...BASE_URL_OPTION)
    .option("-i, --input <json>", "the input as JSON; @file reads a file, - reads standard input")
    .option("-f, --field <name=value>", "one field of the input; can be repeated", collected)
    .option(
      "-m, --max <usd>",
      "maximum price in US dollars, even above the published price (default: that price); also --max-price",
    )
    .addOption(new Option("--max-price <usd>").hideHelp())
    .option(...HEADER_OPTION, collected)
    .option("-y, --yes", "pay without asking")
    .option("--json", "print one JSON object: output, usd, receipt, jobId, idempotencyKey")
    .option("-o, --output <file>", "write the output to a file")
    .option("-k, --idempotency-key <key>", "idempotency key: calls with the same key are charged once")
    .option("-r, --resume <jobId>", "resume a job by its id")
    .option("--again", "buy again although a paid call for this input is still open")
    .option(
      "--rpc <url>",
      "RPC URL of the network, to check the balance and whether a payment expired unused",
    )
    .option(...RESOURCE_HOST_OPTION)
    .option(...CALLS_OPTION)
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: CallFlags) => {
      const { callResource } = await import("../call.ts");
      context.exit(await callResource(name, flags, context));
    });
}
