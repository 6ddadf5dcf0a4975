import type { Command } from "commander";
import type { Context } from "../command.ts";
import type { DoctorFlags } from "../doctor.ts";

const EXAMPLES = `
Examples:
  $ resource402 doctor https://api.example.com                            every paid operation of its openapi.json
  $ resource402 doctor https://api.example.com/v1/draw --method POST      one resource, of any x402 server
  $ resource402 doctor http://localhost:3000/v1/draw --input '{"prompt":"a lighthouse"}'
  $ resource402 doctor https://api.example.com --pay --max 0.25           also what is paid for
  $ resource402 doctor https://api.example.com --junit doctor.xml         for CI

Sends one request after the other, changes nothing, and pays nothing without --pay. With it, each resource is
bought once with one signature, by the account whose private key is in the environment variable
RESOURCE402_WALLET_KEY.

Exit codes: 0 no error and no warning, 1 there are some or nothing answers there, 2 the command is wrong, or --pay
bought nothing.`;

export function addDoctor(program: Command, context: Context): void {
  program
    .command("doctor")
    .summary("examine a live x402 resource, whoever has built it")
    .description(
      "Examine a live x402 resource, whoever has built it: what is wrong, why it matters, how to fix it.",
    )
    .argument("<url>", "a resource, an API, or its openapi.json")
    .option("-m, --method <method>", "the resource's HTTP method (default: found out)")
    .option("-i, --input <json>", "a valid input (default: made from examples and schema)")
    .option("--pay", "buy each resource once and examine the paid part too")
    .option("--max <usd>", "US dollars that all of it may cost, with --pay (default: 0.05)")
    .option("-t, --timeout <time>", "how long one answer is waited for", "10s")
    .option("--max-requests <count>", "how many requests are sent in all", "500")
    .option("--json", "print JSON")
    .option("--junit <file>", "write a JUnit report as well")
    .addHelpText("after", EXAMPLES)
    .action(async (url: string, flags: DoctorFlags) => {
      const { printExamination } = await import("../doctor.ts");
      context.exit(await printExamination(url, flags, context.interruption()));
    });
}
