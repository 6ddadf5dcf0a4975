import type Typescript from "typescript";
import { SDK_RUNTIME } from "../emit/sdk.ts";
import type { GeneratedFile } from "../files.ts";
import { loadTypescript } from "../typescript.ts";
import { clientRuntime, runtimeLicense } from "./client-runtime.ts";
import { CommandError } from "./command.ts";

const ts = loadTypescript();

const OPTIONS: Typescript.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  declaration: true,
  emitDeclarationOnly: true,
  types: [],
};

/** A folder that does not exist: the settings and packages of the project have no effect on what is built. */
const FOLDER = "/resource402-sdk/";

/**
 * Builds the `dist` of a package: the sources as modules with types, and the client's runtime beside them.
 * @throws CommandError when a source does not compile.
 */
export async function buildSdk(sources: readonly GeneratedFile[], name: string): Promise<GeneratedFile[]> {
  const runtime = await clientRuntime(SDK_RUNTIME, (module) =>
    module === "client" ? name : `${name}/${module}`,
  );
  const license = await runtimeLicense();
  return [
    ...sources.filter(({ path }) => path !== "types.gen.ts").map(moduleOf),
    ...typesOf(sources, runtime),
    ...runtime,
    {
      path: "THIRD-PARTY.txt",
      text: `This package contains the client runtime of resource402.\n\n${license}`,
    },
  ];
}

function moduleOf({ path, text }: GeneratedFile): GeneratedFile {
  const { outputText } = ts.transpileModule(text, {
    fileName: path,
    compilerOptions: { ...OPTIONS, declaration: false, emitDeclarationOnly: false, removeComments: true },
  });
  return { path: path.replace(/ts$/, "js"), text: outputText };
}

function typesOf(sources: readonly GeneratedFile[], runtime: readonly GeneratedFile[]): GeneratedFile[] {
  const texts = new Map([...sources, ...runtime].map(({ path, text }) => [`${FOLDER}${path}`, text]));
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists, directoryExists, readFile } = host;
  host.getCurrentDirectory = () => FOLDER;
  host.fileExists = (path) => texts.has(path) || (!path.startsWith(FOLDER) && fileExists(path));
  host.directoryExists = (path) => FOLDER.startsWith(`${path}/`) || (directoryExists?.(path) ?? true);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, text, version);
  };
  const made: GeneratedFile[] = [];
  host.writeFile = (path, text) => void made.push({ path: path.slice(FOLDER.length), text });
  const program = ts.createProgram(
    sources.map(({ path }) => `${FOLDER}${path}`),
    OPTIONS,
    host,
  );
  const { diagnostics } = program.emit();
  const problems = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (problems.length > 0) {
    throw new CommandError(`The package cannot be built:\n${ts.formatDiagnostics(problems, host).trim()}`);
  }
  return made;
}
