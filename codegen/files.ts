import { descriptions } from "./discovery.ts";
import { emitClient } from "./emit/client.ts";
import { emitTypes } from "./emit/declarations.ts";
import { emitDocs } from "./emit/docs.ts";
import { emitLlms } from "./emit/llms.ts";
import { openapiOf } from "./emit/openapi.ts";
import { emitPublished } from "./emit/published.ts";
import { emitReference } from "./emit/reference.ts";
import { emitSdkIndex, emitSdkManifest, SDK_MARK, SDK_RUNTIME, type SdkOptions } from "./emit/sdk.ts";
import { emitSdkReadme } from "./emit/sdk-readme.ts";
import { emitServer } from "./emit/server.ts";
import { emitStub } from "./emit/stubs.ts";
import { type ApiModel, compareText } from "./model.ts";
import { jsonText, suffixOf } from "./print.ts";
import { loadSchemaTransform } from "./typescript.ts";

export interface GeneratedFile {
  /** Relative to the output folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** The output for a model: files that are regenerated, and stubs that are written once. */
export interface Generated {
  readonly files: readonly GeneratedFile[];
  readonly stubs: readonly GeneratedFile[];
}

/** Preloads the modules that {@link emitAll} needs, which takes longer than using them. It does not return before. */
export function prepare(): void {
  try {
    loadSchemaTransform();
  } catch {
    // emitAll loads the same modules and reports the failure.
  }
}

/** The documents that take longest to generate. */
export interface GeneratedDocuments {
  /** `API.md` */
  readonly reference: string;
  /** `openapi.json` */
  readonly openapi: string;
  /** The same on one line, as the server sends it. */
  readonly served: string;
  /** The page at `/docs`. */
  readonly docs: string;
}

/** Generates the documents that depend on the model only. Another thread can do this while {@link emitAll} runs. */
export function emitDocuments(model: ApiModel): GeneratedDocuments {
  const reference = emitReference(model);
  const openapi = openapiOf(model);
  return {
    reference,
    openapi: jsonText(openapi),
    served: JSON.stringify(openapi),
    docs: emitDocs(model, reference),
  };
}

/** Emits everything. `definition` is the specifier by which `server.gen.ts` imports the definition. */
export async function emitAll(
  model: ApiModel,
  definition: string,
  made: Promise<GeneratedDocuments> | GeneratedDocuments = emitDocuments(model),
): Promise<Generated> {
  const llms = emitLlms(model);
  const described = JSON.stringify(descriptions(model));
  const files = [
    { path: "client.gen.ts", text: emitClient(model, { suffix: suffixOf(definition) }) },
    { path: "llms.txt", text: llms },
    { path: "server.gen.ts", text: emitServer(model, definition) },
    { path: "types.gen.ts", text: emitTypes(model) },
  ];
  const stubs = model.resources.map((resource) => ({
    path: `handlers/${resource.name}.ts`,
    text: emitStub(model, resource, definition),
  }));
  const { reference, openapi, served, docs } = await made;
  files.push(
    { path: "API.md", text: reference },
    { path: "openapi.json", text: openapi },
    {
      path: "published.gen.ts",
      text: emitPublished(model.source, { openapi: served, llms, docs, described }),
    },
  );
  return { files: files.sort((a, b) => compareText(a.path, b.path)), stubs };
}

/** The modules of the client's runtime beside a client, without extension. */
export const BUYERS_RUNTIME = { client: "runtime.gen", evm: "evm.gen", node: "node.gen" } as const;

/**
 * Emits the files for buyers only. With `isPackaged`, the client imports its runtime from the package `resource402`, else
 * from the files that {@link BUYERS_RUNTIME} names.
 */
export function emitBuyers(model: ApiModel, isPackaged: boolean): readonly GeneratedFile[] {
  const bought = { ...model, handlerSchemas: {} };
  const { client, evm } = BUYERS_RUNTIME;
  return [
    { path: "API.md", text: isPackaged ? emitReference(bought) : emitReference(bought, `./${evm}.js`) },
    {
      path: "client.gen.ts",
      text: isPackaged ? emitClient(bought) : emitClient(bought, { runtime: `./${client}.js` }),
    },
    { path: "types.gen.ts", text: emitTypes(bought) },
  ];
}

/** A package that buyers install: files to publish unchanged, and sources to build into its `dist`. */
export interface Sdk {
  readonly files: readonly GeneratedFile[];
  readonly sources: readonly GeneratedFile[];
}

/** Emits a package. */
export function emitSdk(model: ApiModel, options: SdkOptions): Sdk {
  // Buyers do not need the types of handlers.
  const bought = { ...model, handlerSchemas: {} };
  return {
    files: [
      { path: "package.json", text: emitSdkManifest(model, options) },
      { path: "README.md", text: emitSdkReadme(model, { ...options, mark: SDK_MARK }) },
    ],
    sources: [
      { path: "index.ts", text: emitSdkIndex(bought, options) },
      { path: "client.gen.ts", text: emitClient(bought, { runtime: `./${SDK_RUNTIME.client}.js` }) },
      { path: "types.gen.ts", text: emitTypes(bought) },
    ],
  };
}
