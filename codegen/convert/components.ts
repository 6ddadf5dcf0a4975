import { pascalCase } from "../check/names.ts";
import type { MistakeReport } from "../mistake.ts";
import { compareText, type JsonSchema, refName, refTo, type Schemas } from "../model.ts";
import type { Conversion, Face } from "./json-schema.ts";
import { mapChildren, normalize } from "./normalize.ts";

/** Turns schemas with internal references into components that refer to each other by name. */
export interface Components {
  /** Registers one face under `name`; `path` is where mistakes are reported. */
  add(name: string, conversion: Conversion, face: Face, path: string): void;
  /** Registers `name` as another name of a component. */
  alias(name: string, of: string): void;
  /** All components under their final names: those that `published` need, and the others. */
  finish(published: readonly string[]): { readonly schemas: Schemas; readonly handlerSchemas: Schemas };
}

// What stands beside components in openapi.json, client.gen.ts and server.gen.ts, and what types lean on.
const RESERVED = new Set(
  `Problem PaymentRequired PaymentRequirements Receipt JobAccepted JobDocument Client ClientOptions Resource
  JobResource Handlers Handler JobHandler Quotes Quote Documents Server ServerOptions InputOf OutputOf Record
  WithRequired`.split(/\s+/),
);

interface Entry {
  readonly schema: JsonSchema;
  /** Keys of the components that it points at. */
  readonly uses: ReadonlySet<string>;
  readonly path: string;
}

// A component that its author named is kept once per face, as `Address@input`, until it is known whether
// its faces differ.
const keyOf = (id: string, face: Face): string => `${id}@${face}`;
const idOf = (key: string): string => key.split("@")[0] ?? key;

export function createComponents(report: MistakeReport): Components {
  const entries = new Map<string, Entry>();

  function put(key: string, entry: Entry): void {
    const known = entries.get(key);
    if (known === undefined) entries.set(key, entry);
    else if (JSON.stringify(known.schema) !== JSON.stringify(entry.schema)) {
      const problem = `the name "${idOf(key)}" refers to two different schemas`;
      report(entry.path, problem, "give one of them another id");
    }
  }

  function add(name: string, conversion: Conversion, face: Face, path: string): void {
    const { schema: root, shared } = conversion;
    const named = new Map([["#", name]]);
    for (const id of shared) {
      named.set(`#/$defs/${id}`, keyOf(id, face));
      if (/^[A-Z][A-Za-z0-9]*$/.test(id)) continue;
      report(
        path,
        `the id "${id}" is not a valid type name`,
        'use letters and digits, and start with a capital: "Address"',
      );
    }

    /** `nameOf` names recursive schemas without a name, by their path. */
    const register = (
      key: string,
      schema: JsonSchema,
      nameOf: (trail: string) => string,
      trail = "",
    ): void => {
      const uses = new Set<string>();
      const clean = (node: JsonSchema, trail: string): JsonSchema => {
        if (node.$ref === undefined) {
          return mapChildren(normalize(node), (child, property = "") =>
            clean(child, trail + pascalCase(property)),
          );
        }
        // At the root of a schema whose author named it, its library's `$defs` stand beside the reference.
        const { $ref = node.$ref, ...beside } = normalize(node);
        const target = at(root, $ref);
        const known = named.get($ref);
        if (known === undefined && !isRecursive(root, $ref, named)) {
          return clean({ ...target, ...beside }, trail);
        }
        const key = known ?? unused((count) => nameOf(trail + count), named);
        if (known === undefined) {
          named.set($ref, key);
          register(key, target, nameOf, trail);
        }
        uses.add(key);
        return { $ref: refTo(key), ...beside };
      };
      put(key, { schema: clean(schema, trail), uses, path });
    };

    for (const id of shared) {
      register(keyOf(id, face), at(root, `#/$defs/${id}`), (trail) => keyOf(id + trail, face));
    }
    register(name, root, (trail) => name + trail);
  }

  function finish(published: readonly string[]) {
    const differing = differingIds(entries);
    const finalName = (key: string): string =>
      key.endsWith("@input") && differing.has(idOf(key)) ? `${idOf(key)}Input` : idOf(key);
    const named = new Map<string, Entry & { readonly key: string }>();
    for (const [key, entry] of entries) {
      const name = finalName(key);
      const other = named.get(name)?.key;
      const twin = key.includes("@") && other?.startsWith(`${idOf(key)}@`);
      if (RESERVED.has(name) || (other !== undefined && !twin)) {
        report(entry.path, `the name "${name}" is already used`, "give the schema another id");
      }
      const schema = entry.uses.size === 0 ? entry.schema : renamed(entry.schema, finalName);
      named.set(name, { ...entry, key, schema });
    }

    const needed = new Set<string>();
    const onPlace = (name: string): void => {
      if (needed.has(name)) return;
      needed.add(name);
      for (const key of named.get(name)?.uses ?? []) onPlace(finalName(key));
    };
    published.forEach(onPlace);
    const sorted = [...named].sort(([a], [b]) => compareText(a, b));
    const pick = (isPublished: boolean): Schemas =>
      Object.fromEntries(
        sorted
          .filter(([name]) => needed.has(name) === isPublished)
          .map(([name, { schema }]) => [name, schema]),
      );
    return { schemas: pick(true), handlerSchemas: pick(false) };
  }

  return {
    add,
    alias: (name, of) => put(name, { schema: { $ref: refTo(of) }, uses: new Set([of]), path: "" }),
    finish,
  };
}

