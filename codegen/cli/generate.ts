import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import {
  BUYERS_RUNTIME,
  emitAll,
  emitBuyers,
  emitDocuments,
  type Generated,
  type GeneratedFile,
  prepare,
} from "../files.ts";
import type { Mistake } from "../mistake.ts";
import type { ApiModel } from "../model.ts";
import { clientRuntime } from "./client-runtime.ts";
import { importExtension } from "./extension.ts";
import { sayHandlers } from "./handlers.ts";
import { load, type Reader } from "./load.ts";
import { counted, sayDone, sayError, sayMistakes, sayStale } from "./say.ts";
import { typed } from "./typed.ts";
import { staleFiles, writeFiles } from "./write.ts";

export interface GenerateOptions {
  /** Absolute path of the definition. */
  readonly file: string;
  /** Absolute path of the folder that is written to. @default the definition's folder */
  readonly out?: string;
  /** Say what is stale, and write nothing. */
  readonly check?: boolean;
  /** Extension with which `server.gen.ts` imports the definition. @default as the nearest tsconfig.json asks for */
  readonly ext?: "ts" | "js" | "none";
  /** Read the definition with this command's own `resource402` and `zod` where the project has none yet. */
  readonly lend?: boolean;
  /** The file that runs in the reading thread. */
  readonly entry: URL;
  /** Reads the definition. @default a thread for this run alone */
  readonly reader?: Reader;
}

/** What one run came to. */
export interface GenerateOutcome {
  /** 0, or 1 when the definition has mistakes or something is stale. */
  readonly exitCode: 0 | 1;
  /** The definition and what it imports: the files to watch. */
  readonly files: readonly string[];
  /** Absent when the definition has mistakes. */
  readonly model?: ApiModel;
  /** Says what the run came to, once its files are watched. */
  readonly say?: () => void;
  /** How many files were written. */
  readonly written?: number;
}

/** Generates everything from a definition, or says why not. */
export async function generate(options: GenerateOptions): Promise<GenerateOutcome> {
  const { file, out = dirname(file), lend = false, entry, reader } = options;
  const source = relative(out, file).split(sep).join("/");
  // A watching command has emitted documents before, and is faster at it than a new thread.
  const question = { file, source, lend, documents: reader === undefined };
  const loading = reader ? reader.load(question) : load(question, entry);
  // Beside the thread that reads the definition.
  prepare();
  const { compilation, files, documents } = await loading;
  const extension = options.ext ?? importExtension(dirname(file));
  sayMistakes(compilation.advice);
  if ("mistakes" in compilation) {
    sayMistakes(compilation.mistakes);
    sayError(summaryOf(compilation.mistakes));
    return { exitCode: 1, files };
  }
  const definition = source.startsWith(".") ? source : `./${source}`;
  const suffix = extension === "none" ? "" : `.${extension}`;
  const specifier = definition.replace(/\.ts$/, suffix);
  const { model } = compilation;
  const made = documents.then((documents) => documents ?? emitDocuments(model));
  const generated = await emitAll(model, specifier, made);
  const done = await bringUpToDate(out, generated, options.check ?? false);
  if (!options.check) sayHandlers({ out, file, resources: model.resources, before: done.server });
  return { exitCode: done.exitCode, files, model, written: done.written };
}

export interface GenerateFromOptions {
  /** What was read, by `readSource`. */
  readonly model: ApiModel;
  /** Absolute path of the folder that is written to. */
  readonly out: string;
  readonly check?: boolean;
  /** Import the runtime from the package `resource402` instead of writing it beside the client. */
  readonly isPackaged?: boolean;
}

/** Generates what a buyer needs from a published document. Returns the exit code. */
export async function generateClient(options: GenerateFromOptions): Promise<0 | 1> {
  const { model, out, check = false, isPackaged = false } = options;
  const files = emitBuyers(model, isPackaged);
  const runtime = isPackaged
    ? []
    : await clientRuntime(BUYERS_RUNTIME, (name) => `./${BUYERS_RUNTIME[name]}.js`);
  return (await bringUpToDate(out, { files: [...files, ...runtime], stubs: [] }, check)).exitCode;
}

interface Done {
  readonly exitCode: 0 | 1;
  readonly written: number;
  /** What `server.gen.ts` was before, when it has changed. */
  readonly server: string | undefined;
}

/** Writes what is stale and what is missing, or only says so. */
async function bringUpToDate(out: string, generated: Generated, check: boolean): Promise<Done> {
  const stale = await staleFiles(out, generated.files);
  const server = stale.find(({ path }) => path === "server.gen.ts")?.before;
  if (check) {
    if (stale.length > 0) await sayStale(stale, typed("generate"));
    else sayDone(`Up to date: ${counted(generated.files.length, "file")}.`);
    return { exitCode: stale.length > 0 ? 1 : 0, written: 0, server };
  }
  const stubs = generated.stubs.filter(({ path }) => !existsSync(join(out, path)));
  await writeFiles(out, [...stale, ...stubs]);
  sayDone(resultOf(stale, stubs, generated.files.length - stale.length));
  return { exitCode: 0, written: stale.length + stubs.length, server };
}

function resultOf(
  written: readonly GeneratedFile[],
  stubs: readonly GeneratedFile[],
  unchanged: number,
): string {
  if (written.length === 0 && stubs.length === 0) return `Up to date: ${counted(unchanged, "file")}.`;
  const names = stubs.slice(0, 8).map(({ path }) => path);
  const more = stubs.length > names.length ? ["…"] : [];
  const todo = `${counted(stubs.length, "new handler")} to fill in: ${[...names, ...more].join(", ")}`;
  const parts = [
    `Wrote ${counted(written.length, "file")}`,
    ...(unchanged > 0 ? [`${unchanged} unchanged`] : []),
    ...(stubs.length > 0 ? [todo] : []),
  ];
  return `${parts.join(", ")}.`;
}

function summaryOf(mistakes: readonly Mistake[]): string {
  return `${counted(mistakes.length, "mistake")}. Nothing was written.`;
}
