import { ANSWER, type Followed, type JsonSchema, resolve, type Schemas, unfollowed } from "../model.ts";
import { dereferenced, exampleIn, isJsonObject, type JsonRecord } from "./json.ts";
import type { ForeignSchemas } from "./schemas.ts";

/** What an operation takes in its body. */
export interface RequestBody {
  readonly schema: JsonSchema;
  /** Media type. */
  readonly type: string;
  readonly required: boolean;
  /** Whether its members are members of the input; otherwise the input has it as one member. */
  readonly isObject: boolean;
  readonly example?: unknown;
}

const JSON_TYPE = /^(application\/([^;]*\+)?json\b|\*\/\*|application\/\*)/i;
/** Media types that the client can write, the preferred one first. */
const KINDS = [JSON_TYPE, /^application\/x-www-form-urlencoded/i, /^multipart\/form-data/i, /^text\//i];

/** The body of an operation; a text that says why it cannot be sent; `undefined` when there is none. */
export function requestBodyOf(
  document: JsonRecord,
  operation: JsonRecord,
  schemas: ForeignSchemas,
): RequestBody | string | undefined {
  if (!isJsonObject(operation.requestBody)) return undefined;
  const body = dereferenced(document, operation.requestBody);
  const content = isJsonObject(body.content) ? body.content : {};
  const types = Object.keys(content);
  if (types.length === 0) return undefined;
  const required = body.required === true;
  const type = KINDS.map((kind) => types.find((one) => kind.test(one))).find((one) => one !== undefined);
  if (type === undefined)
    return `its body is ${types.slice(0, 3).join(" or ")}, which this client cannot write`;
  const media = content[type];
  const given = isJsonObject(media) ? (media.schema ?? {}) : {};
  const schema = schemas.convert(given);
  const isJson = JSON_TYPE.test(type);
  const plain = isJson && type.includes("*") ? "application/json" : type;
  const isOpen = Object.keys(schema).length === 0;
  const isForm = !isJson && !/^text\//i.test(type);
  if (isForm && !isParts(type)) {
    const file = filesIn(schemas.known, schema).find(({ required }) => required);
    if (file !== undefined) return `its body needs the file "${file.name}", which this client cannot send`;
  }
  const example = exampleIn(document, media) ?? exampleIn(document, given);
  const isMembers = isForm || (isJson && (isOpen || isObject(schemas.known, schema)));
  return {
    schema: isMembers && isOpen ? { type: "object", additionalProperties: true } : schema,
    type: plain,
    required,
    isObject: isMembers,
    ...(example === undefined ? {} : { example }),
  };
}

/** Whether a form can have files. */
export function isParts(type: string): boolean {
  return /^multipart\//i.test(type);
}

/** The schema of a file, or of a list of files, in a form. */
export function fileSchema(schemas: Schemas, schema: JsonSchema): JsonSchema {
  const { type, items, description } = resolve(schemas, schema);
  const about = description === undefined ? {} : { description };
  if (type === "array" && typeof items === "object")
    return { ...about, type: "array", items: fileSchema(schemas, items) };
  return { ...about, type: "string", [ANSWER]: "file" };
}

/** The members of a form that are files. */
export function filesIn(
  schemas: Schemas,
  schema: JsonSchema,
): { readonly name: string; readonly required: boolean }[] {
  const { properties = {}, required = [] } = resolve(schemas, schema);
  return Object.entries(properties)
    .filter(([, member]) => isFile(schemas, member))
    .map(([name]) => ({ name, required: required.includes(name) }));
}

function isFile(schemas: Schemas, schema: JsonSchema): boolean {
  const { format, items, type } = resolve(schemas, schema);
  if (type === "array" && typeof items === "object") return isFile(schemas, items);
  return type === "string" && format === "binary";
}

/** Whether every value of a schema can be an object. */
function isObject(schemas: Schemas, schema: JsonSchema, followed: Followed = new Set(), depth = 0): boolean {
  if (depth > 32) return false;
  const { type, anyOf, oneOf, allOf, properties } = resolve(schemas, schema);
  const options = anyOf ?? oneOf;
  const parts = options ?? allOf;
  if (parts !== undefined) {
    return unfollowed(parts, followed).every((part) => isObject(schemas, part, followed, depth + 1));
  }
  return type === "object" || (type === undefined && properties !== undefined);
}

/** What an operation answers. */
export interface Output {
  readonly schema: JsonSchema;
  /** Media types. Absent for JSON. */
  readonly produces?: readonly string[];
}

const EVENTS = /^text\/event-stream/i;
const TEXT_TYPE = /^(text\/|application\/([^;]*\+)?(xml|yaml)\b)/i;

/** What an operation answers with any status 2xx; JSON where it has the choice. */
export function outputOf(document: JsonRecord, { responses }: JsonRecord, schemas: ForeignSchemas): Output {
  const all = isJsonObject(responses) ? responses : {};
  const found = Object.keys(all)
    .filter((status) => /^2(\d\d|XX)$/i.test(status))
    .sort()
    .map((status) => all[status])
    .filter(isJsonObject)
    .map((response) => dereferenced(document, response).content)
    .filter(isJsonObject)
    .filter((content) => Object.keys(content).length > 0);
  const content = found.find((one) => Object.keys(one).some((type) => JSON_TYPE.test(type))) ?? found[0];
  if (content === undefined) return { schema: {} };
  const types = Object.keys(content);
  const json = types.find((type) => JSON_TYPE.test(type));
  if (json !== undefined) {
    const media = content[json];
    return { schema: schemas.convert(isJsonObject(media) ? media.schema : undefined) };
  }
  const kinds = new Set(
    types.map((type) => (EVENTS.test(type) ? "events" : TEXT_TYPE.test(type) ? "text" : "bytes")),
  );
  const [kind] = kinds;
  const isOne = kinds.size === 1;
  const schema =
    !isOne || kind === undefined ? {} : kind === "text" ? { type: "string" } : { [ANSWER]: kind };
  return { schema, produces: types };
}
