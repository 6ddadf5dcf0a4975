import type { ResourceDefinition } from "../../schema/api.ts";
import { pricedFields, priceOf } from "../../schema/price.ts";
import { type Schema, validate } from "../../schema/standard.ts";
import type { MistakeReport } from "../mistake.ts";

/**
 * Validates the examples against the schemas, as the server would. `outputs`: whether to validate the outputs too.
 * An output cannot be validated when the handler returns something other than what the buyer receives.
 */
export async function checkExamples(
  path: string,
  { input, output, price, examples = [] }: ResourceDefinition,
  outputs: boolean,
  report: MistakeReport,
): Promise<void> {
  for (const [index, example] of examples.entries()) {
    const at = `${path}.examples.${index}`;
    const value = await checkValue(`${at}.input`, input, example.input, report);
    if (outputs) await checkValue(`${at}.output`, output, example.output, report);
    if (typeof value !== "object" || value === null) continue;
    for (const field of pricedFields(price)) {
      const written = (example.input as Readonly<Record<string, unknown>>)[field];
      const validated = (value as Readonly<Record<string, unknown>>)[field];
      if (written === undefined || JSON.stringify(written) === JSON.stringify(validated)) continue;
      const problem = `validation changes "${field}", so buyers cannot compute the price from what they send`;
      report(`${path}.price`, problem, "price by a field that validation does not change");
    }
    try {
      priceOf(price, value);
    } catch (error) {
      report(`${at}.input`, `has no price: ${(error as Error).message}`, "fix the example or the price");
    }
  }
}

/**
 * Whether the input that documents make up is refused by the server: a check that no schema can state stands behind it.
 * `undefined` when it is not; otherwise the reason.
 */
export async function refusedSample(input: Schema, sample: unknown): Promise<string | undefined> {
  try {
    const result = await validate(input, sample);
    if ("value" in result) return undefined;
    const [first] = result.issues;
    return first === undefined ? "it is refused" : [first.path, first.message].filter(Boolean).join(": ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function checkValue(
  path: string,
  schema: Schema,
  value: unknown,
  report: MistakeReport,
): Promise<unknown> {
  const result = await validate(schema, value);
  if ("value" in result) return result.value;
  for (const issue of result.issues) {
    report(
      issue.path === "" ? path : `${path}.${issue.path}`,
      issue.message,
      "fix the example or the schema",
    );
  }
  return undefined;
}
