import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { didYouMean } from "../mistake.ts";
import {
  type ApiModel,
  type Field,
  fieldsOf,
  isClosed,
  type JsonSchema,
  type ResourceModel,
  refTo,
  type Schemas,
  takesMore,
} from "../model.ts";
import { kindText, limitsText, typeText } from "../prose.ts";
import { CommandError } from "./command.ts";
import { diskText } from "./disk.ts";
import { sayNote } from "./say.ts";

export interface InputFlags {
  /** JSON, `@file` that holds it, or `-` for standard input. */
  readonly input?: string;
  /** `name=value` pairs, which override `input`. */
  readonly field?: readonly string[];
}

/** The options of `call`. */
export interface CallFlags extends InputFlags {
  readonly from?: string;
  readonly baseUrl?: string;
  /** Maximum price of the call in US dollars. */
  readonly max?: string;
  /** The same under another name. */
  readonly maxPrice?: string;
  /** `Name: value` of request headers. */
  readonly header?: readonly string[];
  readonly yes?: boolean;
  readonly json?: boolean;
  /** File to write the output to. */
  readonly output?: string;
  readonly idempotencyKey?: string;
  /** Other hosts by which the seller may name itself. */
  readonly resourceHost?: readonly string[];
  /** Id of a job to resume. */
  readonly resume?: string;
  /** Buy again although a paid call for this input is still open. */
  readonly again?: boolean;
  /** RPC URL of the network that the payment uses. */
  readonly rpc?: string;
  /** Folder that stores paid calls which are still open. */
  readonly calls?: string;
}

type Input = Readonly<Record<string, unknown>>;

/** Reads the input of a call. @throws CommandError, which lists the fields */
export async function readCallInput(
  flags: InputFlags,
  model: ApiModel,
  resource: ResourceModel,
): Promise<Input> {
  const fields = fieldsOf(model.schemas, inputOf(resource));
  const wrong = (problem: string): CommandError =>
    new CommandError(`${problem}\n${fieldsText(model, resource)}`, 2);
  const whole = flags.input === undefined ? {} : parsed(await written(flags.input), wrong);
  const known = (names: readonly string[]): void => {
    const problem = unknownFields(model, resource, names);
    if (problem !== undefined) throw wrong(problem);
    const doubt = unconfirmedFields(model, resource, names);
    if (doubt !== undefined) sayNote(doubt);
  };
  known(Object.keys(whole));
  const input: Record<string, unknown> = { ...whole };
  // An own member, whatever its name: `__proto__` would set the prototype.
  const put = (name: string, value: unknown): void => {
    Object.defineProperty(input, name, { value, enumerable: true, configurable: true, writable: true });
  };
  const lists = new Map<string, unknown[]>();
  for (const pair of flags.field ?? []) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw wrong(`--field "${pair}" has no value. Write name=value: --field prompt="a lighthouse"`);
    }
    known([name]);
    const field = fields?.find((one) => one.name === name);
    const read = fieldValue(model.schemas, field?.schema ?? {}, value);
    if (!isList(model.schemas, field) || Array.isArray(read)) {
      put(name, read);
      continue;
    }
    // Repeating a list field adds entries to the list.
    const list = [...(lists.get(name) ?? []), read];
    lists.set(name, list);
    put(name, list);
  }
  const missing = (fields ?? []).filter(({ name, required }) => required && !Object.hasOwn(input, name));
  if (missing.length > 0) {
    throw wrong(`${resource.name} needs ${missing.map(({ name }) => `"${name}"`).join(" and ")}.`);
  }
  return input;
}

/** Names unknown fields, with suggestions. A seller would ignore them and still charge. */
export function unknownFields(
  { schemas, isForeign }: ApiModel,
  resource: ResourceModel,
  given: readonly string[],
): string | undefined {
  const input = inputOf(resource);
  const names = fieldsOf(schemas, input)?.map(({ name }) => name);
  const isOpen = isForeign ? !isClosed(schemas, input) : takesMore(schemas, input);
  if (names === undefined || isOpen) return undefined;
  const text = strangersText(names, given, ", and no ");
  return text === "" ? undefined : `${resource.name} has no field ${text}.`;
}

/** Names fields that a third-party document does not declare although it allows more fields: they may be misspelt. */
function unconfirmedFields(
  { schemas, isForeign }: ApiModel,
  resource: ResourceModel,
  given: readonly string[],
): string | undefined {
  const input = inputOf(resource);
  const names = fieldsOf(schemas, input)?.map(({ name }) => name);
  if (!isForeign || names === undefined || takesMore(schemas, input)) return undefined;
  const text = strangersText(names, given, " and ");
  return text === ""
    ? undefined
    : `The document of ${resource.name} does not declare ${text}. The input is sent unchanged.`;
}

function strangersText(names: readonly string[], given: readonly string[], between: string): string {
  const unknown = given.filter((name) => !names.includes(name));
  return unknown.map((name) => `"${name}"${didYouMean(name, names)}`).join(between);
}

/** The fields of a resource's input, one per line, with type, limits and default. */
export function fieldsText({ schemas }: ApiModel, resource: ResourceModel): string {
  const fields = fieldsOf(schemas, inputOf(resource));
  if (fields === undefined) return `${resource.name} takes ${typeText(schemas, inputOf(resource))}.`;
  if (fields.length === 0) return `${resource.name} takes no input: --input '{}'`;
  const width = Math.max(...fields.map(({ name }) => name.length));
  const lines = fields.map(({ name, schema, required }) => {
    const limits = limitsText(schemas, schema);
    const rule = required
      ? "required"
      : schema.default === undefined
        ? "optional"
        : `default ${JSON.stringify(schema.default)}`;
    const about = schema.description === undefined ? "" : `  ${schema.description}`;
    const kind = [typeText(schemas, schema), ...(limits === "" ? [] : [limits]), rule].join(", ");
    return `  ${name.padEnd(width)}  ${kind}${about === "" ? "" : `\n  ${" ".repeat(width)}${about}`}`;
  });
  return [`Fields of ${resource.name}:`, ...lines].join("\n");
}

function inputOf({ typeName }: ResourceModel): JsonSchema {
  return { $ref: refTo(`${typeName}Input`) };
}

async function written(given: string): Promise<string> {
  if (given === "-") return text(process.stdin);
  if (!given.startsWith("@")) return given;
  const file = given.slice(1);
  return readFile(file, "utf8").catch((error: unknown) => {
    throw new CommandError(`The input cannot be read. ${diskText(error, file)}`, 2);
  });
}

function parsed(json: string, wrong: (problem: string) => CommandError): Input {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw wrong(`The input is not valid JSON: ${error instanceof Error ? error.message : error}.`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Input;
  throw wrong(`The input is not an object. Write one: --input '{"prompt": "a lighthouse"}'`);
}

/** Converts a flag's text to the type of the field. Text that does not convert is sent unchanged, so the seller rejects it. */
function fieldValue(schemas: Schemas, schema: JsonSchema, given: string): unknown {
  const kind = kindText(schemas, schema);
  if (kind === "string") return given;
  if (kind === "array") {
    // The text is the whole list as JSON, or one entry.
    const whole = jsonOf(given);
    if (Array.isArray(whole)) return whole;
    return typeof schema.items === "object" ? fieldValue(schemas, schema.items, given) : (whole ?? given);
  }
  return jsonOf(given) ?? given;
}

function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return undefined;
  }
}

function isList(schemas: Schemas, field: Field | undefined): boolean {
  return field !== undefined && kindText(schemas, field.schema) === "array";
}
