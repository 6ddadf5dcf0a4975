import type { MistakeReport } from "../mistake.ts";

/** `generateImage` is `GenerateImage`, `content-type` is `ContentType`. */
export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return words.map((word) => (word[0] ?? "").toUpperCase() + word.slice(1)).join("");
}

/** `generateImage` is `generate-image`, `toHTML` is `to-html`. */
export function kebabCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
}

// A resource becomes a member of the client (where `pending` lists calls, `budget` tells what is left, `then` would make it a promise, and
// `constructor` means something to every reader of objects), an exported constant of its stub, and an operation
// beside two others.
const RESERVED = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  ...["then", "catch", "finally", "prototype", "toJSON", "arguments", "eval", "undefined"],
  ...["getJob", "cancelJob", "pending", "budget"],
  ..."await break case class const continue debugger default delete do else enum export extends false".split(
    " ",
  ),
  ..."for function if implements import in instanceof interface let new null package private".split(" "),
  ..."protected public return static super switch this throw true try typeof var void while with yield".split(
    " ",
  ),
]);

/** Reports names that cannot be used or cannot be told apart, and returns the others. */
export function checkNames(names: readonly string[], report: MistakeReport): string[] {
  const usable = names.filter((name) => {
    const path = `resources.${name}`;
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name)) {
      report(
        path,
        `"${name}" is not a valid identifier`,
        'use letters and digits, and start with a letter: "generateImage"',
      );
      return false;
    }
    if (!RESERVED.has(name)) return true;
    report(path, `"${name}" is a reserved name`, `say what it does, such as "${name}Image"`);
    return false;
  });
  // Paths and stubs are written in small letters somewhere: on the wire, or by a file system.
  const first = new Map<string, string>();
  for (const name of usable) {
    const other = first.get(name.toLowerCase());
    if (other === undefined) first.set(name.toLowerCase(), name);
    else
      report(
        `resources.${name}`,
        `differs from "${other}" only in upper and lower case`,
        "rename one of them",
      );
  }
  return usable;
}
