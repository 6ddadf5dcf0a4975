import { z } from "zod";
import type { Schema } from "../../schema/standard.ts";
import type { JsonSchema } from "../model.ts";
import { exactNumber, exactText, isJson } from "./exact.ts";
import { type Conversion, dotted, type Face, type Gap, gapAt, isVolatile, UNREPRESENTABLE } from "./gap.ts";

export type { Conversion, Face } from "./gap.ts";

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

// What makes the value that comes out differ from the one that goes in.
const TWO_FACED = new Set(["default", "prefault", "catch", "pipe", "transform", "success"]);

const NOT_JSON = { problem: "has a default that JSON cannot hold", fix: "use a finite number" };

/** What is read of a schema that is around another. */
interface Around {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
}

/** Whether a schema, or one that it is around, replaces what it does not accept (`.catch`). */
function fallsBack(schema: z.core.$ZodType | undefined): boolean {
  if (schema === undefined) return false;
  const { type, innerType, in: first } = schema._zod.def as Around;
  return type === "catch" || fallsBack(innerType ?? first);
}

/** One face of a zod 4 schema. */
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
      const { values = [] } = def as { readonly values?: readonly unknown[] };
      if (
        Object.hasOwn(UNREPRESENTABLE, def.type) ||
        (def.type === "literal" && (empty || !values.every(isJson)))
      ) {
        gaps.unshift(gapAt(path, def.type));
      }
      // zod forbids unknown members of every output; only a strict object means it, and buyers must
      // tolerate members that a later version adds.
      if (def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
      // zod says "readonly" of the TypeScript type; in OpenAPI it would forbid sending the field.
      if (def.type === "readonly") delete jsonSchema.readOnly;
      const { type } = jsonSchema;
      const inexact =
        type === "string"
          ? exactText(def, zodSchema._zod.pattern, jsonSchema as JsonSchema)
          : type === "number" || type === "integer"
            ? exactNumber(jsonSchema as JsonSchema)
            : undefined;
      if (inexact !== undefined) gaps.unshift({ ...inexact, path: dotted(path) });
      if ((def.type === "default" || def.type === "prefault") && !isJson(def.defaultValue)) {
        gaps.unshift({ ...NOT_JSON, path: dotted(path) });
      }
      // A member that falls back may be left out.
      if (def.type === "object" && face === "input" && jsonSchema.required !== undefined) {
        const { shape } = def as unknown as { readonly shape: Readonly<Record<string, z.core.$ZodType>> };
        const required = jsonSchema.required.filter((name) => !fallsBack(shape[name]));
        if (required.length > 0) jsonSchema.required = required;
        else delete jsonSchema.required;
      }
      if (def.type === "default" && isVolatile(() => def.defaultValue)) {
        delete jsonSchema.default;
        volatile.unshift(dotted(path));
      }
    },
  }) as JsonSchema & { $defs?: Readonly<Record<string, JsonSchema>> };
  const shared = Object.keys(converted.$defs ?? {}).filter((name) => !/^__schema\d+$/.test(name));
  return { schema: converted, gaps, volatile, shared, oneFaced };
}

/** The part of zod 3's description of a schema that is read here. */
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
    applyRegexFlags: true,
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
