import { createRequire } from "node:module";
import type * as OpenapiTypescript from "openapi-typescript";
import type Typescript from "typescript";

const require = createRequire(import.meta.url);

/** `import` would read all of TypeScript two more times: to find out its module format, and to list its exports. */
export function loadTypescript(): typeof Typescript {
  return require("typescript");
}

/** Loads only the part that turns a schema into a type. The package as a whole also loads a linter. */
export function loadSchemaTransform(): typeof OpenapiTypescript.transformSchemaObject {
  return require("openapi-typescript/dist/transform/schema-object.cjs").default;
}
