import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { isUsd } from "../../../schema/money.ts";
import { CommandError, type Context } from "../command.ts";
import { definitionFile, PLACES } from "../definition-file.ts";
import type { GenerateOptions } from "../generate.ts";

const GENERATE_EXAMPLES = `
Examples:
  $ resource402 generate                         generate beside resources.ts
  $ resource402 generate shop.ts --out src/gen   generate from another file, into a folder
  $ resource402 generate --check                 say what is stale, and fail if anything is
  $ resource402 generate --watch                 generate again on every change
  $ resource402 generate --from https://api.example.com --out src/studio
                                                 a typed client from what a seller has published

Exit codes: 0 all is well, 1 the definition has mistakes or files are stale, 2 the command is wrong.`;

interface Flags {
  readonly out?: string;
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly ext?: "ts" | "js";
  readonly from?: string;
  readonly maxPrice: string;
}

export function addGenerate(program: Command, context: Context): void {
  program
    .command("generate")
    .summary("write types, client, server, documents and new handlers")
    .description("Write types, client, server, openapi.json and API.md, and a stub for each new handler.")
    .argument("[file]", `the definition (default: ${PLACES.join(", ")}, whichever is there)`)
    .option("-o, --out <folder>", "where to write (default: the definition's folder)")
    .addOption(new Option("-c, --check", "write nothing; print what is stale as a diff").conflicts("watch"))
    .option("-w, --watch", "generate again on every change")
    .addOption(
      new Option(
        "-e, --ext <ext>",
        "how server.gen.ts imports the definition (default: as tsconfig.json asks)",
      ).choices(["ts", "js"]),
    )
    .addOption(
      new Option(
        "-f, --from <url|file>",
        "write a client and its API.md, from the openapi.json of an API or from its address",
      ).conflicts("watch"),
    )
    .option(
      "--max-price <usd>",
      "with --from: the most that a call may cost whose price the document does not say",
      "1.00",
    )
    .addHelpText("after", GENERATE_EXAMPLES)
    .action(async (named: string | undefined, flags: Flags) => {
      if (flags.from !== undefined) {
        if (named !== undefined)
          throw new CommandError(`Name ${named} or --from ${flags.from}, not both.`, 2);
        context.exit(await startFrom(flags.from, flags, context));
        return;
      }
      context.exit(await start(definitionFile(named), flags, context));
    });
}

async function startFrom(from: string, flags: Flags, context: Context): Promise<number> {
  if (!isUsd(flags.maxPrice)) {
    throw new CommandError(`--max-price ${flags.maxPrice} is no amount. Write US dollars such as 0.25.`, 2);
  }
  const out = resolve(flags.out ?? ".");
  if (existsSync(join(out, "server.gen.ts"))) {
    throw new CommandError(
      `${flags.out ?? "This folder"} holds what was generated for a seller. Name another one: --out src/studio`,
      2,
    );
  }
  const { readSource } = await import("../source.ts");
  const { generateClient } = await import("../generate.ts");
  const { model } = await readSource(from, context, { maxPrice: flags.maxPrice });
  return generateClient({ model, out, check: flags.check ?? false });
}

async function start(file: string, flags: Flags, context: Context): Promise<number> {
  const { generate } = await import("../generate.ts");
  const { out, check = false, ext } = flags;
  const options: GenerateOptions = {
    file,
    check,
    entry: context.entry,
    ...(out === undefined ? {} : { out: resolve(out) }),
    ...(ext === undefined ? {} : { ext }),
  };
  if (!flags.watch) return (await generate(options)).exitCode;
  const { rerun } = await import("../watch.ts");
  await rerun(() => generate(options), context.interruption());
  return 0;
}
