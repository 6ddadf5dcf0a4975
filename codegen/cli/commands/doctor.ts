import type { Command } from "commander";
import type { CommandContext } from "../command.ts";
import type { DoctorFlags } from "../doctor.ts";
import { collected, HEADER_OPTION } from "../header-flags.ts";

const EXAMPLES = `
Examples:
  $ resource402 doctor https://api.example.com                            every paid operation of its openapi.json
  $ resource402 doctor https://api.example.com/v1/draw --method POST      one resource, of any x402 server
  $ resource402 doctor http://localhost:3000/v1/draw --input '{"prompt":"a lighthouse"}'
  $ resource402 doctor https://api.example.com --pay --max 0.25           also check paid calls
  $ resource402 doctor https://api.example.com --junit doctor.xml         for CI

Sends one request at a time, changes nothing, and pays nothing without --pay. With --pay, doctor buys each resource
once. Set the environment variable RESOURCE402_WALLET_KEY to the private key of the account that pays.

Exit codes: 0 no errors or warnings, 1 errors, warnings or no response, 2 invalid usage, or --pay bought
nothing.`;

export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .summary("examine any live x402 resource")
    .description("Examine any live x402 resource: what is wrong, why it matters, how to fix it.")
    .argument("<url>", "a resource, an API, or its openapi.json")
    .option("-m, --method <method>", "the resource's HTTP method (default: detected)")
    .option("-i, --input <json>", "a valid input (default: made from examples and schema)")
    .option(...HEADER_OPTION, collected)
    .option("--pay", "buy each resource once and examine the paid part too")
    .option("--max <usd>", "maximum total cost in US dollars, with --pay (default: 0.05)")
    .option("-t, --timeout <time>", "timeout of one response", "10s")
    .option("--max-requests <count>", "maximum number of requests", "500")
    .option("--json", "print JSON")
    .option("--junit <file>", "write a JUnit report as well")
    .addHelpText("after", EXAMPLES)
    .action(async (url: string, flags: DoctorFlags) => {
      const { printExamination } = await import("../doctor.ts");
      context.exit(await printExamination(url, flags, context.interruption()));
    });
}
