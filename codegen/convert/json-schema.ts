import { z } from "zod";
import type { Schema } from "../../schema/standard.ts";
import type { JsonSchema } from "../model.ts";

/** The side of a schema: what goes into validation, or what comes out of it. */
export type Face = "input" | "output";

/** A schema as JSON Schema, straight from its library; references are pointers into the document itself. */
export interface Conversion {
  readonly schema: JsonSchema;
  /** Places that JSON Schema cannot hold. When there are any, `schema` is not to be used. */
  readonly gaps: readonly Gap[];
  /** Fields whose default differs between calls; their `default` is left out. */
  readonly volatile: readonly string[];
  /** The members of `$defs` that their author named, so that they can be shared. */
  readonly shared: readonly string[];
  /** Whether the other face is known to be the same, so that it need not be converted. */
  readonly oneFaced: boolean;
}

interface Gap {
  /** Dotted, relative to the schema; empty for the schema as a whole. */
  readonly path: string;
  readonly problem: string;
  readonly fix: string;
}

/** Converts one face of a schema, whatever library it comes from. Never throws. */
export async function toJsonSchema(schema: Schema, face: Face): Promise<Conversion> {
  try {
    const conversion =
      "_zod" in schema
        ? fromZod4(schema, face)
        : "_def" in schema
          ? await fromZod3(schema, face)
          : fromStandard(schema, face);
    const empty = Object.keys(conversion.schema).every((key) => key === "$schema");
    // A schema and the wrappers around it (a description, a default) stand in one place.
    const places = new Map(conversion.gaps.map((gap) => [gap.path, gap]));
    const volatile = [...new Set(conversion.volatile)];
    if (!empty || places.size > 0) return { ...conversion, gaps: [...places.values()], volatile };
    return impossible("does not describe its value", "declare its type, such as z.object({ … })");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return impossible(`cannot be expressed as JSON Schema: ${reason}`, "use a schema of plain JSON values");
  }
}

function impossible(problem: string, fix: string): Conversion {
  return { schema: {}, gaps: [{ path: "", problem, fix }], volatile: [], shared: [], oneFaced: false };
}

const UNREPRESENTABLE: Readonly<Record<string, string>> = {
  bigint: "use z.int(), or z.string() for more digits",
  custom: "use a schema of plain JSON values",
  date: "use z.iso.datetime()",
  function: "remove the field",
  map: "use z.record(…)",
  nan: "remove the field",
  promise: "use the schema of its value",
  set: "use z.array(…)",
  symbol: "use z.string()",
  transform: "declare the output: .transform(…).pipe(z.string())",
  undefined: "use .optional()",
  void: "use .optional()",
};

function gapAt(pointer: readonly PropertyKey[], kind: string): Gap {
  const what = kind === "transform" ? "the result of a transform" : `z.${kind}()`;
  const fix = UNREPRESENTABLE[kind] ?? "use a schema of plain JSON values";
  return { path: dotted(pointer), problem: `${what} cannot be expressed as JSON Schema`, fix };
}

/** `properties/tags/items` as people write it: `tags[]`. */
function dotted(pointer: readonly PropertyKey[]): string {
  let path = "";
  const rest = pointer.map(String);
  for (let keyword = rest.shift(); keyword !== undefined; keyword = rest.shift()) {
    const listed = keyword === "items" || keyword === "prefixItems";
    if (listed) path += /^\d+$/.test(rest[0] ?? "") ? `[${rest.shift()}]` : "[]";
    else if (keyword === "additionalProperties") path += ".*";
    else if (keyword === "properties") path += `.${rest.shift()}`;
    else rest.shift();
  }
  return path.replace(/^\./, "");
}

const PATTERNED = new Set(["date-time", "date", "time", "duration", "email", "uuid"]);

// Formats that zod writes beside a pattern and that no other reader knows.
const NO_FORMAT = new Set(["starts_with", "ends_with", "includes", "regex", "lowercase", "uppercase"]);

// What makes the value that comes out differ from the one that goes in.
const TWO_FACED = new Set(["default", "prefault", "catch", "pipe", "transform", "success"]);

function fromZod4(schema: Schema, face: Face): Conversion {
  const gaps: Gap[] = [];
  const volatile: string[] = [];
  let oneFaced = true;
  const converted = z.toJSONSchema(schema as unknown as z.core.$ZodType, {
    io: face,
    target: "draft-2020-12",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema, path }) {
      const { def } = zodSchema._zod;
      if (TWO_FACED.has(def.type)) oneFaced = false;
      const empty = Object.keys(jsonSchema).length === 0;
      if (Object.hasOwn(UNREPRESENTABLE, def.type) || (empty && def.type === "literal")) {
        gaps.unshift(gapAt(path, def.type));
      }
      // zod forbids unknown members of every output; only a strict object means it, and buyers must
      // tolerate members that a later version adds.
      if (def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
      // zod says "readonly" of the TypeScript type; in OpenAPI it would forbid sending the field.
      if (def.type === "readonly") delete jsonSchema.readOnly;
      if (NO_FORMAT.has(jsonSchema.format ?? "")) delete jsonSchema.format;
      // A format says the same as the page-long pattern that zod writes beside it.
      const { version } = def as { readonly version?: string };
      if (PATTERNED.has(jsonSchema.format ?? "") && version === undefined) delete jsonSchema.pattern;
      if (def.type === "default" && isVolatile(() => def.defaultValue)) {
        delete jsonSchema.default;
        volatile.unshift(dotted(path));
      }
    },
  }) as JsonSchema & { $defs?: Readonly<Record<string, JsonSchema>> };
  const shared = Object.keys(converted.$defs ?? {}).filter((name) => !/^__schema\d+$/.test(name));
  return { schema: converted, gaps, volatile, shared, oneFaced };
}

