import { statSync } from "node:fs";
import { dirname, relative } from "node:path";

/** In the names of files and folders that are being written beside their place. */
const UNFINISHED = /(?:\.was)?\.(?:resource402-)?\d+\.tmp(?=[\\/]|$)/;

/**
 * Says of an error of the file system, or of a port, what is wrong and how to fix it. `path` is what was asked for, where
 * the error does not say so itself; `undefined` for any other error.
 */
export function diskProblem(error: unknown, path?: string): string | undefined {
  if (!(error instanceof Error && "syscall" in error)) return undefined;
  const { code, syscall, path: told, port } = error as NodeJS.ErrnoException & { readonly port?: number };
  if (code === "EACCES" && syscall === "listen") {
    return `Port ${port} may not be opened by this user. Take one above 1023: --port 3000.`;
  }
  const place = path ?? told;
  if (place === undefined && (code === "ENOSPC" || code === "EDQUOT")) {
    return "There is no room left on the disk. Make room, and run the command again.";
  }
  if (place === undefined) return `${error.message}. Fix that, and run the command again.`;
  const name = shown(place);
  switch (code) {
    case "ENOTDIR":
    case "EEXIST": {
      const file = fileIn(place);
      return file === undefined
        ? `${name} is in the way. Move it, or name another place.`
        : `${shown(file)} is a file, and a folder is needed there. Name another folder, or move the file.`;
    }
    case "EISDIR":
      return `${name} is a folder, and a file is needed there. Name a file, or move the folder.`;
    case "ENOENT":
      return `${name} is not there. Name a path that is.`;
    case "EACCES":
    case "EPERM":
      return `This user may not ${syscall === "scandir" ? "read" : "use"} ${name}. Change its permissions, or name another place.`;
    case "EROFS":
      return `${name} is on a disk that can only be read. Name a place on another one.`;
    case "ENOSPC":
    case "EDQUOT":
      return `There is no room left on the disk for ${name}. Make room, and run the command again.`;
    case "ENAMETOOLONG":
      return `The path ${name} is too long. Name a shorter one.`;
    default:
      return `${error.message}. Fix that, and run the command again.`;
  }
}

/** The same of any error that reading or writing `path` has thrown. */
export function diskText(error: unknown, path?: string): string {
  return diskProblem(error, path) ?? (error instanceof Error ? error.message : String(error));
}

/** The part of a path that is a file, where a folder is asked for. */
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
