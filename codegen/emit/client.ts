import { callDefinition } from "../call-definition.ts";
import { type ApiModel, compareText, type ResourceModel } from "../model.ts";
import { banner, imports, jsdoc, key, literal } from "../print.ts";
import { aboutResource, insteadOf } from "../prose.ts";

const BUDGET = "Where the money of this client is: spent, held by payments that may still settle, and free.";
const PENDING = "Calls that were signed for and have not ended, to be resumed without signing again.";

/** `client.gen.ts`: what a buyer imports. */
export function emitClient(model: ApiModel): string {
  const { resources } = model;
  const factories = [...new Set(resources.map(kindOf))].sort(compareText);
  const library = [
    "type ClientOptions",
    "type Connection",
    "connect",
    ...(factories.includes("jobResource") ? ["type JobResource"] : []),
    "type PendingCall",
    ...(factories.includes("resource") ? ["type Resource"] : []),
  ];
  const faces = resources.flatMap(({ typeName }) => [`${typeName}Input`, `${typeName}Output`]);
  const opening = `Connects to ${model.title}. The options say where it is, who pays, and how much at most.`;
  return `// ${banner(model.source)}
${imports("import", library, "resource402/client")}${imports("import type", faces, "./types.gen.js")}
export type * from "./types.gen.js";

${jsdoc([model.description])}export interface Client {
${resources.map(member).join("\n")}
${jsdoc([PENDING], "  ")}  pending(): Promise<readonly PendingCall[]>;
${jsdoc([BUDGET], "  ")}  budget: Connection["budget"];
}

${jsdoc([opening])}export function createClient(options: ClientOptions): Client {
  const { ${["budget", ...factories, "pending"].sort(compareText).join(", ")} } = connect(options);
  return {
${resources.map(construction).join("")}    pending,
    budget,
  };
}
`;
}

function kindOf({ job }: ResourceModel): string {
  return job === undefined ? "resource" : "jobResource";
}

function member(resource: ResourceModel): string {
  const { name, typeName, summary, errors, deprecated } = resource;
  const type = resource.job === undefined ? "Resource" : "JobResource";
  const fails = errors.map(({ code, text }) => `Fails with \`${code}\`: ${text}`);
  const tag = deprecated === undefined ? [] : ["", `@deprecated ${insteadOf(deprecated)}`.trimEnd()];
  const doc = jsdoc([summary, "", ...aboutResource(resource), ...fails, ...tag], "  ");
  return `${doc}  readonly ${name}: ${type}<${typeName}Input, ${typeName}Output>;\n`;
}

function construction(resource: ResourceModel): string {
  const before = `${key(resource.name)}: ${kindOf(resource)}(`;
  return `    ${before}${literal(callDefinition(resource), "    ", `${before})`)}),\n`;
}
