import { listFields } from "./listed-fields.ts";
import { table } from "./markdown.ts";
import { type JsonSchema, type ResourceModel, refTo, resolve, type Schemas } from "./model.ts";
import { code } from "./print.ts";
import { limitsText, typeText } from "./prose.ts";

/** What a call takes and returns, field by field, as Markdown. */

export function inputTable({ typeName }: ResourceModel, schemas: Schemas): string {
  const fields = listFields(schemas, { $ref: refTo(`${typeName}Input`) });
  const rows = fields.map(({ path, schema, required, when }) => {
    const { default: fallback, ...own } = resolve(schemas, schema);
    const given = fallback === undefined ? "" : code(JSON.stringify(fallback));
    return [
      code(path),
      code(typeText(schemas, schema)),
      required ? "yes" : "no",
      given,
      limitsText(schemas, own),
      when,
      describe(own),
    ];
  });
  return table(["Field", "Type", "Required", "Default", "Limits", "When", "Description"], rows);
}

export function outputTable({ typeName }: ResourceModel, schemas: Schemas): string {
  const fields = listFields(schemas, { $ref: refTo(`${typeName}Output`) });
  const rows = fields.map(({ path, schema, required, when }) => {
    const type = code(typeText(schemas, schema));
    return [code(path), required ? type : `${type}, optional`, when, describe(resolve(schemas, schema))];
  });
  return table(["Field", "Type", "When", "Description"], rows);
}

function describe({ description = "", deprecated }: JsonSchema): string {
  return deprecated === true ? `Deprecated. ${description}` : description;
}
