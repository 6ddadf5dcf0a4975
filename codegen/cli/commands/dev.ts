import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { SELLER_COMMAND } from "../../dev/order.ts";
import type { Context } from "../command.ts";
import { definitionFile } from "../definition-file.ts";

const EXAMPLES = `
Examples:
  $ resource402 dev                        serve resources.ts and handlers/ on port 3000
  $ resource402 dev shop.ts --port 4020    another definition, on another port
  $ resource402 dev --server src/open.ts   let openServer(options) of that file make the server

Starts a chain of its own (anvil) with a facilitator and a wallet that holds 100 USDC, generates, and serves what
handlers/<name>.ts exports under the resource's name (and, where its price is quoted, as quote). Every change is taken
up: requests wait for the new code, and what has a mistake is told, while the last good code serves on. The
documentation at /docs can buy with the wallet. What .env holds is set for the handlers.

Exit codes: 0 ended by Ctrl-C, 1 the port is in use, 2 the command is wrong.`;

interface Flags {
  readonly out?: string;
  readonly server?: string;
  readonly port: number;
}

export function addDev(program: Command, context: Context): void {
  program
    .command("dev")
    .summary("serve it on a chain of its own, with a funded wallet")
    .description("Serve the API on a chain of its own, with documentation and a funded wallet.")
    .argument("[file]", "the definition (default: as generate finds it)")
    .option(
      "-o, --out <folder>",
      "where generated files and handlers/ are (default: the definition's folder)",
    )
    .option("-s, --server <file>", "a file that exports openServer(options), instead of handlers/")
    .option("-p, --port <port>", "where to serve; 0 takes a free one", portNumber, 3000)
    .addHelpText("after", EXAMPLES)
    .action(async (named: string | undefined, { out, server, port }: Flags) => {
      const file = definitionFile(named);
      const signal = context.interruption();
      const { dev } = await import("../dev.ts");
      const options = {
        ...{ file, port, entry: context.entry },
        ...(out === undefined ? {} : { out: resolve(out) }),
        ...(server === undefined ? {} : { server: resolve(server) }),
      };
      context.exit(await dev(options, signal));
    });
  // What `dev` starts, in a process of its own.
  program.command(SELLER_COMMAND, { hidden: true }).action(async () => {
    const [{ sell }, { explain }] = await Promise.all([
      import("../../dev/seller.ts"),
      import("../explain.ts"),
    ]);
    await sell((error, file) => explain(error, file, "see what it needs there"));
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError("Write a number from 0 to 65535.");
  }
  return port;
}
