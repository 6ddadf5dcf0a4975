import { type JsonSchema, refName, resolve, type Schemas } from "../model.ts";

/** A member of an object somewhere inside a schema. */
export interface SchemaPlace {
  /** Dotted from the schema on: `people[].name`, `labels.*.text`. */
  readonly path: string;
  readonly name: string;
  /** As it stands there, with its references. */
  readonly schema: JsonSchema;
  readonly required: boolean;
  /** The options of unions inside which it stands, from the outermost on. */
  readonly within: readonly Variant[];
}

/** Several things of which a value may be one; null is none of them. */
export interface Union {
  /** Of the value. */
  readonly path: string;
  readonly options: readonly JsonSchema[];
}

export interface Variant {
  readonly union: Union;
  /** Which of the options. */
  readonly index: number;
}

/** The components that are not entered again. A `Set` is one, by which each is entered once. */
export interface SeenSchemas {
  has(name: string, path: string): boolean;
  /** What holds inside of the component, which is entered at this path. */
  add(name: string, path: string): SeenSchemas;
}

/**
 * Visits every member of every object inside a schema, at any depth, in the order of the definition.
 * Components that are in `seen` already are not entered again, so recursion ends; nor is a member whose visit is false.
 */
export function walk(
  schemas: Schemas,
  schema: JsonSchema,
  onPlace: (place: SchemaPlace) => unknown,
  seen: SeenSchemas = new Set<string>(),
  path = "",
  within: readonly Variant[] = [],
): void {
  let known = seen;
  if (schema.$ref !== undefined) {
    const name = refName(schema.$ref);
    if (seen.has(name, path)) return;
    known = seen.add(name, path);
  }
  const own = resolve(schemas, schema);
  const enter = (child: JsonSchema | boolean | undefined, at: string, inside = within): void => {
    if (typeof child === "object") walk(schemas, child, onPlace, known, at, inside);
  };
  for (const [name, member] of Object.entries(own.properties ?? {})) {
    const at = path === "" ? name : `${path}.${name}`;
    const required = own.required?.includes(name) ?? false;
    if (onPlace({ path: at, name, schema: member, required, within }) !== false) enter(member, at);
  }
  enter(own.items, `${path}[]`);
  for (const [index, item] of (own.prefixItems ?? []).entries()) enter(item, `${path}[${index}]`);
  enter(own.additionalProperties, path === "" ? "*" : `${path}.*`);
  for (const choice of [own.anyOf, own.oneOf]) {
    const union = { path, options: optionsOf(choice ?? []) };
    const isOne = union.options.length === 1;
    for (const [index, option] of union.options.entries()) {
      enter(option, path, isOne ? within : [...within, { union, index }]);
    }
  }
  for (const part of own.allOf ?? []) enter(part, path);
}

/** The options of a union without null; those of a union that stands in it are its own. */
function optionsOf(options: readonly JsonSchema[]): readonly JsonSchema[] {
  return options.flatMap((option) => {
    const inner = option.anyOf ?? option.oneOf;
    if (option.type === "null") return [];
    return inner === undefined || option.properties !== undefined ? [option] : optionsOf(inner);
  });
}
