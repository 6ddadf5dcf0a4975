import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The settings of the strictest project that could use what is generated. */
const STRICTEST: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
  types: [],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  isolatedDeclarations: true,
  erasableSyntaxOnly: true,
  declaration: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  paths: {
    resource402: [join(root, "schema/index.ts")],
    "resource402/client": [join(root, "src/client/index.ts")],
    "resource402/server": [join(root, "src/server/index.ts")],
  },
};

/** Declarations of libraries, parsed once for all programs. */
const declarations = new Map<string, ts.SourceFile | undefined>();

/** The TypeScript diagnostics of files that overlay a folder of this repository. */
export function diagnose(
  folder: string,
  files: Readonly<Record<string, string>>,
  options: ts.CompilerOptions = {},
): string[] {
  const laid = new Map(Object.entries(files).map(([path, text]) => [join(root, folder, path), text]));
  const settings = { ...STRICTEST, ...options };
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile, directoryExists, getSourceFile } = host;
  const folders = new Set([...laid.keys()].map(dirname));
  host.fileExists = (path) => laid.has(path) || fileExists(path);
  host.readFile = (path) => laid.get(path) ?? readFile(path);
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? true);
  host.getSourceFile = (path, ...rest) => {
    if (!path.endsWith(".d.ts")) return getSourceFile(path, ...rest);
    if (!declarations.has(path)) declarations.set(path, getSourceFile(path, ...rest));
    return declarations.get(path);
  };
  const program = ts.createProgram([...laid.keys()], settings, host);
  // The library's own sources are held to their own settings.
  return [...laid.keys()]
    .flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map(({ file, start = 0, messageText }) => {
      const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
      const text = ts.flattenDiagnosticMessageText(messageText, " ");
      return `${file?.fileName.slice(root.length) ?? ""}:${line} ${text}`;
    });
}
