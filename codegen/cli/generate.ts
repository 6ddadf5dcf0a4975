import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import {
  emitBuyers,
  emitCode,
  emitDocuments,
  type Generated,
  type GeneratedFile,
  inOrder,
  prepare,
} from "../files.ts";
import type { Mistake } from "../mistake.ts";
import type { ApiModel } from "../model.ts";
import { importExtension } from "./extension.ts";
import { load } from "./load.ts";
import { counted, sayDiff, sayDone, sayError, sayMistakes } from "./say.ts";
import { type Stale, staleFiles, writeFiles } from "./write.ts";

export interface GenerateOptions {
  /** Absolute path of the definition. */
  readonly file: string;
  /** Absolute path of the folder that is written to. @default the definition's folder */
  readonly out?: string;
  /** Say what is stale, and write nothing. */
  readonly check?: boolean;
  /** Extension with which `server.gen.ts` imports the definition. @default as the nearest tsconfig.json asks for */
  readonly ext?: "ts" | "js";
  /** Read the definition with this command's own `resource402` and `zod` where the project has none yet. */
  readonly lend?: boolean;
  /** The file that runs in the reading thread. */
  readonly entry: URL;
}

/** What one run came to. */
export interface Outcome {
  /** 0, or 1 when the definition has mistakes or something is stale. */
  readonly exitCode: 0 | 1;
  /** The definition and what it imports: the files to watch. */
  readonly files: readonly string[];
  /** Absent when the definition has mistakes. */
  readonly model?: ApiModel;
}

/** Generates everything from a definition, or says why not. */
export async function generate(options: GenerateOptions): Promise<Outcome> {
  const { file, out = dirname(file), lend = false, entry } = options;
  const source = relative(out, file).split(sep).join("/");
  prepare();
  const [{ compilation, files, documents }, extension] = await Promise.all([
    load({ file, source, lend, documents: true }, entry),
    options.ext ?? importExtension(dirname(file)),
  ]);
  sayMistakes(compilation.advice);
  if ("mistakes" in compilation) {
    sayMistakes(compilation.mistakes);
    sayError(summaryOf(compilation.mistakes));
    return { exitCode: 1, files };
  }
  const definition = source.startsWith(".") ? source : `./${source}`;
  const specifier = extension === "ts" ? definition : definition.replace(/ts$/, "js");
  const { model } = compilation;
  const [code, published] = await Promise.all([emitCode(model, specifier), documents]);
  const generated = { ...code, files: inOrder([...code.files, ...(published ?? emitDocuments(model))]) };
  return { exitCode: await bringUpToDate(out, generated, options.check ?? false), files, model };
}

export interface GenerateFromOptions {
  /** What was read, by `readSource`. */
  readonly model: ApiModel;
  /** Absolute path of the folder that is written to. */
  readonly out: string;
  readonly check?: boolean;
}

/** Generates what a buyer needs from a published document. Returns the exit code. */
export async function generateClient({ model, out, check = false }: GenerateFromOptions): Promise<0 | 1> {
  return bringUpToDate(out, { files: await emitBuyers(model), stubs: [] }, check);
}

/** Writes what is stale and what is missing, or only says so. Returns the exit code. */
async function bringUpToDate(out: string, generated: Generated, check: boolean): Promise<0 | 1> {
  const stale = await staleFiles(out, generated.files);
  if (check) {
    if (stale.length > 0) await sayStale(stale);
    else sayDone(`Up to date: ${counted(generated.files.length, "file")}.`);
    return stale.length > 0 ? 1 : 0;
  }
  const stubs = generated.stubs.filter(({ path }) => !existsSync(join(out, path)));
  await writeFiles(out, [...stale, ...stubs]);
  sayDone(resultOf(stale, stubs, generated.files.length - stale.length));
  return 0;
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

async function sayStale(stale: readonly Stale[]): Promise<void> {
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import("diff");
  for (const { path, text, before } of stale) {
    const was = before === undefined ? "/dev/null" : `a/${path}`;
    const headerOptions = FILE_HEADERS_ONLY;
    sayDiff(
      createTwoFilesPatch(was, `b/${path}`, before ?? "", text, undefined, undefined, { headerOptions }),
    );
  }
  sayError(`Stale: ${stale.map(({ path }) => path).join(", ")}. Run \`resource402 generate\`.`);
}
