import { emitClient } from "./emit/client.ts";
import { emitDocs } from "./emit/docs.ts";
import { emitLlms } from "./emit/llms.ts";
import { openapiOf } from "./emit/openapi.ts";
import { emitPublished } from "./emit/published.ts";
import { emitReference } from "./emit/reference.ts";
import { emitSdkEntries, emitSdkManifest, SDK_MARK, type SdkOptions } from "./emit/sdk.ts";
import { emitSdkReadme } from "./emit/sdk-readme.ts";
import { emitServer } from "./emit/server.ts";
import { emitStub } from "./emit/stubs.ts";
import { emitTypes, loadTools } from "./emit/types.ts";
import { type ApiModel, compareText } from "./model.ts";
import { json } from "./print.ts";

export interface GeneratedFile {
  /** Relative to the folder that is written to, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** What a model becomes: files that are kept up to date, and stubs that are written once. */
export interface Generated {
  readonly files: readonly GeneratedFile[];
  readonly stubs: readonly GeneratedFile[];
}

/** Begins to load what {@link emitCode} will need. */
export function prepare(): void {
  // A failure is told by emitCode, which loads the same.
  loadTools().catch(() => undefined);
}

/** Emits everything. `definition` is the specifier by which `server.gen.ts` imports the definition. */
export async function emitAll(model: ApiModel, definition: string): Promise<Generated> {
  const code = await emitCode(model, definition);
  return { ...code, files: inOrder([...emitDocuments(model), ...code.files]) };
}

/** Files in the order of their names. */
export function inOrder(files: readonly GeneratedFile[]): readonly GeneratedFile[] {
  return [...files].sort((a, b) => compareText(a.path, b.path));
}

/** Emits what others read: no code but that in which a server keeps it. */
export function emitDocuments(model: ApiModel): readonly GeneratedFile[] {
  const reference = emitReference(model);
  const openapi = openapiOf(model);
  const llms = emitLlms(model);
  const docs = emitDocs(model, reference);
  return [
    { path: "API.md", text: reference },
    { path: "llms.txt", text: llms },
    { path: "openapi.json", text: json(openapi) },
    { path: "published.gen.ts", text: emitPublished(model.source, { openapi, llms, docs }) },
  ];
}

/** Emits what programs import. */
export async function emitCode(model: ApiModel, definition: string): Promise<Generated> {
  const files = [
    { path: "client.gen.ts", text: emitClient(model) },
    { path: "server.gen.ts", text: emitServer(model, definition) },
    { path: "types.gen.ts", text: await emitTypes(model) },
  ];
  const stubs = model.resources.map((resource) => ({
    path: `handlers/${resource.name}.ts`,
    text: emitStub(model, resource),
  }));
  return { files, stubs };
}

/** Emits what a buyer imports and reads, and nothing of the seller's. */
export async function emitBuyers(model: ApiModel): Promise<readonly GeneratedFile[]> {
  const bought = { ...model, handlerSchemas: {} };
  return [
    { path: "API.md", text: emitReference(bought) },
    { path: "client.gen.ts", text: emitClient(bought) },
    { path: "types.gen.ts", text: await emitTypes(bought) },
  ];
}

/** A package that buyers install: what is published as it is, and the sources that are built into its `dist`. */
export interface Sdk {
  readonly files: readonly GeneratedFile[];
  readonly sources: readonly GeneratedFile[];
}

/** Emits a package. */
export async function emitSdk(model: ApiModel, options: SdkOptions): Promise<Sdk> {
  // What handlers are given is no concern of buyers.
  const bought = { ...model, handlerSchemas: {} };
  const entries = Object.entries(emitSdkEntries(bought, options)).map(([path, text]) => ({ path, text }));
  return {
    files: [
      { path: "package.json", text: emitSdkManifest(model, options) },
      { path: "README.md", text: emitSdkReadme(model, { ...options, mark: SDK_MARK }) },
    ],
    sources: [
      ...entries,
      { path: "client.gen.ts", text: emitClient(bought) },
      { path: "types.gen.ts", text: await emitTypes(bought) },
    ],
  };
}
