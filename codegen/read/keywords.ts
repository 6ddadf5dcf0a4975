type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isTruth: Check = (value) => typeof value === "boolean";
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];
const isType: Check = (value) =>
  TYPES.includes(value as string) ||
  (Array.isArray(value) && value.length > 0 && value.every((one) => TYPES.includes(one)));

/** Keywords that are copied unchanged when their value is valid. */
export const PLAIN: ReadonlyMap<string, Check> = new Map(
  Object.entries({
    type: isType,
    title: isText,
    description: isText,
    format: isText,
    pattern: isText,
    default: (value) => value !== undefined,
    const: (value) => value !== undefined,
    deprecated: isTruth,
    uniqueItems: isTruth,
    enum: (value) => Array.isArray(value) && value.length > 0,
    examples: Array.isArray,
    required: isTexts,
    minLength: isNumber,
    maxLength: isNumber,
    minimum: isNumber,
    maximum: isNumber,
    exclusiveMinimum: isNumber,
    exclusiveMaximum: isNumber,
    multipleOf: isNumber,
    minItems: isNumber,
    maxItems: isNumber,
  }),
);

/** Keywords that hold one schema. */
export const ONE = new Set(["items", "additionalProperties", "propertyNames"]);

/** Keywords that hold a list of schemas. */
export const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);

/** Maximum nesting, so that a document cannot exhaust the stack. */
export const MAX_DEPTH = 64;
