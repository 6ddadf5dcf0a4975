import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, Option } from "commander";
import type { GenerateOptions } from "./generate.ts";
import type { ListOptions, PayOptions } from "./refunds.ts";
import { sayError } from "./say.ts";
import type { StatsOptions } from "./stats.ts";
import { STORE_OPTION } from "./store.ts";
import type { SweepOptions } from "./sweep.ts";

const USAGE = 2;

/** Where a definition is looked for when none is named. */
const PLACES = ["resources.ts", "schema/resources.ts", "src/resources.ts"];

const GENERATE_EXAMPLES = `
Examples:
  $ resource402 generate                         generate beside resources.ts
  $ resource402 generate shop.ts --out src/gen   generate from another file, into a folder
  $ resource402 generate --check                 say what is stale, and fail if anything is
  $ resource402 generate --watch                 generate again on every change

Exit codes: 0 all is well, 1 the definition has mistakes or files are stale, 2 the command is wrong.`;

const REFUND_EXAMPLES = `
Examples:
  $ resource402 refunds list --store studio.db            what is owed to buyers
  $ resource402 refunds list --store studio.db --all      and what was paid
  $ resource402 refunds pay --store studio.db \\
      --facilitator https://facilitator.example.com       pay all of it, after a question

The account that pays is read from the environment variable RESOURCE402_REFUND_KEY (a private key). It needs
the token, and no gas. A refund cannot be paid twice: the nonce of its transfer is derived from its id.

Exit codes: 0 all is well, 1 something is still owed or cannot be read, 2 the command is wrong.`;

const STATS_EXAMPLES = `
Examples:
  $ resource402 stats --store studio.db                   the last 24 hours, by resource
  $ resource402 stats --store studio.db --since 7d        the last week
  $ resource402 stats --store postgres://… --watch        again every two seconds, until Ctrl-C
  $ resource402 stats --store studio.db --json            for a program

Counts what the store remembers: jobs are deleted after their retention, calls after a day.

Exit codes: 0 all is well, 1 the store cannot be read, 2 the command is wrong.`;

const SWEEP_EXAMPLES = `
Examples:
  $ resource402 sweep --store studio.db                   delete what has outlived its use

A running server does this by itself, every minute. Never deleted: what is owed, what is in doubt, and keys and
payments for as long as a late copy of a request could charge again.

Exit codes: 0 all is well, 1 the store cannot be written, 2 the command is wrong.`;

interface Flags {
  readonly out?: string;
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly ext?: "ts" | "js";
}

/** Runs the command line and returns its exit code. `entry` is the file that runs in the reading thread. */
export async function run(words: readonly string[], entry: URL): Promise<number> {
  let exitCode = 0;
  const program = new Command("resource402")
    .description(
      "Turns a definition of what an API sells into server, client and documents; looks after its money.",
    )
    .version(version(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .addHelpText("after", GENERATE_EXAMPLES)
    .exitOverride();
  program
    .command("generate")
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
    .addHelpText("after", GENERATE_EXAMPLES)
    .exitOverride()
    .action(async (named: string | undefined, flags: Flags) => {
      const file = (named === undefined ? PLACES : [named]).map((path) => resolve(path)).find(existsSync);
      if (file === undefined) {
        sayError(
          `There is no ${named ?? PLACES.join(", ")}. Name the definition: resource402 generate <file>`,
        );
        exitCode = USAGE;
        return;
      }
      exitCode = await start(file, flags, entry);
    });
  const refunds = program
    .command("refunds")
    .description("See and pay what is owed to buyers whose calls were charged and ended without a result.")
    .helpCommand(false)
    .addHelpText("after", REFUND_EXAMPLES)
    .exitOverride();
  refunds
    .command("list")
    .description("List refunds that are owed, oldest first.")
    .requiredOption(...STORE_OPTION)
    .option("-a, --all", "list those that were paid too")
    .option("--json", "print JSON")
    .exitOverride()
    .action(async (options: ListOptions) => {
      const { listRefunds } = await import("./refunds.ts");
      exitCode = await listRefunds(options);
    });
  refunds
    .command("pay")
    .description("Pay refunds that are owed: those named, or all.")
    .argument("[ids...]", "refunds to pay (default: all that are owed)")
    .requiredOption(...STORE_OPTION)
    .requiredOption("-f, --facilitator <url>", "the facilitator that settles the transfers")
    .option("-r, --rpc <network=url...>", "a node to look at when the facilitator cannot tell")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", REFUND_EXAMPLES)
    .exitOverride()
    .action(async (ids: string[], options: PayOptions) => {
      const { payRefunds } = await import("./refunds.ts");
      exitCode = await payRefunds(ids, options);
    });
  program
    .command("stats")
    .description("Print calls, success, time, revenue and what waits, by resource.")
    .requiredOption(...STORE_OPTION)
    .option("--since <time>", "how far to look back: 30m, 24h, 7d", "24h")
    .option("--json", "print JSON")
    .option("-w, --watch", "print again every two seconds")
    .addHelpText("after", STATS_EXAMPLES)
    .exitOverride()
    .action(async (options: StatsOptions) => {
      const { printStats } = await import("./stats.ts");
      exitCode = await printStats(options, interruption());
    });
  program
    .command("sweep")
    .description(
      "Delete what has outlived its use: ended jobs after their retention, and old keys and payments.",
    )
    .requiredOption(...STORE_OPTION)
    .addHelpText("after", SWEEP_EXAMPLES)
    .exitOverride()
    .action(async (options: SweepOptions) => {
      const { sweepStore } = await import("./sweep.ts");
      exitCode = await sweepStore(options, interruption());
    });
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : USAGE;
  }
  return exitCode;
}

async function start(file: string, flags: Flags, entry: URL): Promise<number> {
  const { generate } = await import("./generate.ts");
  const { out, check = false, ext } = flags;
  const options: GenerateOptions = {
    file,
    check,
    entry,
    ...(out === undefined ? {} : { out: resolve(out) }),
    ...(ext === undefined ? {} : { ext }),
  };
  if (!flags.watch) return (await generate(options)).exitCode;
  const { rerun } = await import("./watch.ts");
  await rerun(() => generate(options), interruption());
  return 0;
}

/** Aborts when somebody wants the command to end. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  process.once("SIGTERM", () => interrupted.abort());
  return interrupted.signal;
}

function version(): string {
  const file = fileURLToPath(import.meta.resolve("resource402/package.json"));
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}
