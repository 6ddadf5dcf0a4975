import { type ApiModel, type Json, type ResourceModel, refTo } from "../model.ts";
import { soundSampleOf } from "../sample.ts";

/** A call and its response; `undefined` when the definition has no example and none can be generated. */
export interface WireExample {
  readonly input: unknown;
  readonly output: unknown;
  readonly summary?: string;
}

/** The examples of the definition, or one that is made from the schemas. */
export function examplesOf(
  { typeName, examples, isSampleRefused }: ResourceModel,
  { schemas }: ApiModel,
): readonly WireExample[] {
  if (examples.length > 0) {
    return examples.map((one) => ({ ...one, input: shown(one.input), output: shown(one.output) }));
  }
  const sample = (face: string): unknown => shown(soundSampleOf(schemas, { $ref: refTo(typeName + face) }));
  return [
    {
      summary: "Made from the schema.",
      input: isSampleRefused ? undefined : sample("Input"),
      output: sample("Output"),
    },
  ];
}

/** The value, unless a member of it is named `$ref`: readers of OpenAPI follow it as a reference, and fail. */
function shown(value: unknown): unknown {
  return hasReference(value) ? undefined : value;
}

function hasReference(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "$ref") || Object.values(value).some(hasReference);
}

/** The `examples` of a parameter or a media type. */
export function named(
  values: readonly { readonly value: unknown; readonly summary?: string }[],
): Json | undefined {
  const entries = values.flatMap(({ value, summary }, index) =>
    value === undefined ? [] : [[`example${index + 1}`, { summary, value }]],
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