/** Ids whose two faces differ, be it only because something that they point at does. */
function differingIds(entries: ReadonlyMap<string, Entry>): ReadonlySet<string> {
  const bare = (schema: JsonSchema): string => JSON.stringify(renamed(schema, idOf));
  const both = [...entries].flatMap(([key, input]) => {
    const output = key.endsWith("@input") ? entries.get(keyOf(idOf(key), "output")) : undefined;
    return output === undefined ? [] : [{ id: idOf(key), input, output }];
  });
  const differing = new Set<string>();
  for (const { id, input, output } of both) {
    if (bare(input.schema) !== bare(output.schema)) differing.add(id);
  }
  for (let before = -1; before !== differing.size; ) {
    before = differing.size;
    for (const { id, input } of both) {
      if ([...input.uses].some((key) => differing.has(idOf(key)))) differing.add(id);
    }
  }
  return differing;
}

/** Whether inlining what `pointer` points at would never end. Components with a name end it. */
function isRecursive(root: JsonSchema, pointer: string, named: ReadonlyMap<string, string>): boolean {
  const seen = new Set<string>();
  const open = [pointer];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const ref of refsIn(at(root, next))) {
      if (ref === pointer) return true;
      if (!seen.has(ref) && !named.has(ref)) open.push(ref);
      seen.add(ref);
    }
  }
  return false;
}

function refsIn(node: JsonSchema): string[] {
  if (node.$ref !== undefined) return [node.$ref];
  const refs: string[] = [];
  mapChildren(normalize(node), (child) => {
    refs.push(...refsIn(child));
    return child;
  });
  return refs;
}

function at(root: JsonSchema, pointer: string): JsonSchema {
  let node: unknown = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    node = typeof node === "object" && node !== null ? (node as Record<string, unknown>)[key] : undefined;
  }
  if (typeof node !== "object" || node === null) throw new Error(`the reference "${pointer}" has no target`);
  return node as JsonSchema;
}

function renamed(schema: JsonSchema, rename: (key: string) => string): JsonSchema {
  const own = mapChildren(schema, (child) => renamed(child, rename));
  return own.$ref === undefined ? own : { ...own, $ref: refTo(rename(refName(own.$ref))) };
}

function unused(nameOf: (count: number | "") => string, named: ReadonlyMap<string, string>): string {
  const taken = new Set(named.values());
  let name = nameOf("");
  for (let count = 2; taken.has(name); count += 1) name = nameOf(count);
  return name;
}
