import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { SELLER_COMMAND } from "../../dev/order.ts";
import type { CommandContext } from "../command.ts";
import { definitionFile } from "../definition-file.ts";

const EXAMPLES = `
Examples:
  $ resource402 dev                        serve resources.ts and handlers/ on port 3000
  $ resource402 dev shop.ts --port 4020    another definition, on another port
  $ resource402 dev --server src/open.ts   create the server with openServer(options) of that file

Starts a local chain (anvil) with a facilitator and a wallet that holds 100 USDC, generates the code, and serves the
handlers. handlers/<name>.ts exports the handler under the resource's name, and a quoted price as quote. On every
change, dev reloads: requests wait for the new code. If the new code has mistakes, dev prints them and keeps serving
the last working version. The documentation at /docs can buy with the wallet. Handlers see the variables of .env.

Exit codes: 0 stopped by Ctrl-C, 1 the port is in use, 2 invalid usage.`;

interface Flags {
  readonly out?: string;
  readonly server?: string;
  readonly port: number;
}

export function addDev(program: Command, context: CommandContext): void {
  program
    .command("dev")
    .summary("serve the API on a local chain, with a funded wallet")
    .description("Serve the API on a local chain, with documentation and a funded wallet.")
    .argument("[file]", "the definition (default: the same as for generate)")
    .option(
      "-o, --out <folder>",
      "folder of the generated files and of handlers/ (default: the definition's folder)",
    )
    .option("-s, --server <file>", "a file that exports openServer(options), instead of handlers/")
    .option("-p, --port <port>", "port to serve on; 0 picks a free one", portNumber, 3000)
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
    await sell((error, file) => explain(error, file, "check this line"));
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError("Write a number from 0 to 65535.");
  }
  return port;
}
