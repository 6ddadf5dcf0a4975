import { type ResolveHookSync, registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { type Compilation, compile } from "../compile.ts";
import { explain } from "./explain.ts";

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
}

/** Reads and compiles the definition in this thread, whose modules are all fresh. */
export async function answer(): Promise<void> {
  const { file, source, lend = false, documents = false } = workerData as Question;
  // Node's notices on reading TypeScript, and on a package.json without a type, are of no use here.
  process.removeAllListeners("warning");
  const files = new Set([file]);
  registerHooks({
    resolve(specifier, context, next) {
      const resolved =
        lend && LENT.test(specifier) ? lent(specifier, context, next) : next(specifier, context);
      if (resolved.url.startsWith("file:") && !resolved.url.includes("/node_modules/")) {
        files.add(fileURLToPath(resolved.url));
      }
      return resolved;
    },
  });
  const compilation = await read(file, source);
  parentPort?.postMessage(JSON.stringify({ compilation, files: [...files] } satisfies LoadAnswer));
  if (!documents || !("model" in compilation)) return;
  // On the other core, while the command makes the rest of the same model.
  const { emitDocuments } = await import("../files.ts");
  parentPort?.postMessage(emitDocuments(compilation.model));
}

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
