import { emitClient } from "./emit/client.ts";
import { emitOpenapi } from "./emit/openapi.ts";
import { emitReference } from "./emit/reference.ts";
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
  const files = [
    { path: "API.md", text: emitReference(model) },
    { path: "client.gen.ts", text: emitClient(model) },
    { path: "openapi.json", text: emitOpenapi(model) },
    { path: "server.gen.ts", text: emitServer(model, definition) },
    { path: "types.gen.ts", text: await emitTypes(model) },
  ];
  const stubs = model.resources.map((resource) => ({
    path: `handlers/${resource.name}.ts`,
    text: emitStub(model, resource),
  }));
  return { files, stubs };
}
