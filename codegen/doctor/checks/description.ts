import { isRecord } from "../../../src/protocol/index.ts";
import { type Check, fault, faults, PASSED, skipped } from "../check.ts";
import { fitDefaultsOf, objectionTo } from "../fit.ts";
import type { OperationField } from "../operation.ts";
import { typesOf } from "../schema.ts";
import { shown } from "../wire.ts";

const NO_SHAPE = "no document describes the input";

export const DESCRIPTION_CHECKS: readonly Check[] = [
  {
    id: "describes-resource",
    title: "The resource has a description",
    severity: "warning",
    scope: "resource",
    why: "Agents choose resources by their description, and marketplaces show it.",
    source: "x402 v2 §5.1 ResourceInfo.description; v1 accepts[].description",
    fix: "Describe in one sentence what the buyer gets.",
    look: ({ challenge, operation }) => {
      const { v1, v2 } = challenge;
      if (challenge.offers.length === 0) return skipped("there is no challenge");
      const resource = isRecord(v2) && isRecord(v2.resource) ? v2.resource : {};
      const old = v1 && Array.isArray(v1.accepts) && isRecord(v1.accepts[0]) ? v1.accepts[0] : {};
      const said = [
        resource.description,
        old.description,
        operation.documented?.operation.summary,
        operation.documented?.operation.description,
      ];
      return said.some((one) => typeof one === "string" && one.trim() !== "")
        ? PASSED
        : fault(
            "Neither the challenge nor a document describes the resource.",
            `resource: ${shown(JSON.stringify(resource))}`,
          );
    },
  },
  {
    id: "describes-input",
    title: "Every input field has a description",
    severity: "warning",
    scope: "resource",
    why: "A buyer who does not know what to send pays for a failed attempt, or does not buy.",
    source: "practice; bazaar extension, outputSchema (v1) or openapi.json",
    fix: "Publish a schema of the input in openapi.json and in the bazaar extension, with a description for every field.",
    look: ({ shape, challenge }) => {
      if (challenge.offers.length === 0) return skipped("there is no challenge");
      if (!shape)
        return fault(
          "No document describes the input.",
          "no openapi.json operation, bazaar extension or outputSchema",
        );
      const bare = shape.fields.filter(({ schema }) => !schema.description);
      return bare.length === 0
        ? PASSED
        : fault(
            `${names(bare)} ${bare.length === 1 ? "has" : "have"} no description in ${shape.source}.`,
            evidence(bare),
          );
    },
  },
  {
    id: "describes-limits",
    title: "Every string and list has a maximum length",
    severity: "warning",
    scope: "resource",
    why: "Without a limit, the buyer learns it only by paying, and the seller has to process inputs of any size.",
    source: "practice; JSON Schema validation §6.3 and §6.4",
    fix: "Add maxLength (or enum, format, pattern) to strings and maxItems to lists.",
    look: ({ shape }) => {
      if (!shape) return skipped(NO_SHAPE);
      if (!shape.hasLimits) return skipped(`${shape.source} cannot express limits`);
      const bare = shape.fields.filter(({ place, schema }) => place !== "path" && isUnlimited(schema));
      return bare.length === 0
        ? PASSED
        : fault(
            `${names(bare)} ${bare.length === 1 ? "has" : "have"} no limit in ${shape.source}.`,
            evidence(bare),
          );
    },
  },
  {
    id: "describes-defaults",
    title: "Every default is valid for its own schema",
    severity: "error",
    scope: "resource",
    why: "Forms and generated clients send the default. The server then refuses a value that the buyer never chose.",
    source: "JSON Schema validation §9.2 default",
    fix: "Publish the default that the server uses, and make the schema allow it.",
    look: ({ shape }) => {
      if (!shape) return skipped(NO_SHAPE);
      const all = [
        ...shape.fields.flatMap(({ name, schema }) => fitDefaultsOf(name, schema)),
        ...(shape.body ? fitDefaultsOf("input", shape.body) : []),
      ];
      return faults(
        all.flatMap(({ path, schema }) => {
          const objection = objectionTo(schema.default, schema);
          return objection === undefined
            ? []
            : [
                {
                  what: `The default of ${path} in ${shape.source} is not valid: ${objection}.`,
                  evidence: `${path}: ${shown(JSON.stringify(schema), 200)}`,
                },
              ];
        }),
      );
    },
  },
  {
    id: "describes-absence",
    title: "Every optional choice documents its default",
    severity: "info",
    scope: "resource",
    why: "A buyer who omits the field does not know which variant they pay for.",
    source: "practice; JSON Schema validation §9.2 default",
    fix: "Add a default, or describe what happens without the field.",
    look: ({ shape }) => {
      if (!shape) return skipped(NO_SHAPE);
      if (!shape.hasLimits) return skipped(`${shape.source} cannot express defaults`);
      const silent = shape.fields.filter((field) => !field.required && isSilentChoice(field.schema));
      return silent.length === 0
        ? PASSED
        : fault(`${shape.source} does not document the default of ${names(silent)}.`, evidence(silent));
    },
  },
  {
    id: "describes-output",
    title: "The response is documented",
    severity: "info",
    scope: "resource",
    why: "Buyers write code for the response. Without its schema they have to pay once to see it.",
    source: "practice; bazaar extension output, outputSchema (v1) or responses of openapi.json",
    fix: "Publish the schema of the response, or an example.",
    look: ({ challenge, operation }) => {
      if (challenge.offers.length === 0) return skipped("there is no challenge");
      const { v1, v2 } = challenge;
      const bazaar = isRecord(v2) && isRecord(v2.extensions) ? v2.extensions.bazaar : undefined;
      const info = isRecord(bazaar) && isRecord(bazaar.info) ? bazaar.info : {};
      const first = v1 && Array.isArray(v1.accepts) && isRecord(v1.accepts[0]) ? v1.accepts[0] : {};
      const old = isRecord(first.outputSchema) ? first.outputSchema : {};
      const responses = operation.documented?.operation.responses;
      const documented = Object.entries(isRecord(responses) ? responses : {}).some(
        ([status, one]) =>
          status === "204" ||
          (status.startsWith("2") && isRecord(one) && (isRecord(one.content) || one.$ref !== undefined)),
      );
      return documented || info.output !== undefined || (old.output !== undefined && old.output !== null)
        ? PASSED
        : fault(
            "Neither the challenge nor a document describes the response.",
            "no response schema, bazaar output or outputSchema.output",
          );
    },
  },
];

