import { walk } from "./convert/walk.ts";
import { table } from "./markdown.ts";
import { type JsonSchema, type ResourceModel, refTo, resolve, type Schemas } from "./model.ts";
import { code } from "./print.ts";
import { limitsText, typeText } from "./prose.ts";

/** What a call takes and returns, field by field, as Markdown. */

export function inputTable({ typeName }: ResourceModel, schemas: Schemas): string {
  const rows: string[][] = [];
  walk(schemas, { $ref: refTo(`${typeName}Input`) }, ({ path, schema, required }) => {
    const { default: fallback, ...own } = resolve(schemas, schema);
    const given = fallback === undefined ? "" : code(JSON.stringify(fallback));
    rows.push([
      code(path),
      code(typeText(schemas, schema)),
      required ? "yes" : "no",
      given,
      limitsText(schemas, own),
      describe(own),
    ]);
  });
  return table(["Field", "Type", "Required", "Default", "Limits", "Description"], rows);
}

export function outputTable({ typeName }: ResourceModel, schemas: Schemas): string {
  const rows: string[][] = [];
  walk(schemas, { $ref: refTo(`${typeName}Output`) }, ({ path, schema, required }) => {
    const type = code(typeText(schemas, schema));
    rows.push([code(path), required ? type : `${type}, optional`, describe(resolve(schemas, schema))]);
  });
  return table(["Field", "Type", "Description"], rows);
}

function describe({ description = "", deprecated }: JsonSchema): string {
  return deprecated === true ? `Deprecated. ${description}` : description;
}
