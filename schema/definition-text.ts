import type { ApiDefinition, ResourceDefinition } from "./api.ts";
import type { Schema } from "./standard.ts";

/**
 * Everything in a definition that generated code and documents depend on, as canonical JSON: two definitions that differ
 * only in layout, comments or the order of members have the same text. A hash of it stands in `server.gen.ts`, and the
 * server computes it again at start.
 *
 * Left out: `costs`, `loggable`, `concurrency`, `job.concurrency` and `job.maxQueued`, which nothing is generated from; what functions
 * inside schemas do (transforms, refinements); and schemas of libraries without Standard JSON Schema (zod before 4.2,
 * plain valibot). A new release of the schema library may describe the same schema in other words; then the code is to
 * be generated again, as `generate --check` also says.
 */
export function definitionText(api: ApiDefinition): string {
  const { resources, ...head } = api;
  const defaults: (() => unknown)[] = [];
  const sorted = Object.entries(resources).sort(([a], [b]) => (a < b ? -1 : 1));
  const described = sorted.map(([name, one]) => [name, describeResource(one, defaults)]);
  return canonical([head, Object.fromEntries(described), stable(defaults)]);
}

function describeResource(definition: ResourceDefinition, defaults: (() => unknown)[]): object {
  const { input, output, job, costs: _costs, loggable: _loggable, concurrency: _own, ...rest } = definition;
  const { concurrency: _concurrency, maxQueued: _maxQueued, ...published } = job ?? {};
  return {
    ...rest,
    job: job && published,
    input: describeSchema(input, "input", defaults),
    output: describeSchema(output, "output", defaults),
  };
}

/** The part of zod's description of a schema that is read here. */
interface Overridden {
  readonly zodSchema: {
    readonly _zod: { readonly def: { readonly type: string; readonly defaultValue?: unknown } };
  };
  readonly jsonSchema: { default?: unknown };
}

/** Standard JSON Schema 1.1. Source: standardschema.dev/json-schema. */
type Describe = (options: { readonly target: string; readonly libraryOptions: object }) => unknown;

/** The schema as its own library describes it. Defaults go into `defaults`: some of them differ from call to call. */
function describeSchema(schema: Schema, face: "input" | "output", defaults: (() => unknown)[]): unknown {
  const { vendor, jsonSchema } = schema["~standard"] as Schema["~standard"] & {
    readonly jsonSchema?: Readonly<Record<"input" | "output", Describe>>;
  };
  const override = ({ zodSchema, jsonSchema }: Overridden): void => {
    const { def } = zodSchema._zod;
    delete jsonSchema.default;
    if (def.type === "default" || def.type === "prefault") defaults.push(() => def.defaultValue);
  };
  const libraryOptions = { unrepresentable: "any", override };
  try {
    return [vendor, jsonSchema?.[face]({ target: "draft-2020-12", libraryOptions })];
  } catch {
    // A library that cannot describe this schema cannot now, and could not when the code was generated.
    return [vendor];
  }
}

/** The values that are the same when they are read again later; null for the others, such as ids and times. */
function stable(defaults: readonly (() => unknown)[]): unknown[] {
  if (defaults.length === 0) return [];
  const first = defaults.map(read);
  letClockMove();
  return defaults.map(read).map((text, index) => (text === first[index] ? text : null));
}

function read(value: () => unknown): string | null {
  try {
    return canonical(value());
  } catch {
    return null;
  }
}

/** Some runtimes stop the clock while code runs, so it is not waited for long: 1,000,000 looks take about 50 ms. */
function letClockMove(): void {
  const start = Date.now();
  for (let looks = 0; looks < 1_000_000; looks += 1) if (Date.now() > start + 1) return;
}

/** JSON with sorted members. */
function canonical(value: unknown): string {
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "bigint") return String(member);
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return text ?? "null";
}
