import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { sayNote } from "./say.ts";

export interface Handled {
  /** Absolute path of the folder with `handlers/`. */
  readonly out: string;
  /** Absolute path of the definition. */
  readonly file: string;
  readonly resources: readonly { readonly name: string }[];
  /** The previous text of `server.gen.ts`, when it has changed. */
  readonly before: string | undefined;
}

/** Reports handlers that a server does not register yet, and unused handlers. It does not change either file. */
export function sayHandlers({ out, file, resources, before }: Handled): void {
  const names = resources.map(({ name }) => name);
  for (const server of new Set([join(out, "server.ts"), join(dirname(file), "server.ts")])) {
    const lines = missingIn(server, names);
    if (lines.length > 0) {
      sayNote(
        `${shown(server)} lacks ${lines.map(({ name }) => name).join(", ")}. Add to \`handlers\` there, with:`,
      );
      for (const { line } of lines) sayNote(`  ${line}`);
    }
  }
  const unused = unusedIn(join(out, "handlers"), names, before);
  if (unused.length > 0) {
    const [is, it] = unused.length === 1 ? ["is", "it"] : ["are", "them"];
    // The developer may need the code elsewhere, so the command does not delete it.
    const fails = unused.some((file) => textOf(file).includes('Handlers["')) ? ", or tsc will complain" : "";
    sayNote(
      `${unused.map(shown).join(", ")} ${is} no longer used: no resource has that name. Delete ${it}${fails}.`,
    );
  }
}

/** An import of a handler from its own file: the path before its name, its name, its extension. */
const IMPORT = /from\s+["']([^"']*\bhandlers\/)(\w+)(\.[jt]s)?["']/g;

/** The handlers that a server with separate imports does not import yet. */
function missingIn(
  server: string,
  names: readonly string[],
): { readonly name: string; readonly line: string }[] {
  const text = textOf(server);
  const first = [...text.matchAll(IMPORT)].find(
    ([, , name = ""]) => names.includes(name) || text.includes("server.gen"),
  );
  if (first === undefined) return [];
  const [, folder = "", , extension = ""] = first;
  return names
    .filter((name) => !new RegExp(`\\b${name}\\b`).test(text))
    .map((name) => ({ name, line: `import { ${name} } from "${folder}${name}${extension}";` }));
}

/** A resource in the `Handlers` of what was generated before. */
const HANDLER = /^ {2}readonly (\w+): (?:Job)?Handler</gm;
/** Text that only handler files contain. */
const STUB = /^\/\/ Written once by `resource402 generate`/;

function unusedIn(folder: string, names: readonly string[], before: string | undefined): string[] {
  const removed = new Set([...(before ?? "").matchAll(HANDLER)].map(([, name]) => name));
  return filesIn(folder).flatMap((file) => {
    const [, name = ""] = /^(\w+)\.ts$/.exec(file) ?? [];
    if (name === "" || names.includes(name)) return [];
    const path = join(folder, file);
    const text = textOf(path);
    const wasHandler = removed.has(name) || STUB.test(text) || text.includes(`Handlers["${name}"]`);
    return wasHandler ? [path] : [];
  });
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function shown(path: string): string {
  return relative(process.cwd(), path);
}
