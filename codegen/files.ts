import { emitClient } from "./emit/client.ts";
import { emitDocs } from "./emit/docs.ts";
import { emitLlms } from "./emit/llms.ts";
import { emitOpenapi } from "./emit/openapi.ts";
import { emitPublished } from "./emit/published.ts";
import { emitReference } from "./emit/reference.ts";
import { emitSdkEntries, emitSdkManifest, SDK_MARK, type SdkOptions } from "./emit/sdk.ts";
import { emitSdkReadme } from "./emit/sdk-readme.ts";
import { emitServer } from "./emit/server.ts";
import { emitStub } from "./emit/stubs.ts";
import { emitTypes, loadTools } from "./emit/types.ts";
import type { ApiModel } from "./model.ts";

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

/** Begins to load what {@link emitAll} will need. */
export function prepare(): void {
  // A failure is told by emitAll, which loads the same.
  loadTools().catch(() => undefined);
}

/** Emits everything. `definition` is the specifier by which `server.gen.ts` imports the definition. */
export async function emitAll(model: ApiModel, definition: string): Promise<Generated> {
  const reference = emitReference(model);
  const openapi = emitOpenapi(model);
  const llms = emitLlms(model);
  const docs = emitDocs(model, reference);
  const files = [
    { path: "API.md", text: reference },
    { path: "client.gen.ts", text: emitClient(model) },
    { path: "llms.txt", text: llms },
    { path: "openapi.json", text: openapi },
    { path: "published.gen.ts", text: emitPublished(model.source, { openapi, llms, docs }) },
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
