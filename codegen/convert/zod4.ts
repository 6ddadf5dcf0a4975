import { z } from "zod";
import type { Schema } from "../../schema/standard.ts";
import type { JsonSchema } from "../model.ts";
import { exactNumber, exactText, isJson } from "./exact.ts";
import { type Conversion, dotted, type Face, type Gap, gapAt, isVolatile, UNREPRESENTABLE } from "./gap.ts";

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
export function fromZod4(schema: Schema, face: Face): Conversion {
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
