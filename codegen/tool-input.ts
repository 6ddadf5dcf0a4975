import { mapChildren } from "./convert/normalize.ts";
import { type JsonSchema, resolve, type Schemas } from "./model.ts";

/** One form of an object. */
interface Form {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
  readonly isClosed: boolean;
}

/** Maximum number of forms that are told apart. */
const MAX_FORMS = 64;
const MAX_DEPTH = 16;

/**
 * An input as one object, because the providers of large models refuse a union at the root. A member is required where
 * every form requires it; which members go together is said in words, and the seller checks it.
 */
export function objectRoot(schemas: Schemas, schema: JsonSchema): JsonSchema {
  const own = resolve(schemas, schema);
  if (own.anyOf === undefined && own.oneOf === undefined && own.allOf === undefined) return own;
  const forms = formsOf(schemas, own, new Map(), 0);
  const names = [...new Set(forms.flatMap(({ properties }) => Object.keys(properties)))];
  const members = names.map((name): [string, JsonSchema] => [
    name,
    either(
      forms.flatMap(({ properties }) => (Object.hasOwn(properties, name) ? [properties[name] ?? {}] : [])),
    ),
  ]);
  const required = names.filter((name) => forms.every((form) => form.required.includes(name)));
  const description = [own.description ?? "", formsText(schemas, forms)]
    .filter((text) => text !== "")
    .join(" ");
  return {
    ...(description === "" ? {} : { description }),
    type: "object",
    properties: Object.fromEntries(members),
    ...(required.length === 0 ? {} : { required }),
    ...(forms.every(({ isClosed }) => isClosed) ? { additionalProperties: false } : {}),
  };
}

/** @param known The forms of references that were looked at: a chain of unions of 10 would have 10^30 paths. */
function formsOf(schemas: Schemas, schema: JsonSchema, known: Map<string, Form[]>, depth: number): Form[] {
  const found = schema.$ref === undefined ? undefined : known.get(JSON.stringify(schema));
  if (found !== undefined) return found;
  if (depth > MAX_DEPTH) return [{ properties: {}, required: [], isClosed: false }];
  const {
    properties = {},
    required = [],
    allOf = [],
    additionalProperties,
    ...own
  } = resolve(schemas, schema);
  const base: Form = { properties, required, isClosed: additionalProperties === false };
  const parts = allOf.map((part) => formsOf(schemas, part, known, depth + 1));
  const options = own.anyOf ?? own.oneOf;
  if (options !== undefined) {
    const forms = options.flatMap((option) => formsOf(schemas, option, known, depth + 1));
    parts.push(forms.slice(0, MAX_FORMS));
  }
  const forms = parts.reduce<Form[]>(
    (forms, part) => forms.flatMap((form) => part.map((one) => both(form, one))).slice(0, MAX_FORMS),
    [base],
  );
  if (schema.$ref !== undefined) known.set(JSON.stringify(schema), forms);
  return forms;
}

function both(a: Form, b: Form): Form {
  const shared = Object.keys(a.properties).filter((name) => Object.hasOwn(b.properties, name));
  const properties = new Map(Object.entries({ ...a.properties, ...b.properties }));
  for (const name of shared) {
    const [one = {}, other = {}] = [a.properties[name], b.properties[name]];
    if (JSON.stringify(one) !== JSON.stringify(other)) properties.set(name, { allOf: [one, other] });
  }
  return {
    properties: Object.fromEntries(properties),
    required: [...new Set([...a.required, ...b.required])],
    isClosed: a.isClosed || b.isClosed,
  };
}

/** What is one of several. Values of the same type are listed together. */
function either(options: readonly JsonSchema[]): JsonSchema {
  const distinct = [...new Map(options.map((option) => [JSON.stringify(option), option])).values()];
  const [first = {}, ...others] = distinct;
  if (others.length === 0) return first;
  const descriptions = new Set(distinct.map(({ description }) => description));
  const [description] = descriptions.size === 1 ? descriptions : [];
  const about = description === undefined ? {} : { description };
  const values = distinct.map(({ const: value, enum: listed }) => (value === undefined ? listed : [value]));
  const isClosed =
    values.every((listed) => listed !== undefined) && distinct.every(({ type }) => type === first.type);
  if (!isClosed) return { ...about, anyOf: distinct };
  const all = [...new Set(values.flatMap((listed) => listed ?? []))];
  return { ...about, ...(first.type === undefined ? {} : { type: first.type }), enum: all };
}

/** `One of: {source: "text", text}, {source: "page", url, size?}.` */
function formsText(schemas: Schemas, forms: readonly Form[]): string {
  if (forms.length < 2) return "";
  const texts = forms.map(({ properties, required }) => {
    const members = Object.entries(properties).map(([name, schema]) => {
      const { const: value, enum: values } = resolve(schemas, schema);
      const only = value ?? (values?.length === 1 ? values[0] : undefined);
      return only === undefined
        ? name + (required.includes(name) ? "" : "?")
        : `${name}: ${JSON.stringify(only)}`;
    });
    return `{${members.join(", ")}}`;
  });
  const all = [...new Set(texts)];
  return all.length < 2 || all.length > 12 ? "" : `One of: ${all.join(", ")}.`;
}

/** The names that the large providers of models accept for a property. */
const ACCEPTED = /^[a-zA-Z0-9_.-]{1,64}$/;

/** A schema whose property names are accepted everywhere, and what each new name stands for. */
export function acceptedNames(schema: JsonSchema): {
  readonly schema: JsonSchema;
  readonly names: Readonly<Record<string, string>>;
} {
  const all = new Set<string>();
  const collect = (node: JsonSchema): JsonSchema => {
    for (const name of Object.keys(node.properties ?? {})) all.add(name);
    return mapChildren(node, collect);
  };
  collect(schema);
  for (const definition of Object.values((schema.$defs ?? {}) as Schemas)) collect(definition);
  const odd = [...all].filter((name) => !ACCEPTED.test(name));
  if (odd.length === 0) return { schema, names: {} };
  const aliases = new Map<string, string>();
  for (const name of odd) {
    const plain = name
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .replace(/[^a-zA-Z0-9_.-]+/g, "_")
      .slice(0, 56);
    const base = /[a-zA-Z0-9]/.test(plain) ? plain : "field";
    let alias = base;
    for (let count = 2; all.has(alias); count += 1) alias = `${base}_${count}`;
    all.add(alias);
    aliases.set(name, alias);
  }
  const renamed = (node: JsonSchema): JsonSchema => {
    const { properties, required, ...rest } = mapChildren(node, renamed);
    const to = (name: string): string => aliases.get(name) ?? name;
    const members = Object.entries(properties ?? {}).map(([name, member]) => [to(name), member]);
    return {
      ...rest,
      ...(properties === undefined ? {} : { properties: Object.fromEntries(members) }),
      ...(required === undefined ? {} : { required: required.map(to) }),
    };
  };
  const definitions = Object.entries((schema.$defs ?? {}) as Schemas).map(([name, one]) => [
    name,
    renamed(one),
  ]);
  const whole = renamed(schema);
  return {
    schema: schema.$defs === undefined ? whole : { ...whole, $defs: Object.fromEntries(definitions) },
    names: Object.fromEntries([...aliases].map(([name, alias]) => [alias, name])),
  };
}
