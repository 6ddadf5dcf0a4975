import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Usd } from "../../schema/money.ts";
import type { ApiModel } from "../model.ts";
import { bundled } from "../read/external.ts";
import { isJsonObject } from "../read/json.ts";
import { decodeDocument, looksLikeDocument, parseDocument } from "../read/text.ts";
import { readerBeside } from "./beside.ts";
import { type CommandContext, CommandError } from "./command.ts";
import { definitionFile } from "./definition-file.ts";
import { diskText } from "./disk.ts";
import { counted, sayMistakes, sayNote } from "./say.ts";

/** An API that a command reads. */
export interface Source {
  readonly model: ApiModel;
  /** URL of the API, when its document states one. */
  readonly baseUrl?: string;
  /** The definition's file, when the API came from a definition. */
  readonly file?: string;
}

export interface SourceOptions {
  /** Timeout for fetching a document, in milliseconds. @default 20000 */
  readonly timeoutMs?: number;
  /** Maximum price in US dollars of a call for which the document states none. @default each call says it */
  readonly maxPrice?: Usd;
}

/** The argument that names the API. */
export const SOURCE_ARGUMENT = [
  "[source]",
  "resources.ts, an openapi.json or .yaml, or the URL of an API or of its document (default: the definition here)",
] as const;

/**
 * Reads the API that is named: a definition, a document, or the URL of either an API or its document.
 * @throws CommandError when there is none, or when it has mistakes (printed before the throw).
 */
export async function readSource(
  named: string | undefined,
  context: CommandContext,
  options: SourceOptions = {},
): Promise<Source> {
  if (named !== undefined && /^https?:\/\//i.test(named)) return fromUrl(named, options);
  const file = definitionFile(named);
  if (/\.[cm]?[jt]s$/.test(file)) return fromDefinition(file, context);
  if (!/\.(json|ya?ml)$/i.test(file)) {
    throw new CommandError(`${named} is not a definition (.ts), a document (.json or .yaml) or a URL.`, 2);
  }
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CommandError(diskText(cause, file));
  });
  const place = pathToFileURL(file);
  return readText(decodeDocument(bytes), { source: basename(file), place }, options);
}

async function fromDefinition(file: string, { entry }: CommandContext): Promise<Source> {
  const { load } = await import("./load.ts");
  const { compilation } = await load({ file, source: basename(file) }, entry);
  if ("model" in compilation) return { model: compilation.model, file };
  sayMistakes(compilation.mistakes);
  throw new CommandError(`${counted(compilation.mistakes.length, "mistake")} in ${basename(file)}.`);
}

/** How long the answer with a document may take. */
const TIMEOUT_MS = 20_000;

/** Paths of the document, when the URL names an API. */
const DOCUMENTS = ["openapi.json", "openapi.yaml"];

async function fromUrl(named: string, options: SourceOptions): Promise<Source> {
  if (!URL.canParse(named)) throw new CommandError(`${named} is not a valid URL.`, 2);
  const url = new URL(named);
  const isDocument = /\.(json|ya?ml)$/i.test(url.pathname) || url.search !== "";
  const [json, yaml] = DOCUMENTS.map((path) => new URL(path, slashed(url)));
  const tries = isDocument || json === undefined || yaml === undefined ? [url] : [json, url, yaml];
  let why = "";
  let other: { readonly text: string; readonly url: string } | undefined;
  for (const one of tries) {
    const { text, why: problem } = await ask(one, options.timeoutMs ?? TIMEOUT_MS);
    if (text !== undefined && looksLikeDocument(text)) {
      return readText(text, { source: one.href, url: one.href }, options);
    }
    // An API may answer its own address with some other JSON.
    if (text !== undefined && /^\s*\{/.test(text)) other ??= { text, url: one.href };
    why ||= problem ?? `${one.href} is neither JSON nor YAML of OpenAPI`;
  }
  if (other !== undefined) return readText(other.text, { source: other.url, url: other.url }, options);
  throw new CommandError(
    `There is no API document at ${named}: ${why}. Name the URL or the file of its openapi.json.`,
  );
}

function slashed(url: URL): string {
  return url.origin + (url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`);
}

/** Maximum size of a document. */
const MAX_BYTES = 32 * 1024 * 1024;

async function ask(url: URL, timeoutMs: number): Promise<{ readonly text?: string; readonly why?: string }> {
  try {
    const answer = await fetch(url, {
      headers: { accept: "application/json, application/yaml;q=0.9, */*;q=0.1" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!answer.ok) return { why: `${url.href} answers ${answer.status}` };
    const parts: Uint8Array[] = [];
    let size = 0;
    // As it arrives: a small compressed body can be gigabytes.
    for await (const part of answer.body ?? []) {
      size += part.byteLength;
      if (size > MAX_BYTES) return { why: `${url.href} is larger than 32 MiB` };
      parts.push(part);
    }
    return { text: decodeDocument(Buffer.concat(parts)) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { why: `${url.origin} cannot be reached (${messageOf(cause)})` };
  }
}

/** Reads the text of a document; `where` names it. @throws CommandError */
export async function readText(
  text: string,
  { place, ...where }: { readonly source: string; readonly url?: string; readonly place?: URL },
  { maxPrice, timeoutMs = TIMEOUT_MS }: SourceOptions = {},
): Promise<Source> {
  const { DocumentError, readDocument } = await import("../read/document.ts");
  try {
    const options = { ...where, ...(maxPrice === undefined ? {} : { maxPrice }) };
    const parsed = await parseDocument(text, where.source);
    const at = place ?? (where.url === undefined ? undefined : new URL(where.url));
    const whole =
      isJsonObject(parsed) && at ? await bundled(parsed, at, readerBeside(at, timeoutMs)) : undefined;
    const { model, baseUrl, notes } = readDocument(whole?.document ?? parsed, options);
    for (const note of [...(whole?.notes ?? []), ...notes]) sayNote(note);
    return { model, ...(baseUrl === undefined ? {} : { baseUrl }) };
  } catch (error) {
    if (error instanceof DocumentError) throw new CommandError(error.message);
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The folder of a source: that of the definition, or the working directory. */
export function folderOf({ file }: Source): string {
  return file === undefined ? resolve(".") : dirname(file);
}