function isUnlimited(schema: OperationField["schema"]): boolean {
  if (schema.enum !== undefined || schema.const !== undefined) return false;
  const alternatives = [schema.anyOf, schema.oneOf].find(Array.isArray) as
    | OperationField["schema"][]
    | undefined;
  if (alternatives) return alternatives.some(isUnlimited);
  const types = typesOf(schema);
  if (types.includes("string")) {
    return [schema.maxLength, schema.format, schema.pattern].every((one) => one === undefined);
  }
  return types.includes("array") && schema.maxItems === undefined;
}

/** Words that suggest that a description documents the default. This is a guess, so the finding is only `info`. */
const OF_ABSENCE =
  /default|left out|leave|omit|absen|without|unless|otherwise|\bif not\b|\bnot (set|given|sent)\b/i;

function isSilentChoice(schema: OperationField["schema"]): boolean {
  const isChoice = Array.isArray(schema.enum) && schema.enum.length > 1;
  return isChoice && !("default" in schema) && !OF_ABSENCE.test(String(schema.description));
}

function names(fields: readonly OperationField[]): string {
  const listed = fields.map(({ name }) => name);
  return listed.length > 5
    ? `${listed.slice(0, 5).join(", ")} and ${listed.length - 5} more`
    : listed.join(", ");
}

function evidence(fields: readonly OperationField[]): string {
  return fields
    .slice(0, 3)
    .map(({ name, schema }) => `${name}: ${shown(JSON.stringify(schema), 120)}`)
    .join("\n");
}
