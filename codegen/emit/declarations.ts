import type { GlobalContext, SchemaObject } from "openapi-typescript";
import type ts from "typescript";
import {
  ANSWER,
  type ApiModel,
  compareText,
  type JsonSchema,
  refName,
  resolve,
  type Schemas,
} from "../model.ts";
import { banner, jsdoc, jsonText } from "../print.ts";
import { limitsText } from "../prose.ts";
import { loadSchemaTransform, loadTypescript } from "../typescript.ts";

/**
 * `types.gen.ts`: named interfaces for buyers and handlers. openapi-typescript turns schemas into types;
 * names, comments and tuples are ours.
 */
export function emitTypes(model: ApiModel): string {
  const ts = loadTypescript();
  const transformSchemaObject = loadSchemaTransform();
  const schemas: Schemas = { ...model.schemas, ...model.handlerSchemas };
  const printer = ts.createPrinter({ newLine: ts.NewLineKind.LineFeed });
  const file = ts.createSourceFile("types.gen.ts", "", ts.ScriptTarget.ESNext);
  const print = (node: ts.Node): string =>
    printer
      .printNode(ts.EmitHint.Unspecified, node, file)
      .replace(/^(?: {4})+/gm, (indent) => " ".repeat(indent.length / 2));

  /** `components["schemas"]["Address"]` is `Address`. */
  const named = (type: ts.TypeNode): ts.TypeNode | undefined =>
    ts.isIndexedAccessTypeNode(type) &&
    ts.isLiteralTypeNode(type.indexType) &&
    ts.isStringLiteral(type.indexType.literal)
      ? ts.factory.createTypeReferenceNode(type.indexType.literal.text)
      : undefined;
  const members = new Map<ts.PropertySignature, JsonSchema>();
  const footer: ts.Node[] = [];
  const context: Partial<GlobalContext> = {
    defaultNonNullable: false,
    discriminators: { objects: {}, refsHandled: [] },
    injectFooter: footer,
    resolve: <T>(ref: string) => schemas[refName(ref)] as T | undefined,
    postTransform: named,
    // It knows no optional and no further elements of tuples.
    transform: (schema, options) => {
      const { prefixItems, items, minItems = 0, [ANSWER]: answer } = schema as JsonSchema;
      if (answer === "file") {
        const types = ["Blob", "Uint8Array"].map((name) => ts.factory.createTypeReferenceNode(name));
        return ts.factory.createUnionTypeNode(types);
      }
      if (prefixItems === undefined) return undefined;
      const toType = (item: JsonSchema): ts.TypeNode => transformSchemaObject(item as SchemaObject, options);
      const elements = prefixItems.map((item, index) =>
        index < minItems ? toType(item) : ts.factory.createOptionalTypeNode(toType(item)),
      );
      const rest = typeof items === "object" ? [ts.factory.createArrayTypeNode(toType(items))] : [];
      return ts.factory.createTupleTypeNode([...elements, ...rest.map(ts.factory.createRestTypeNode)]);
    },
    transformProperty: ({ modifiers, name, questionToken, type }, schema) => {
      if (ts.isStringLiteral(name)) ts.setEmitFlags(name, ts.EmitFlags.NoAsciiEscaping);
      const own = type && (named(type) ?? type);
      const property = ts.factory.createPropertySignature(modifiers, name, questionToken, own);
      members.set(property, schema as JsonSchema);
      return property;
    },
  };

  const declarations = Object.entries(schemas).sort(([a], [b]) => compareText(a, b));
  const about = new Map(model.resources.flatMap((resource) => Object.entries(facesOf(resource))));
  const blocks = declarations.map(([name, schema]) => {
    const answer = ANSWERS.get(schema[ANSWER]);
    if (answer !== undefined) return `${jsdoc([about.get(name) ?? ""])}export type ${name} = ${answer};`;
    const type = transformSchemaObject(schema as SchemaObject, { ctx: context as GlobalContext });
    for (const [member, schema] of members) comment(ts, member, describe(schemas, schema));
    members.clear();
    const modifiers = [ts.factory.createModifier(ts.SyntaxKind.ExportKeyword)];
    const declaration = ts.isTypeLiteralNode(type)
      ? ts.factory.createInterfaceDeclaration(modifiers, name, undefined, undefined, type.members)
      : ts.factory.createTypeAliasDeclaration(modifiers, name, undefined, type);
    const own = schema.$ref === undefined ? schema.description : undefined;
    const doc = [about.get(name), own].filter((text) => text !== undefined);
    return jsdoc(doc) + print(declaration);
  });
  return [`// ${banner(model.source)}`, ...blocks, ...footer.map(print)].join("\n\n").concat("\n");
}

/** Types of outputs that are not JSON. An event is what `ServerSentEvent` of resource402/client is. */
const ANSWERS: ReadonlyMap<unknown, string> = new Map([
  ["bytes", "Blob"],
  [
    "events",
    "AsyncIterable<{ readonly id: string | undefined; readonly event?: string; readonly data: string }>",
  ],
]);

function facesOf({ name, typeName }: ApiModel["resources"][number]): Readonly<Record<string, string>> {
  return {
    [`${typeName}Input`]: `What \`${name}\` asks for.`,
    [`${typeName}Output`]: `What \`${name}\` answers.`,
    [`${typeName}Args`]: `What the handler of \`${name}\` is given: validated, with defaults filled in.`,
    [`${typeName}Result`]: `What the handler of \`${name}\` returns.`,
  };
}

/** Replaces the comment that openapi-typescript has written. */
function comment(typescript: typeof ts, node: ts.Node, lines: readonly string[]): void {
  const block = jsdoc(lines).trim();
  typescript.setSyntheticLeadingComments(node, undefined);
  if (block === "") return;
  const kind = typescript.SyntaxKind.MultiLineCommentTrivia;
  typescript.addSyntheticLeadingComment(node, kind, block.slice(2, -2), true);
}

function describe(schemas: Schemas, schema: JsonSchema): string[] {
  const { description = "", deprecated, default: fallback } = resolve(schemas, schema);
  const limits = schema.$ref === undefined ? limitsText(schemas, schema) : "";
  const sentence = limits === "" ? "" : `${limits.charAt(0).toUpperCase()}${limits.slice(1)}.`;
  return [
    `${description} ${sentence}`.trim(),
    ...(fallback === undefined ? [] : [`@default ${jsonText(fallback).trim()}`]),
    ...(deprecated === true ? ["@deprecated"] : []),
  ].filter((line) => line !== "");
}
