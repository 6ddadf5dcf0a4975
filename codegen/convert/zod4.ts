import { z } from "zod";
import type { Schema } from "../../schema/standard.ts";
import type { JsonSchema } from "../model.ts";
import { type Conversion, dotted, type Face, type Gap, gapAt, isVolatile, UNREPRESENTABLE } from "./gap.ts";

const PATTERNED = new Set(["date-time", "date", "time", "duration", "email", "uuid"]);

// Formats that zod writes beside a pattern and that no other reader knows.
const NO_FORMAT = new Set(["starts_with", "ends_with", "includes", "regex", "lowercase", "uppercase"]);

// What makes the value that comes out differ from the one that goes in.
const TWO_FACED = new Set(["default", "prefault", "catch", "pipe", "transform", "success"]);

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

