import type { Command } from "commander";
import type { Context } from "../command.ts";
import type { McpOptions } from "../mcp.ts";
import { BASE_URL_OPTION } from "../seller.ts";
import { SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 mcp https://api.example.com                serve its tools over standard input and output
  $ resource402 mcp https://api.example.com --budget 5     pay at most $5.00 in all
  $ resource402 mcp openapi.json --http 4402               serve them at http://127.0.0.1:4402/mcp
  $ resource402 mcp --base-url http://localhost:3000       those of the definition in this folder

The account that pays is read from the environment variable RESOURCE402_WALLET_KEY (a private key); without it,
only free tools can be called. What a tool costs, and the most that it can cost, is in its description. The budget
holds until the command ends.

Over HTTP everyone on this machine can call the tools, unless RESOURCE402_MCP_TOKEN is set: then only who sends it as
Authorization: Bearer <token>. --token does the same, where nobody else can list the processes of this machine. Without
a token the command does not listen at an address that others can reach. Pages in a browser are refused by their Origin
and by the name they call the server.

Exit codes: 0 all is well, 1 the API cannot be read or the port is taken, 2 the command is wrong.`;

export function addMcp(program: Command, context: Context): void {
  program
    .command("mcp")
    .summary("serve resources to agents, as MCP tools")
    .description("Serve an API's resources to agents, as tools of the Model Context Protocol.")
    .argument(...SOURCE_ARGUMENT)
    .option(...BASE_URL_OPTION)
    .option(
      "--http [port]",
      "serve streamable HTTP instead of standard input and output (default port: 4402)",
    )
    .option("--host <address>", "the address to listen at, over HTTP", "127.0.0.1")
    .option("--allow-host <name...>", "names by which the server may be called over HTTP beside localhost")
    .option("--token <token>", "what callers over HTTP have to send (default: RESOURCE402_MCP_TOKEN)")
    .option("-b, --budget <usd>", "US dollars that all calls together may cost", "1.00")
    .option("-m, --max-per-call <usd>", "US dollars that one call may cost (default: its published price)")
    .option("-c, --calls <folder>", "keep calls that were paid for here, so that they outlive a crash")
    .addHelpText("after", EXAMPLES)
    .action(async (source: string | undefined, flags: Omit<McpOptions, "source">) => {
      const { serveMcp } = await import("../mcp.ts");
      context.exit(await serveMcp({ ...flags, source }, context));
    });
}
