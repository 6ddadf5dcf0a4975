import { mapChildren } from "../convert/normalize.ts";
import {
  type ApiModel,
  type Field,
  fieldsOf,
  type Json,
  type JsonSchema,
  type ResourceModel,
  refName,
  refTo,
  resolve,
  type Schemas,
} from "../model.ts";
import { named, type WireExample } from "./examples.ts";

/**
 * What is sent, written out where it is sent. openapi-typescript takes a field with a default for one that is always
 * there, except under a `requestBody` or `parameters`: a component would make it required of the caller.
 */
export interface Requests {
  parameters(resource: ResourceModel, examples: readonly WireExample[]): Json[];
  body(resource: ResourceModel, examples: readonly WireExample[]): Json | undefined;
  /** Components that contain themselves and so cannot be written out, in the form in which they are published. */
  components(): Schemas;
  /** Names of the schemas that stand whole in a body, and so need not be a component as well. */
  readonly carried: ReadonlySet<string>;
}

export function createRequests(model: ApiModel): Requests {
  const { schemas } = model;
  const carried = new Set<string>();
  const recursive = new Set<string>();
  const withDefaults = new Map<string, boolean>();

  function hasDefault(schema: JsonSchema, seen: Set<string> = new Set()): boolean {
    if (schema.default !== undefined) return true;
    if (schema.$ref !== undefined) {
      const name = refName(schema.$ref);
      if (seen.has(name)) return false;
      seen.add(name);
      return hasDefault(schemas[name] ?? {}, seen);
    }
    let found = false;
    mapChildren(schema, (child) => {
      found ||= hasDefault(child, seen);
      return child;
    });
    return found;
  }

  function bearsDefault(name: string): boolean {
    const known = withDefaults.get(name) ?? hasDefault(schemas[name] ?? {});
    withDefaults.set(name, known);
    return known;
  }

  /** The schema with components that have defaults inlined; `open` are the components that contain it. */
  function writtenOut(schema: JsonSchema, open: readonly string[]): JsonSchema {
    if (schema.$ref === undefined) return mapChildren(schema, (child) => writtenOut(child, open));
    const { $ref, ...beside } = schema;
    const name = refName($ref);
    if (!bearsDefault(name)) return schema;
    if (open.includes(name)) {
      recursive.add(name);
      return schema;
    }
    return writtenOut({ ...schemas[name], ...beside }, [...open, name]);
  }

  function fieldsIn({ typeName }: ResourceModel): readonly Field[] {
    return fieldsOf(schemas, { $ref: refTo(`${typeName}Input`) }) ?? [];
  }

  function parameters(resource: ResourceModel, examples: readonly WireExample[]): Json[] {
    const { method, pathParams } = resource;
    return fieldsIn(resource)
      .filter(({ name }) => method === "GET" || pathParams.includes(name))
      .map(({ name, schema, required }) => {
        const { description, deprecated, ...rest } = resolve(schemas, schema);
        const given = examples.map(({ input, ...about }) => ({ ...about, value: (input as Json)?.[name] }));
        return {
          name,
          in: pathParams.includes(name) ? "path" : "query",
          required,
          description,
          deprecated,
          schema: writtenOut(rest, []),
          examples: named(given),
        };
      });
  }

  function body(resource: ResourceModel, examples: readonly WireExample[]): Json | undefined {
    const { typeName, method, pathParams } = resource;
    if (method !== "POST") return undefined;
    const inBody = fieldsIn(resource).filter(({ name }) => !pathParams.includes(name));
    if (pathParams.length > 0 && inBody.length === 0) return undefined;
    const name = `${typeName}Input`;
    const { properties, required, ...rest } = schemas[name] ?? {};
    const whole: JsonSchema =
      pathParams.length === 0
        ? (schemas[name] ?? {})
        : {
            ...rest,
            properties: Object.fromEntries(inBody.map(({ name, schema }) => [name, schema])),
            required: inBody.filter(({ required }) => required).map(({ name }) => name),
          };
    const schema = writtenOut(whole, [name]);
    if (JSON.stringify(schema) === JSON.stringify(schemas[name])) carried.add(name);
    const bodies = examples.map(({ input, ...about }) => ({
      ...about,
      value:
        input === undefined
          ? undefined
          : Object.fromEntries(Object.entries(input as Json).filter(([name]) => !pathParams.includes(name))),
    }));
    return { required: true, content: { "application/json": { schema, examples: named(bodies) } } };
  }

  function components(): Schemas {
    const published = new Map<string, JsonSchema>();
    // Writing one out may come upon another.
    for (let before = -1; before !== published.size; ) {
      before = published.size;
      for (const name of recursive) {
        published.set(name, withinAllOf(writtenOut(schemas[name] ?? {}, [name])));
      }
    }
    return Object.fromEntries(published);
  }

  return { parameters, body, components, carried };
}

/** Defaults moved to where they mean the same, and do not make openapi-typescript ask the caller for the field. */
function withinAllOf(schema: JsonSchema): JsonSchema {
  return mapChildren(schema, (child, property) => {
    const inner = withinAllOf(child);
    if (property === undefined || inner.default === undefined) return inner;
    const { description, deprecated, ...rest } = inner;
    return {
      ...(description === undefined ? {} : { description }),
      ...(deprecated === undefined ? {} : { deprecated }),
      allOf: [rest],
    };
  });
}
