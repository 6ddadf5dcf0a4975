import { callDefinition } from "../call-definition.ts";
import { type ApiModel, compareText, isJob, type ResourceModel } from "../model.ts";
import { banner, imports, jsdoc, key, literal } from "../print.ts";
import { aboutResource, insteadOf } from "../prose.ts";

const BUDGET = "Where the money of this client is: spent, held by payments that may still settle, and free.";
const PENDING = "Calls that were signed for and have not ended, to be resumed without signing again.";

export interface ClientImports {
  /** The specifier of the client's runtime. @default "resource402/client" */
  readonly runtime?: string;
  /** What follows the name of its neighbor: `.ts`, `.js` or nothing. @default ".js" */
  readonly suffix?: string;
}

/** `client.gen.ts`: what a buyer imports. */
export function emitClient(
  model: ApiModel,
  { runtime = "resource402/client", suffix = ".js" }: ClientImports = {},
): string {
  const { resources } = model;
  const factories = [...new Set(resources.map(kindOf))].sort(compareText);
  const kinds = [...new Set(resources.map(typeOf))].map((type) => `type ${type}`);
  const library = [
    ...["type ClientOptions", "type Connection", "connect"],
    ...[...kinds, "type PendingCall"].sort(compareText),
  ];
  const faces = resources.flatMap(({ typeName }) => [`${typeName}Input`, `${typeName}Output`]);
  const opening = `Connects to ${model.title}. The options say where it is, who pays, and how much at most.`;
  return `// ${banner(model.source)}
${imports("import", library, runtime)}${imports("import type", faces, `./types.gen${suffix}`)}
export type * from "./types.gen${suffix}";
${headersOf(model)}
${jsdoc([model.description])}export interface Client {
${resources.map(member).join("\n")}
${jsdoc([PENDING], "  ")}  pending(): Promise<readonly PendingCall[]>;
${jsdoc([BUDGET], "  ")}  budget: Connection["budget"];
}

${jsdoc([opening])}export function createClient(options: ${optionsOf(model)}): Client {
  const { ${["budget", ...factories, "pending"].sort(compareText).join(", ")} } = connect(options);
  return {
${resources.map(construction).join("")}    pending,
    budget,
  };
}
`;
}

function kindOf(resource: ResourceModel): string {
  return isJob(resource) ? "jobResource" : "resource";
}

/** The interface of the library that a resource has. */
function typeOf(resource: ResourceModel): string {
  return `${isUnpriced(resource) ? "Unpriced" : ""}${isJob(resource) ? "JobResource" : "Resource"}`;
}

function isUnpriced({ price }: ResourceModel): boolean {
  return price.kind === "unknown";
}

const HEADERS = "Request headers that the API asks for beside the payment.";

/** The type of the headers that the buyer gives. */
function headersOf({ headers = [] }: ApiModel): string {
  if (headers.length === 0) return "";
  const members = headers.map(({ name, description, required }) => {
    const about = description === undefined ? "" : jsdoc([description], "  ");
    return `${about}  readonly ${key(name)}${required ? "" : "?"}: string;\n`;
  });
  return `\n${jsdoc([HEADERS])}export interface ApiHeaders {\n${members.join("")}}\n`;
}

function optionsOf({ headers = [] }: ApiModel): string {
  if (headers.length === 0) return "ClientOptions";
  const mark = headers.some(({ required }) => required) ? "" : "?";
  return `ClientOptions & { readonly headers${mark}: ApiHeaders }`;
}

function member(resource: ResourceModel): string {
  const { name, typeName, summary, errors, deprecated } = resource;
  const type = typeOf(resource);
  const fails = errors.map(({ code, text }) => `Fails with \`${code}\`: ${text}`);
  const tag = deprecated === undefined ? [] : ["", `@deprecated ${insteadOf(deprecated)}`.trimEnd()];
  const doc = jsdoc([summary, "", ...aboutResource(resource), ...fails, ...tag], "  ");
  return `${doc}  readonly ${name}: ${type}<${typeName}Input, ${typeName}Output>;\n`;
}

function construction(resource: ResourceModel): string {
  const before = `${key(resource.name)}: ${kindOf(resource)}(`;
  return `    ${before}${literal(callDefinition(resource), "    ", `${before})`)}),\n`;
}
