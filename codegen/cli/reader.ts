import { type ResolveHookSync, registerHooks, stripTypeScriptTypes } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { type Compilation, compile } from "../compile.ts";
import { emitDocuments } from "../files.ts";
import { explain } from "./explain.ts";

/** What the thread loads before it gets a question. */
export interface Preparation {
  /** URLs of modules of packages, which it loads. */
  readonly packages: readonly string[];
}

/** What the thread is asked to read. */
export interface Question {
  /** Absolute path of the definition. */
  readonly file: string;
  /** How it is named in what is generated. */
  readonly source: string;
  /** Whether the definition may use our own `resource402` and `zod` where it finds none. */
  readonly lend?: boolean;
  /** Whether its documents are wanted as well. They follow the answer, as a message of their own. */
  readonly documents?: boolean;
}

/** What the thread answers, as JSON text. */
export interface LoadAnswer {
  readonly compilation: Compilation;
  /** The definition and all that it imports, but not packages. Absolute paths. */
  readonly files: readonly string[];
  /** URLs of the modules of packages that these import. */
  readonly packages: readonly string[];
}

/** Waits for a question, then reads and compiles the definition in this thread, whose modules are all fresh. */
export function answer(): void {
  // Node's notices on reading TypeScript, and on a package.json without a type, are of no use here.
  process.removeAllListeners("warning");
  const { packages } = workerData as Preparation;
  // A package that cannot be loaded is reported when the definition imports it.
  const prepared = Promise.allSettled(packages.map((url) => import(url)));
  // Loads what removes types.
  stripTypeScriptTypes("");
  // Not awaited: a definition that never ends loading then lets the thread end, which is reported as such.
  parentPort?.once("message", (question: Question) => void prepared.then(() => reply(question)));
}

async function reply({ file, source, lend = false, documents = false }: Question): Promise<void> {
  const files = new Set([file]);
  const packages = new Set<string>();
  registerHooks({
    resolve(specifier, context, next) {
      const resolved =
        lend && LENT.test(specifier) ? lent(specifier, context, next) : next(specifier, context);
      if (!resolved.url.startsWith("file:")) return resolved;
      if (!isInstalled(resolved.url)) files.add(fileURLToPath(resolved.url));
      else if (!isInstalled(context.parentURL ?? "")) packages.add(resolved.url);
      return resolved;
    },
  });
  const compilation = await read(file, source);
  parentPort?.postMessage(
    JSON.stringify({ compilation, files: [...files], packages: [...packages] } satisfies LoadAnswer),
  );
  if (!documents || !("model" in compilation)) return;
  // On the other core, while the command makes the rest of the same model.
  parentPort?.postMessage(emitDocuments(compilation.model));
}

const isInstalled = (url: string): boolean => url.includes("/node_modules/");

const LENT = /^(resource402|zod)(\/|$)/;

const lent: ResolveHookSync = (specifier, context, next) => {
  try {
    return next(specifier, context);
  } catch {
    return next(specifier, { ...context, parentURL: import.meta.url });
  }
};

async function read(file: string, source: string): Promise<Compilation> {
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    return { mistakes: [explain(error, file)], advice: [] };
  }
  return compile(module.default, { source });
}
