import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { DOCS_MARK, emitDocs } from "../emit/docs.ts";
import { emitLlms } from "../emit/llms.ts";
import { emitOpenapi } from "../emit/openapi.ts";
import { emitReference } from "../emit/reference.ts";
import type { GeneratedFile } from "../files.ts";
import type { ApiModel } from "../model.ts";
import { CommandError } from "./command.ts";
import { counted, sayDone } from "./say.ts";
import { type Stale, staleFiles, writeFiles } from "./write.ts";

export interface DocsOptions {
  /** Absolute path of the output folder. */
  readonly out: string;
  /** Overwrite files that this command did not write. */
  readonly force: boolean;
}

const PAGE = "index.html";

/** Writes the documentation of an API into a folder. @throws CommandError when it would overwrite foreign files */
export async function writeDocs(
  source: { readonly model: ApiModel; readonly baseUrl?: string },
  { out, force }: DocsOptions,
): Promise<void> {
  const files = siteOf(located(source));
  const stale = await staleFiles(out, files);
  if (!force) await checkOwn(out, stale);
  await writeFiles(out, stale);
  const folder = relative(process.cwd(), out) || ".";
  sayDone(
    stale.length === 0
      ? `Up to date: ${folder}.`
      : `Wrote ${counted(stale.length, "file")} to ${folder}. Open ${join(folder, PAGE)}.`,
  );
}

function siteOf(model: ApiModel): readonly GeneratedFile[] {
  const reference = emitReference(model);
  return [
    { path: PAGE, text: emitDocs(model, reference) },
    { path: "openapi.json", text: emitOpenapi(model) },
    { path: "llms.txt", text: emitLlms(model) },
    { path: "API.md", text: reference },
  ];
}

/** A fetched document can have a relative server URL. The static page needs an absolute one. */
function located({ model, baseUrl }: { readonly model: ApiModel; readonly baseUrl?: string }): ApiModel {
  const isKnown = model.servers.some(({ url }) => /^https?:/.test(url));
  return baseUrl === undefined || isKnown ? model : { ...model, servers: [{ url: baseUrl }] };
}

/**
 * The command owns a folder that contains its page. In any other folder it does not overwrite files: in the folder of the
 * definition, for example, they belong to `generate`.
 */
async function checkOwn(out: string, stale: readonly Stale[]): Promise<void> {
  const page = await readFile(join(out, PAGE), "utf8").catch(() => "");
  if (page.slice(0, 4_000).includes(DOCS_MARK)) return;
  const theirs = stale.filter(({ before }) => before !== undefined).map(({ path }) => path);
  if (theirs.length === 0) return;
  const paths = theirs.map((path) => relative(process.cwd(), join(out, path)));
  throw new CommandError(
    `${paths.join(", ")} was not written by \`resource402 docs\`. ` +
      "Choose another folder with --out, or overwrite with --force.",
  );
}
