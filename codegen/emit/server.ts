import { textKind } from "../check/routes.ts";
import { type ApiModel, fieldsOf, type ResourceModel, type Schemas } from "../model.ts";
import { banner, imports, jsdoc, key, literal, string, suffixOf } from "../print.ts";
import { cancelText, insteadOf, runText } from "../prose.ts";

/** `server.gen.ts`: what a seller fills in. `definition` is the specifier of the definition's module. */
export function emitServer(model: ApiModel, definition: string): string {
  const { resources, schemas } = model;
  const quoted = resources.filter(({ price }) => price.kind === "quoted");
  const inferring = resources.flatMap(({ inferred }) => inferred);
  const library = [
    "type Documents",
    ...(resources.some(({ job }) => job === undefined) ? ["type Handler"] : []),
    ...(resources.some(({ job }) => job !== undefined) ? ["type JobHandler"] : []),
    ...(quoted.length > 0 ? ["type Quote"] : []),
    "type Server",
    "type ServerOptions",
    "serve",
  ];
  const language = [
    ...(inferring.includes("Result") ? ["InputOf"] : []),
    ...(inferring.includes("Args") ? ["OutputOf"] : []),
  ];
  const faces = resources.flatMap(({ typeName, inferred }) =>
    (["Args", "Result"] as const).filter((face) => !inferred.includes(face)).map((face) => typeName + face),
  );
  const header = [
    `// ${banner(model.source)}\n`,
    imports("import type", language, "resource402"),
    imports("import", library, "resource402/server"),
    `import api from ${string(definition)};\n`,
    imports("import type", faces, `./types.gen${suffixOf(definition)}`),
  ].join("");
  const documents = resources.map((resource) => document(resource, schemas)).join("");
  return [
    header,
    ...resources.flatMap(inferredTypes),
    `${jsdoc(["One function for each resource."])}export interface Handlers {\n${resources.map(handler).join("\n")}}\n`,
    ...(quoted.length > 0 ? [quotes(quoted)] : []),
    factory(model, quoted.length > 0, definition),
    `const documents: Documents = {\n${documents}};\n`,
    ...(model.definitionHash === undefined ? [] : [hash(model.definitionHash)]),
  ].join("\n");
}

function hash(definitionHash: string): string {
  const doc = jsdoc([
    "Of the definition that this file was generated from. The server does not start with another one.",
  ]);
  return `${doc}const definitionHash = ${string(definitionHash)};\n`;
}

function factory({ title, definitionHash }: ApiModel, hasQuotes: boolean, definition: string): string {
  const options = `ServerOptions<Handlers>${hasQuotes ? " & { readonly quotes: Quotes }" : ""}`;
  const doc = jsdoc([`Serves ${title}. The options say how it is paid and where calls are kept.`]);
  const published = `() => import(${string(`./published.gen${suffixOf(definition)}`)})`;
  return `${doc}export function createServer(options: ${options}): Server {
  return serve(api, documents, options, ${published}${definitionHash === undefined ? "" : ", definitionHash"});
}
`;
}

/** Types that only the definition itself can tell. */
function inferredTypes({ name, typeName, inferred }: ResourceModel): string[] {
  const about = {
    Args: [
      `What the handler of \`${name}\` is given: validated, with defaults filled in.`,
      "OutputOf",
      "input",
    ],
    Result: [`What the handler of \`${name}\` returns.`, "InputOf", "output"],
  } as const;
  return inferred.map((face) => {
    const [doc, side, member] = about[face];
    const type = `${side}<(typeof api)["resources"][${string(name)}]["${member}"]>`;
    return `${jsdoc([doc])}export type ${typeName}${face} = ${type};\n`;
  });
}

function handler(resource: ResourceModel): string {
  const { name, typeName, summary, job, price, charge, errors, deprecated } = resource;
  const codes = errors.map(({ code }) => string(code));
  const paid =
    price.kind === "free"
      ? "Free of charge."
      : charge === "after"
        ? "Charged only when it returns."
        : "Runs once it has been paid; when it fails, a refund is owed.";
  const run = job && `Runs as a job, ${runText(job)}. ${paid} ${cancelText(resource)}`.trimEnd();
  const tag = deprecated === undefined ? [] : ["", `@deprecated ${insteadOf(deprecated)}`.trimEnd()];
  const type = job === undefined ? "Handler" : "JobHandler";
  const parameters = [
    `${typeName}Args`,
    `${typeName}Result`,
    ...(codes.length > 0 ? [codes.join(" | ")] : []),
  ];
  const doc = jsdoc([summary, "", run ?? paid, ...tag], "  ");
  return `${doc}  readonly ${name}: ${type}<${parameters.join(", ")}>;\n`;
}

function quotes(resources: readonly ResourceModel[]): string {
  const members = resources.map(({ name, typeName, priceBounds: { min, max } }) => {
    const doc = jsdoc([`Computes the price in US dollars, held inside $${min} to $${max}.`], "  ");
    return `${doc}  readonly ${name}: Quote<${typeName}Args>;\n`;
  });
  const doc = jsdoc(["One function for each price that the server computes."]);
  return `${doc}export interface Quotes {\n${members.join("\n")}}\n`;
}

function document(resource: ResourceModel, schemas: Schemas): string {
  const { name, typeName, method, path, pathParams, priceBounds } = resource;
  const fields = fieldsOf(schemas, schemas[`${typeName}Input`] ?? {}) ?? [];
  const asText = fields.filter(({ name }) => method === "GET" || pathParams.includes(name));
  const kinds = asText.map(({ name, schema }) => [name, textKind(schemas, schema)]);
  const document = {
    method,
    path,
    maxPrice: priceBounds.max,
    fields: kinds.length === 0 ? undefined : Object.fromEntries(kinds),
  };
  return `  ${key(name)}: ${literal(document, "  ", `${key(name)}: `)},\n`;
}
