import { statSync } from "node:fs";
import { dirname, relative } from "node:path";

/** Matches the suffix of temporary files and folders. */
const UNFINISHED = /(?:\.was)?\.(?:resource402-)?\d+\.tmp(?=[\\/]|$)/;

/**
 * Explains an error of the file system or of a port, and how to fix it. `path` is the requested path, for errors without
 * one. Returns `undefined` for any other error.
 */
export function diskProblem(error: unknown, path?: string): string | undefined {
  if (!(error instanceof Error && "syscall" in error)) return undefined;
  const { code, syscall, path: told, port } = error as NodeJS.ErrnoException & { readonly port?: number };
  if (code === "EACCES" && syscall === "listen") {
    return `Port ${port} requires privileges that this user does not have. Use a port above 1023: --port 3000.`;
  }
  const place = path ?? told;
  if (place === undefined && (code === "ENOSPC" || code === "EDQUOT")) {
    return "The disk is full. Free some space, and run the command again.";
  }
  if (place === undefined) return `${error.message}. Fix this, and run the command again.`;
  const name = shown(place);
  switch (code) {
    case "ENOTDIR":
    case "EEXIST": {
      const file = fileIn(place);
      return file === undefined
        ? `${name} already exists. Move it, or choose another path.`
        : `${shown(file)} is a file; expected a folder. Choose another folder, or move the file.`;
    }
    case "EISDIR":
      return `${name} is a folder; expected a file. Name a file, or move the folder.`;
    case "ENOENT":
      return `${name} does not exist. Name an existing path.`;
    case "EACCES":
    case "EPERM":
      return `Permission denied: this user cannot ${syscall === "scandir" ? "read" : "use"} ${name}. Change its permissions, or choose another path.`;
    case "EROFS":
      return `${name} is on a read-only file system. Choose a path on another one.`;
    case "ENOSPC":
    case "EDQUOT":
      return `The disk is full: cannot write ${name}. Free some space, and run the command again.`;
    case "ENAMETOOLONG":
      return `The path ${name} is too long. Choose a shorter one.`;
    default:
      return `${error.message}. Fix this, and run the command again.`;
  }
}

/** The same for any error that reading or writing `path` has thrown. */
export function diskText(error: unknown, path?: string): string {
  return diskProblem(error, path) ?? (error instanceof Error ? error.message : String(error));
}

/** The part of a path that is a file instead of a folder. */
function fileIn(path: string): string | undefined {
  for (let part = path; ; part = dirname(part)) {
    try {
      if (!statSync(part).isDirectory()) return part;
      return undefined;
    } catch {
      if (part === dirname(part)) return undefined;
    }
  }
}

function shown(path: string): string {
  return relative(process.cwd(), path.replace(UNFINISHED, "")) || ".";
}
