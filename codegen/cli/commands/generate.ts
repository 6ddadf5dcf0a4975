import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { isUsd } from "../../../schema/money.ts";
import { type CommandContext, CommandError } from "../command.ts";
import { definitionFile, PLACES } from "../definition-file.ts";
import type { GenerateOptions } from "../generate.ts";

const GENERATE_EXAMPLES = `
Examples:
  $ resource402 generate                         generate beside resources.ts
  $ resource402 generate shop.ts --out src/gen   generate from another file, into a folder
  $ resource402 generate --check                 list stale files, and fail if there are any
  $ resource402 generate --watch                 generate again on every change
  $ resource402 generate --from https://api.example.com --out src/studio
                                                 a typed client for another seller's API

Exit codes: 0 success, 1 the definition has mistakes or files are stale, 2 invalid usage.`;

interface Flags {
  readonly out?: string;
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly ext?: "ts" | "js" | "none";
  readonly from?: string;
  readonly maxPrice?: string;
  readonly import?: boolean;
}

export function addGenerate(program: Command, context: CommandContext): void {
  program
    .command("generate")
    .summary("write types, client, server, documents and stubs for new handlers")
    .description("Write types, client, server, openapi.json and API.md, and a stub for each new handler.")
    .argument("[file]", `the definition (default: ${PLACES.join(", ")}, whichever exists)`)
    .option("-o, --out <folder>", "where to write (default: the definition's folder)")
    .addOption(new Option("-c, --check", "write nothing; print stale files as a diff").conflicts("watch"))
    .option("-w, --watch", "generate again on every change")
    .addOption(
      new Option(
        "-e, --ext <ext>",
        "extension in the imports of generated code (default: from tsconfig.json)",
      ).choices(["ts", "js", "none"]),
    )
    .addOption(
      new Option(
        "-f, --from <url|file>",
        "write a client and its API.md from an openapi.json or the URL of an API",
      ).conflicts("watch"),
    )
    .option(
      "--max-price <usd>",
      "with --from: maximum price of a call when the document states none (default: each call says it)",
    )
    .option(
      "--import",
      "with --from: import the client's runtime from resource402/client, and do not write it",
    )
    .addHelpText("after", GENERATE_EXAMPLES)
    .action(async (named: string | undefined, flags: Flags) => {
      if (flags.from !== undefined) {
        if (named !== undefined)
          throw new CommandError(`Name ${named} or --from ${flags.from}, not both.`, 2);
        context.exit(await startFrom(flags.from, flags, context));
        return;
      }
      if (flags.import) {
        throw new CommandError(
          "--import applies to a client from --from only. Add --from, or remove --import.",
          2,
        );
      }
      context.exit(await start(definitionFile(named), flags, context));
    });
}

async function startFrom(from: string, flags: Flags, context: CommandContext): Promise<number> {
  const { maxPrice } = flags;
  if (maxPrice !== undefined && !isUsd(maxPrice)) {
    throw new CommandError(
      `--max-price ${maxPrice} is not a valid amount. Write US dollars, such as 0.25.`,
      2,
    );
  }
  const out = resolve(flags.out ?? ".");
  if (existsSync(join(out, "server.gen.ts"))) {
    throw new CommandError(
      `${flags.out ?? "This folder"} contains generated seller code. Choose another folder: --out src/studio`,
      2,
    );
  }
  const { readSource } = await import("../source.ts");
  const { generateClient } = await import("../generate.ts");
  const { model } = await readSource(from, context, maxPrice === undefined ? {} : { maxPrice });
  return generateClient({ model, out, check: flags.check ?? false, isPackaged: flags.import ?? false });
}

async function start(file: string, flags: Flags, context: CommandContext): Promise<number> {
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
  const { createReader } = await import("../load.ts");
  const reader = createReader(context.entry);
  await rerun(() => generate({ ...options, reader }), context.interruption());
  reader.close();
  return 0;
}
