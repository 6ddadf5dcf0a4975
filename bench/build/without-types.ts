import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { compile } from "../../codegen/compile.ts";
import { emitClient } from "../../codegen/emit/client.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { emitServer } from "../../codegen/emit/server.ts";
import { emitStub } from "../../codegen/emit/stubs.ts";

// All that `resource402 generate` does, in this folder, but for types.gen.ts, which is openapi-typescript's work.
enableCompileCache();
const definition = (await import(pathToFileURL(resolve("resources.ts")).href)) as { default: unknown };
const compilation = await compile(definition.default);
if ("mistakes" in compilation) throw new Error(JSON.stringify(compilation.mistakes, null, 2));
const { model } = compilation;
mkdirSync("handlers", { recursive: true });
writeFileSync("client.gen.ts", emitClient(model));
writeFileSync("server.gen.ts", emitServer(model, "./resources.ts"));
writeFileSync("openapi.json", emitOpenapi(model));
writeFileSync("API.md", emitReference(model));
for (const resource of model.resources) {
  const path = `handlers/${resource.name}.ts`;
  const text = emitStub(model, resource);
  if (!existsSync(path)) writeFileSync(path, text);
}
