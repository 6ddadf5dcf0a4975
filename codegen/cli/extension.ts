import type ts from "typescript";
import { loadTypescript } from "../typescript.ts";

/**
 * The extension with which generated code imports its neighbors: `ts` when the nearest tsconfig.json allows it or does
 * not exist (Node.js then runs the file directly), none when the project leaves modules to a bundler (Turbopack and
 * webpack do not find a `.ts` file by the name `.js`), else `js`.
 */
export function importExtension(folder: string): "ts" | "js" | "none" {
  const typescript = loadTypescript();
  const file = typescript.findConfigFile(folder, typescript.sys.fileExists);
  if (file === undefined) return "ts";
  const { config } = typescript.readConfigFile(file, typescript.sys.readFile);
  // Only the options are asked for; listing the project's files would take longer than all the rest.
  const host: ts.ParseConfigHost = { ...typescript.sys, readDirectory: () => [] };
  const { options } = typescript.parseJsonConfigFileContent(config ?? {}, host, folder, undefined, file);
  if (options.allowImportingTsExtensions || options.rewriteRelativeImportExtensions) return "ts";
  return options.moduleResolution === typescript.ModuleResolutionKind.Bundler ? "none" : "js";
}
