import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { privateKeyToAccount } from "viem/accounts";
import { listen } from "../../src/runtime/index.ts";
import { DEV_MARK } from "../../src/server/generated.ts";
import type { Server } from "../../src/server/lifecycle.ts";
import type { PaymentOptions } from "../../src/server/options.ts";
import { sqliteStore } from "../../src/store/sqlite-store.ts";
import { typed } from "../cli/typed.ts";
import type { Mistake } from "../mistake.ts";
import { createLines } from "./lines.ts";
import type { SellerEnd, SellerMessage, SellerOrder } from "./order.ts";

/** Explains where an error is and how to fix it. */
export type Explain = (error: unknown, file: string) => Mistake;

/**
 * Runs a seller's code in this process until the parent stops it or exits. A separate process is the only way to reload
 * changed modules, and a crash of the code does not affect `dev`.
 */
export async function sell(explain: Explain): Promise<void> {
  // Ctrl-C in a terminal reaches parent and child alike; when to end is the parent's decision.
  process.on("SIGINT", () => {});
  process.once("disconnect", () => process.exit());
  const order = await new Promise<SellerOrder>((resolve) => process.once("message", resolve));
  const files = imported();
  Object.assign(globalThis, { [DEV_MARK]: true });
  const tell = (sent: SellerMessage): void => void process.send?.(sent);
  try {
    const server = await open(order);
    const { port, close } = await listen(server, { port: 0, hostname: "127.0.0.1", signals: false });
    process.once("message", ({ graceMs }: SellerEnd) => void close(graceMs).finally(() => process.exit()));
    tell({ port, files: [...files] });
  } catch (error) {
    tell({ mistake: mistakeOf(error, order, explain), files: [...files] });
  }
}

async function open({ folder, server, resources, payments, store }: SellerOrder): Promise<Server> {
  const { network, rpcUrl, facilitator, sellerKey } = payments;
  const account = privateKeyToAccount(sellerKey);
  const accept = { network, payTo: account.address, ...(rpcUrl === undefined ? {} : { rpcUrl }) };
  const options = {
    payments: { accepts: [accept], facilitator, refunds: { account } } as PaymentOptions,
    store: sqliteStore(store),
    log: createLines((line) => process.stderr.write(`${line}\n`)),
  };
  if (server !== undefined) {
    const openServer = memberOf(await load(server), server, "openServer");
    return (await openServer(options)) as Server;
  }
  const generated = join(folder, "server.gen.ts");
  const createServer = memberOf(await load(generated), generated, "createServer");
  const parts = await Promise.all(
    resources.map(async ({ name, isQuoted }) => {
      const file = join(folder, "handlers", `${name}.ts`);
      const module = await load(file);
      const quote = isQuoted ? [[name, memberOf(module, file, "quote")] as const] : [];
      return { handler: [name, memberOf(module, file, name)] as const, quote };
    }),
  );
  const quotes = Object.fromEntries(parts.flatMap(({ quote }) => quote));
  return createServer({
    ...options,
    handlers: Object.fromEntries(parts.map(({ handler }) => handler)),
    ...(Object.keys(quotes).length === 0 ? {} : { quotes }),
  }) as Server;
}

function mistakeOf(error: unknown, { server, folder }: SellerOrder, explain: Explain): Mistake {
  if (error instanceof SellerMistake) return error.mistake;
  const file = server ?? join(folder, "server.gen.ts");
  const mistake = explain(error, file);
  // Only a server of the seller's own can be without a handler; dev takes them from their files.
  const { missing = [] } = Object(error) as { readonly missing?: readonly string[] };
  const names = missing
    .filter((one) => one.startsWith("handlers."))
    .map((one) => one.slice("handlers.".length));
  if (names.length === 0) return mistake;
  const handlers = relative(dirname(file), join(folder, "handlers")).split(sep).join("/");
  const from = handlers.startsWith(".") ? handlers : `./${handlers}`;
  const imports = names.map((name) => `import { ${name} } from "${from}/${name}.ts";`).join(" ");
  return { ...mistake, fix: `add ${names.join(", ")} to handlers in ${placeOf(file)}, with ${imports}` };
}

type Module = Readonly<Record<string, unknown>>;

async function load(file: string): Promise<Module> {
  if (!existsSync(file)) {
    const fix = file.endsWith(".gen.ts")
      ? `write it again: ${typed("generate")}`
      : file.includes(join("handlers", "/"))
        ? `restore it, or run \`${typed("generate")}\`, which writes a stub`
        : "restore it, or name another by --server";
    throw new SellerMistake(file, "is not there", fix);
  }
  return (await import(pathToFileURL(file).href)) as Module;
}

function memberOf(module: Module, file: string, name: string): (...args: unknown[]) => unknown {
  const member = module[name];
  if (typeof member === "function") return member as (...args: unknown[]) => unknown;
  throw new SellerMistake(file, `exports no function "${name}"`, `export const ${name} = …`);
}

/** A file that is not there, or does not export the function that it is there for. */
class SellerMistake extends Error {
  readonly mistake: Mistake;

  constructor(file: string, problem: string, fix: string) {
    super(`${file} ${problem}`);
    this.mistake = { path: placeOf(file), problem, fix, severity: "error" };
  }
}

function placeOf(file: string): string {
  return relative(process.cwd(), file);
}

/** Notes from now on the files that are imported, but not packages; also those that are not there yet. */
function imported(): ReadonlySet<string> {
  const files = new Set<string>();
  registerHooks({
    resolve(specifier, context, next) {
      const own = /^\.{0,2}\//.test(specifier) && context.parentURL?.startsWith("file:");
      try {
        const resolved = next(specifier, context);
        note(files, resolved.url);
        return resolved;
      } catch (error) {
        if (!own) throw error;
        const wanted = new URL(specifier, context.parentURL).href;
        note(files, wanted);
        if (!specifier.endsWith(".js")) throw error;
        // Where a project's tsc writes JavaScript, its imports name files that are not there yet.
        const resolved = next(specifier.replace(/js$/, "ts"), context);
        note(files, resolved.url);
        return resolved;
      }
    },
  });
  return files;
}

function note(files: Set<string>, url: string): void {
  if (url.startsWith("file:") && !url.includes("/node_modules/")) files.add(fileURLToPath(url));
}
