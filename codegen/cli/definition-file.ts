import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { CommandError } from "./command.ts";

/** Where definitions are kept, in the order in which they are looked for. */
export const PLACES = ["resources.ts", "schema/resources.ts", "src/resources.ts"];

/** The definition that is named, or the first that is where definitions are kept. @throws CommandError */
export function definitionFile(named: string | undefined): string {
  const file = (named === undefined ? PLACES : [named]).map((path) => resolve(path)).find(existsSync);
  if (file !== undefined && statSync(file).isDirectory()) {
    throw new CommandError(
      `${named} is a folder. Name the definition in it: ${join(named ?? "", "resources.ts")}.`,
      2,
    );
  }
  if (file !== undefined) return file;
  const fix = /^[\w.-]+:\d+/.test(named ?? "")
    ? `Write it as a URL: http://${named}`
    : "Name another: resources.ts, an openapi.json, or a URL where the command takes one";
  throw new CommandError(`There is no ${named ?? PLACES.join(", ")}. ${fix}.`, 2);
}
