import type { Command } from "commander";
import type { CommandContext } from "../command.ts";
import { collected, HEADER_OPTION } from "../header-flags.ts";
import type { McpOptions } from "../mcp.ts";
import { BASE_URL_OPTION, RESOURCE_HOST_OPTION } from "../seller.ts";
import { SOURCE_ARGUMENT } from "../source.ts";

const EXAMPLES = `
Examples:
  $ resource402 mcp https://api.example.com                serve its tools over stdio
  $ resource402 mcp https://api.example.com --budget 5     spend at most $5.00 in total
  $ resource402 mcp openapi.json --http 4402               serve them at http://127.0.0.1:4402/mcp
  $ resource402 mcp --base-url http://localhost:3000       serve the definition in this folder

Set the environment variable RESOURCE402_WALLET_KEY to the private key of the account that pays. Without it, agents can
call only free tools. Each tool's description states its price and its maximum price. The budget applies until the
command ends.

Over HTTP, every process on this machine can call the tools. Set RESOURCE402_MCP_TOKEN to accept only requests with
Authorization: Bearer <token>. --token does the same, but other users of this machine can read it in the process list.
Without a token, the server listens only on loopback addresses. The server rejects requests from web pages by their
Origin and Host headers.

Exit codes: 0 success, 1 the API cannot be read or the port is in use, 2 invalid usage.`;

export function addMcp(program: Command, context: CommandContext): void {
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
    .option("--host <address>", "address to listen on, with --http", "127.0.0.1")
    .option("--allow-host <name...>", "host names to accept besides localhost, with --http")
    .option(
      "--token <token>",
      "bearer token that callers must send, with --http (default: RESOURCE402_MCP_TOKEN)",
    )
    .option("-b, --budget <usd>", "maximum total cost of all calls in US dollars", "1.00")
    .option(
      "-m, --max-per-call <usd>",
      "maximum price of one call in US dollars (default: the published price)",
    )
    .option(...HEADER_OPTION, collected)
    .option(...RESOURCE_HOST_OPTION)
    .option("-c, --calls <folder>", "folder that stores open paid calls, so that they survive a crash")
    .addHelpText("after", EXAMPLES)
    .action(async (source: string | undefined, flags: Omit<McpOptions, "source">) => {
      const { serveMcp } = await import("../mcp.ts");
      context.exit(await serveMcp({ ...flags, source }, context));
    });
}
