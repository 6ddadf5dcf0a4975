import { type JsonSchema, refName, resolve, type Schemas } from "../model.ts";

/** A member of an object somewhere inside a schema. */
export interface Place {
  /** Dotted from the schema on: `people[].name`, `labels.*.text`. */
  readonly path: string;
  readonly name: string;
  /** As it stands there, with its references. */
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/**
 * Visits every member of every object inside a schema, at any depth, in the order of the definition.
 * Components that are in `seen` already are not entered again, so recursion ends.
 */
export function walk(
  schemas: Schemas,
  schema: JsonSchema,
  visit: (place: Place) => void,
  seen: Set<string> = new Set(),
  path = "",
): void {
  if (schema.$ref !== undefined) {
    const name = refName(schema.$ref);
    if (seen.has(name)) return;
    seen.add(name);
  }
  const own = resolve(schemas, schema);
  const enter = (child: JsonSchema | boolean | undefined, at: string): void => {
    if (typeof child === "object") walk(schemas, child, visit, seen, at);
  };
  for (const [name, member] of Object.entries(own.properties ?? {})) {
    const at = path === "" ? name : `${path}.${name}`;
    visit({ path: at, name, schema: member, required: own.required?.includes(name) ?? false });
    enter(member, at);
  }
  enter(own.items, `${path}[]`);
  for (const [index, item] of (own.prefixItems ?? []).entries()) enter(item, `${path}[${index}]`);
  enter(own.additionalProperties, path === "" ? "*" : `${path}.*`);
  for (const option of [...(own.anyOf ?? []), ...(own.oneOf ?? []), ...(own.allOf ?? [])])
    enter(option, path);
}
