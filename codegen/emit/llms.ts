import { durationText } from "../../schema/duration.ts";
import { listFields } from "../listed-fields.ts";
import { blocks, fenced } from "../markdown.ts";
import {
  type ApiModel,
  type JsonSchema,
  type ResourceModel,
  refTo,
  resolve,
  type Schemas,
} from "../model.ts";
import { banner, code } from "../print.ts";
import { aboutResource, guidance, insteadOf, limitsText, typeText } from "../prose.ts";
import { sampleOf } from "../sample.ts";

/** `llms.txt`: one page from which an agent can act. What, for how much, how to call, how to wait. */
export function emitLlms(model: ApiModel): string {
  const { title, version, description, resources, servers } = model;
  const baseUrl = servers[0]?.url ?? "https://api.example.com";
  return blocks(
    `# ${title}`,
    `> ${description.replace(/\s*\n\s*/g, " ")}`,
    `Base URL: ${baseUrl}`,
    `Version: ${version}. The same for programs: [openapi.json](openapi.json).`,
    "## How to call, pay and wait",
    guidance(model)
      .map((line) => `- ${line}`)
      .join("\n"),
    ...resources.map((resource) => section(resource, model.schemas)),
    `<!-- ${banner(model.source)} -->`,
  );
}

function section(resource: ResourceModel, schemas: Schemas): string {
  const { name, typeName, summary, deprecated, method, path, job, errors, examples } = resource;
  const face = (face: string): JsonSchema => ({ $ref: refTo(typeName + face) });
  const input = examples[0]?.input ?? sampleOf(schemas, face("Input"));
  const kept = job === undefined ? "" : ` The result is kept for ${durationText(job.retentionMs)}.`;
  return blocks(
    `## ${name}`,
    fenced("http", `${method} ${path.replace(/:([A-Za-z0-9_]+)/g, "{$1}")}`),
    deprecated === undefined ? "" : `Deprecated. ${insteadOf(deprecated)}`,
    summary,
    aboutResource(resource).join("\n") + kept,
    `Input:\n\n${fields(schemas, face("Input"), "required")}`,
    `Example input: ${code(JSON.stringify(input))}`,
    `Output:\n\n${fields(schemas, face("Output"), "optional")}`,
    errors.length === 0
      ? ""
      : `Fails with:\n\n${errors.map(({ code: word, text }) => `- ${code(word)}: ${text}`).join("\n")}`,
  );
}

/** `mark`: which fields to mark, the required or the optional ones. */
function fields(schemas: Schemas, schema: JsonSchema, mark: "required" | "optional"): string {
  const lines = listFields(schemas, schema).map(({ path, schema, required, when }) => {
    const { default: fallback, description = "", ...own } = resolve(schemas, schema);
    const facts = [
      typeText(schemas, schema),
      ...(required === (mark === "required") ? [mark] : []),
      ...(fallback === undefined ? [] : [`default ${JSON.stringify(fallback)}`]),
      ...[limitsText(schemas, own)].filter((text) => text !== ""),
      ...(when === "" ? [] : [`when ${when}`]),
    ];
    return `- ${code(path)} (${facts.join(", ")}): ${description.replace(/\s*\n\s*/g, " ")}`;
  });
  return lines.length === 0 ? "Nothing." : lines.join("\n");
}
