import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { compile } from "../../codegen/compile.ts";
import { descriptions } from "../../codegen/discovery.ts";
import { emitClient } from "../../codegen/emit/client.ts";
import { emitLlms } from "../../codegen/emit/llms.ts";
import { emitPublished } from "../../codegen/emit/published.ts";
import { emitServer } from "../../codegen/emit/server.ts";
import { emitStub } from "../../codegen/emit/stubs.ts";
import { emitDocuments } from "../../codegen/files.ts";

// All that `resource402 generate` does, in this folder, but for types.gen.ts, which is openapi-typescript's work; and in
// one thread, where the command uses two.
enableCompileCache();
const definition = (await import(pathToFileURL(resolve("resources.ts")).href)) as { default: unknown };
const compilation = await compile(definition.default);
if ("mistakes" in compilation) throw new Error(JSON.stringify(compilation.mistakes, null, 2));
const { model } = compilation;
const { reference, openapi, served, docs } = emitDocuments(model);
const llms = emitLlms(model);
const described = JSON.stringify(descriptions(model));
mkdirSync("handlers", { recursive: true });
writeFileSync("client.gen.ts", emitClient(model));
writeFileSync("server.gen.ts", emitServer(model, "./resources.ts"));
writeFileSync("openapi.json", openapi);
writeFileSync("llms.txt", llms);
writeFileSync("published.gen.ts", emitPublished(model.source, { openapi: served, llms, docs, described }));
writeFileSync("API.md", reference);
for (const resource of model.resources) {
  const path = `handlers/${resource.name}.ts`;
  if (!existsSync(path)) writeFileSync(path, emitStub(model, resource, "./resources.ts"));
}
