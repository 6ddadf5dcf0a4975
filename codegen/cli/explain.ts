import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mistake } from "../mistake.ts";

const DESCRIBES_ONLY = "check this line; a definition must not open files or connections";

/**
 * Explains where an error in one of the seller's files is and how to fix it, without a stack. `fix` is the advice for
 * errors that the file itself throws.
 */
export function explain(error: unknown, file: string, fix = DESCRIBES_ONLY): Mistake {
  if (!(error instanceof Error)) {
    return mistake(file, undefined, `throws ${String(error)}`, "define only the API in this file");
  }
  const { code } = error as { readonly code?: string };
  if (code === "ERR_MODULE_NOT_FOUND") return missing(error.message, file);
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
    return mistake(
      file,
      undefined,
      "is TypeScript, which this Node.js cannot read",
      "use Node.js 22.18 or later",
    );
  }
  if (error instanceof SyntaxError) {
    // Node writes the location of a syntax error in the first line of the stack.
    const [, place = file, line] = /^(?:(.+):(\d+)\n)?/.exec(error.stack ?? "") ?? [];
    return mistake(place, line, error.message, fixOf(error.message, code));
  }
  const { place, line } = frameOf(error.stack ?? "", file);
  return mistake(place, line, error.message || error.name, fix);
}

function mistake(file: string, line: string | number | undefined, problem: string, fix: string): Mistake {
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  const place = relative(process.cwd(), path) || path;
  return { path: line === undefined ? place : `${place}:${line}`, problem, fix, severity: "error" };
}

function fixOf(message: string, code: string | undefined): string {
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return "Node.js only removes types: use an object or a union instead of enum, namespace or parameter property";
  }
  if (message.includes("does not provide an export named")) return "import a name that the module exports";
  if (message.includes("outside a module")) return 'set "type": "module" in package.json';
  return "fix this line or the one before it";
}

function missing(message: string, file: string): Mistake {
  const [, kind, name = "", from = file] =
    /^Cannot find (\w+) '(.+?)' imported from (.+)$/s.exec(message) ?? [];
  if (name === file)
    return mistake(file, undefined, "is not there", "restore it, or name another definition");
  const written = kind === "package" ? name : undefined;
  const line = lineOf(from, written ?? name.split("/").at(-1) ?? name);
  const problem = `cannot find ${kind === "package" ? `the package "${name}"` : relative(process.cwd(), name)}`;
  const fix =
    written === undefined ? 'check the path; it needs the extension ".ts"' : `npm install ${written}`;
  return mistake(from, line, problem, fix);
}

/** The first line of a file that holds `text` in an import. */
function lineOf(file: string, text: string): number | undefined {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    const index = lines.findIndex((line) => /\b(?:from|import)\b/.test(line) && line.includes(text));
    return index < 0 ? undefined : index + 1;
  } catch {
    return undefined;
  }
}

/** The innermost stack frame in the definition, or else in any file outside of node_modules. */
function frameOf(stack: string, file: string): { place: string; line: string | undefined } {
  const frames = [...stack.matchAll(/(?:\(|at (?:async )?)(file:.+?):(\d+):\d+\)?$/gm)].map(
    ([, url = "", line]) => ({ place: fileURLToPath(url), line }),
  );
  const own = frames.filter(({ place }) => !place.includes("/node_modules/"));
  return own.find(({ place }) => place === file) ?? own[0] ?? { place: file, line: undefined };
}
