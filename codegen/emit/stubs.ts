import { type ApiModel, fieldsOf, type ResourceModel } from "../model.ts";
import { jsdoc, key, string, suffixOf } from "../print.ts";

/**
 * `handlers/<name>.ts`: where a seller begins. Written once and theirs from then on. `definition` is the specifier by
 * which `server.gen.ts` imports the definition: stubs name files by the same extension.
 */
export function emitStub(model: ApiModel, resource: ResourceModel, definition: string): string {
  const { name, summary, price } = resource;
  const doc = jsdoc([
    summary,
    "",
    `Replace \`notImplemented\` by your function: \`async (input, ctx) => (${resultOf(model, resource)})\`.`,
    price.kind === "free"
      ? "Until then the server answers 501."
      : "Until then the server answers 501 and takes no payment.",
  ]);
  return `// Written once by \`resource402 generate\`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen${suffixOf(definition)}";

${doc}export const ${name}: Handlers[${string(name)}] = notImplemented;
`;
}

/** What a handler returns, as far as the output tells: both faces of it have the same members. */
function resultOf({ schemas }: ApiModel, { typeName }: ResourceModel): string {
  const fields = fieldsOf(schemas, schemas[`${typeName}Output`] ?? {}) ?? [];
  const required = fields.filter(({ required }) => required).map(({ name }) => `${key(name)}: …`);
  return required.length === 0 ? "{ … }" : `{ ${required.join(", ")} }`;
}