function isVolatile(read: () => unknown): boolean {
  const [first, second] = [read(), read()].map((value) => JSON.stringify(value));
  return first !== second;
}

/** What is read of zod 3's own description of a schema. */
interface Zod3Def {
  readonly typeName: string;
  readonly unknownKeys?: string;
  readonly effect?: { readonly type: string };
  readonly innerType?: Zod3Schema;
  readonly schema?: Zod3Schema;
  readonly type?: Zod3Schema;
  readonly out?: Zod3Schema;
  readonly options?: readonly Zod3Schema[];
  readonly getter?: () => Zod3Schema;
  readonly shape?: () => Readonly<Record<string, Zod3Schema>>;
  readonly defaultValue?: () => unknown;
}

interface Zod3Schema {
  readonly _def: Zod3Def;
}

// Loaded only for the few definitions that still hold zod 3 schemas.
async function fromZod3(schema: Schema, face: Face): Promise<Conversion> {
  const { ignoreOverride, zodToJsonSchema } = await import("zod-to-json-schema");
  const gaps: Gap[] = [];
  const volatile: string[] = [];
  const converted = zodToJsonSchema(schema as unknown as Parameters<typeof zodToJsonSchema>[0], {
    effectStrategy: "input",
    pipeStrategy: face,
    removeAdditionalStrategy: "strict",
    allowedAdditionalProperties: undefined,
    override(def, { currentPath }) {
      const { typeName, effect } = def as unknown as Zod3Def;
      const transforms = effect?.type === "transform" && face === "output";
      const kind = transforms ? "transform" : typeName.replace(/^Zod/, "").toLowerCase();
      if (!Object.hasOwn(UNREPRESENTABLE, kind)) return ignoreOverride;
      gaps.push(gapAt(currentPath.slice(1), kind));
      return {};
    },
    postProcess(json, def, { currentPath }) {
      const { typeName, unknownKeys, shape, defaultValue } = def as unknown as Zod3Def;
      const own = json as Record<string, unknown> | undefined;
      if (own === undefined) return json;
      if (typeName === "ZodObject" && unknownKeys === "passthrough") own.additionalProperties = {};
      if (typeName === "ZodObject" && face === "output") {
        const fields = Object.entries(shape?.() ?? {});
        own.required = fields.filter(([, field]) => !mayBeAbsent(field._def)).map(([name]) => name);
      }
      if (typeName === "ZodDefault" && isVolatile(() => defaultValue?.())) {
        delete own.default;
        volatile.push(dotted(currentPath.slice(1)));
      }
      return json;
    },
  }) as JsonSchema;
  return { schema: converted, gaps, volatile, shared: [], oneFaced: false };
}

/** Whether a member can still be missing once zod 3 has filled in the defaults. */
function mayBeAbsent(def: Zod3Def): boolean {
  switch (def.typeName) {
    case "ZodOptional":
    case "ZodAny":
    case "ZodUnknown":
      return true;
    case "ZodDefault":
    case "ZodCatch":
      return false;
    case "ZodUnion":
      return def.options?.some((option) => mayBeAbsent(option._def)) ?? false;
    default: {
      const inner = def.innerType ?? def.schema ?? def.out ?? def.getter?.();
      const branded = def.typeName === "ZodBranded" ? def.type : undefined;
      const next = inner ?? branded;
      return next === undefined ? false : mayBeAbsent(next._def);
    }
  }
}

/** Standard JSON Schema 1.1, as arktype and others offer it. Source: standardschema.dev/json-schema. */
function fromStandard(schema: Schema, face: Face): Conversion {
  const { vendor, jsonSchema } = schema["~standard"] as (typeof schema)["~standard"] & {
    readonly jsonSchema?: Readonly<Record<Face, (options: { readonly target: string }) => JsonSchema>>;
  };
  if (jsonSchema === undefined) {
    const wrap =
      vendor === "valibot" ? "wrap it in toStandardJsonSchema of @valibot/to-json-schema, or " : "";
    return impossible(`is a schema of ${vendor}, which offers no Standard JSON Schema`, `${wrap}use zod`);
  }
  const converted = jsonSchema[face]({ target: "draft-2020-12" });
  return { schema: converted, gaps: [], volatile: [], shared: [], oneFaced: false };
}
