import { type JsonSchema, resolve, type Schemas } from "../model.ts";
import { kindText, typeText } from "../prose.ts";
import { arrow, type Tell } from "./change.ts";
import { compareLimits, LIMITS, type Shift } from "./limits.ts";
import { alikeness, closest, pairUp } from "./renames.ts";
import { isWord, type Node, schemaShapeOf, tagsOf, takes } from "./shape.ts";

/** Buyers write what goes in and read what comes out: what is a fix for one is a break for the other. */
export type Direction = "input" | "output";

export interface Sides {
  readonly was: Schemas;
  readonly now: Schemas;
}

/** Tells what changed between two schemas. Paths begin with the direction: `input.people[].name`. */
export function compareSchemas(
  sides: Sides,
  was: JsonSchema,
  now: JsonSchema,
  direction: Direction,
  tell: Tell,
): void {
  // Pairs of nodes that have been looked at: recursion ends, and what is shared is told once.
  const seen = new Map<JsonSchema, Set<JsonSchema>>();
  onPlace(was, now, direction);

  function isNew(was: JsonSchema, now: JsonSchema): boolean {
    const partners = seen.get(was) ?? new Set();
    seen.set(was, partners);
    if (partners.has(now)) return false;
    partners.add(now);
    return true;
  }

  /** What buyers write must not be allowed less, what they read must not come to be more. */
  function shifted(shift: Shift, path: string, text: string, ifWorse: "breaking" | "weaker"): void {
    const isWorse = shift === "other" || (shift === "narrower") === (direction === "input");
    tell(isWorse ? ifWorse : "addition", path, text);
  }

  function onPlace(was: Node, now: Node, path: string): void {
    if (typeof was === "object" && typeof now === "object" && !isNew(was, now)) return;
    const [a, b] = [schemaShapeOf(sides.was, was), schemaShapeOf(sides.now, now)];
    const pairs = closest(a.forms, b.forms, Number.MIN_VALUE, formLikeness);
    const goneForms = a.forms.filter((form) => !pairs.some(({ left }) => left === form));
    const newForms = b.forms.filter((form) => !pairs.some(({ right }) => right === form));
    const goneValues = [...a.values].filter(([text, value]) => !b.values.has(text) && !takes(b.forms, value));
    const newValues = [...b.values].filter(([text, value]) => !a.values.has(text) && !takes(a.forms, value));
    if (goneForms.length + newForms.length > 0) {
      const isNarrower = goneForms.length + goneValues.length > 0;
      const isWider = newForms.length + newValues.length > 0;
      const shift = isNarrower && isWider ? "other" : isNarrower ? "narrower" : "wider";
      shifted(shift, path, formsText([was, now], [goneForms, newForms]), "breaking");
    } else {
      const [gone, added] =
        direction === "input"
          ? ["is refused now", "is taken too"]
          : ["is never given now", "may be given too"];
      for (const [text] of goneValues) shifted("narrower", path, `${text} ${gone}`, "breaking");
      for (const [text] of newValues) shifted("wider", path, `${text} ${added}`, "breaking");
    }
    for (const { left, right } of pairs) compareForms(left, right, path);
  }

  /** Forms of different types are never one; of the same type, those with the most in common are. */
  function formLikeness(was: JsonSchema, now: JsonSchema): number {
    if (was.type === undefined || now.type === undefined) return was.type === now.type ? 2 : 0;
    const isNumber = (type: unknown): boolean => type === "number" || type === "integer";
    if (was.type !== now.type) return isNumber(was.type) && isNumber(now.type) ? 1 : 0;
    if (was.type !== "object") return 2;
    const [tags, others] = [tagsOf(sides.was, was), tagsOf(sides.now, now)];
    const shared = [...tags].filter(([name]) => others.has(name));
    if (shared.some(([name, tag]) => others.get(name) !== tag)) return 0;
    const [mine, theirs] = [Object.keys(was.properties ?? {}), Object.keys(now.properties ?? {})];
    const both = mine.filter((name) => theirs.includes(name)).length;
    return 0.1 + shared.length + both / Math.max(1, mine.length, theirs.length);
  }

  function formsText(
    nodes: readonly [Node, Node],
    changed: readonly [readonly JsonSchema[], readonly JsonSchema[]],
  ): string {
    const [was, now] = [nodeText(sides.was, nodes[0]), nodeText(sides.now, nodes[1])];
    if (was !== now) return arrow(was, now);
    const named = (schemas: Schemas, form: JsonSchema): string => {
      const tags = [...tagsOf(schemas, form)].map(([name, tag]) => `${name} ${tag}`);
      return tags.length > 0
        ? tags.join(", ")
        : Object.keys(form.properties ?? {}).join(", ") || typeText(schemas, form);
    };
    const gone = changed[0].map((form) => `the form with ${named(sides.was, form)} is gone`);
    const added = changed[1].map((form) => `a form with ${named(sides.now, form)} is new`);
    return [...gone, ...added].join("; ");
  }

  function compareForms(was: JsonSchema, now: JsonSchema, path: string): void {
    if (was.type !== now.type) {
      shifted(
        now.type === "integer" ? "narrower" : "wider",
        path,
        arrow(String(was.type), String(now.type)),
        "breaking",
      );
    }
    for (const { shift, text } of compareLimits(was, now)) {
      shifted(shift, path, text, direction === "input" ? "breaking" : "weaker");
    }
    if (was.type === "object") compareObjects(was, now, path);
    if (was.type === "array") compareLists(was, now, path);
    const keywords = [...new Set([...Object.keys(was), ...Object.keys(now)])];
    for (const keyword of keywords) {
      if (LIMITS.has(keyword) || STRUCTURE.has(keyword) || isWord(keyword)) continue;
      if (!isSame(was[keyword], now[keyword]))
        tell("breaking", path, `\`${keyword}\` of its schema has changed`);
    }
  }

  function compareLists(was: JsonSchema, now: JsonSchema, path: string): void {
    const [a, b] = [was.prefixItems ?? [], now.prefixItems ?? []];
    for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
      onPlace(a[at] ?? was.items, b[at] ?? now.items, `${path}[${at}]`);
    }
    onPlace(was.items, now.items, `${path}[]`);
  }

  function compareObjects(was: JsonSchema, now: JsonSchema, path: string): void {
    const { pairs, gone, added } = pairUp(membersOf(was), membersOf(now), memberLikeness);
    for (const { name } of gone) tell("breaking", `${path}.${name}`, "is gone");
    for (const { name, isRequired, schema } of added) {
      const at = `${path}.${name}`;
      if (direction === "input" && isRequired) tell("breaking", at, "is new and must be given");
      else tell("addition", at, `is new${defaultText(resolve(sides.now, schema).default)}`);
    }
    for (const { was, now } of pairs) {
      const at = `${path}.${now.name}`;
      if (was.name !== now.name) tell("breaking", at, `was called ${was.name}`);
      compareMembers(was, now, at);
      onPlace(was.schema, now.schema, at);
    }
    compareRest(was, now, path);
  }

  function compareMembers(was: Member, now: Member, path: string): void {
    const [a, b] = [resolve(sides.was, was.schema), resolve(sides.now, now.schema)];
    if (direction === "input") {
      if (now.isRequired && !was.isRequired) tell("breaking", path, "must be given now");
      else if (was.isRequired && !now.isRequired)
        tell("addition", path, `may be left out now${defaultText(b.default)}`);
      else if (!isSame(a.default, b.default)) {
        const [before, after] = [a.default, b.default].map((value) => JSON.stringify(value) ?? "nothing");
        const text = `left out, it stands for ${arrow(before ?? "", after ?? "")}`;
        tell(a.default === undefined ? "note" : "breaking", path, text);
      }
    } else if (was.isRequired !== now.isRequired) {
      tell(
        was.isRequired ? "breaking" : "addition",
        path,
        was.isRequired ? "may be absent now" : "is always there now",
      );
    }
    if (a.deprecated !== true && b.deprecated === true) tell("note", path, "is deprecated");
    if ((a.description ?? "") !== (b.description ?? "")) tell("note", path, "has a new description");
  }

  /** Members that the schema does not name: any, none, or those of one schema. */
  function compareRest(was: JsonSchema, now: JsonSchema, path: string): void {
    const [a, b] = [was.additionalProperties ?? true, now.additionalProperties ?? true];
    if (a === false || b === false) {
      const text = (rest: Node): string => (rest === false ? "no other fields" : "other fields too");
      if (a !== b)
        shifted(
          b === false ? "narrower" : "wider",
          path,
          arrow(text(a), text(b)),
          direction === "input" ? "breaking" : "weaker",
        );
    } else onPlace(a, b, `${path}.*`);
    if (was.propertyNames !== undefined || now.propertyNames !== undefined) {
      const any: JsonSchema = { type: "string" };
      onPlace(was.propertyNames ?? any, now.propertyNames ?? any, `${path}.*`);
    }
  }

  /** A renamed field keeps its type, and most of: its limits, its description, its name. */
  function memberLikeness(was: Member, now: Member, isOnly: boolean): number {
    const [a, b] = [resolve(sides.was, was.schema), resolve(sides.now, now.schema)];
    if (kindText(sides.was, a) !== kindText(sides.now, b)) return 0;
    const limits = isSame(bare(a), bare(b)) ? 0.5 : 0.25;
    const words = alikeness(a.description ?? "", b.description ?? "");
    return (
      limits + 0.3 * alikeness(was.name, now.name) + 0.3 * (a.description ? words : 0) + (isOnly ? 0.1 : 0)
    );
  }
}

/** Keywords that the comparison itself walks through. */
const STRUCTURE = new Set(
  "type properties required items prefixItems additionalProperties propertyNames".split(" "),
);

interface Member {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

function membersOf({ properties, required }: JsonSchema): readonly Member[] {
  return Object.entries(properties ?? {}).map(([name, schema]) => ({
    name,
    schema,
    isRequired: required?.includes(name) ?? false,
  }));
}

function defaultText(value: unknown): string {
  return value === undefined ? "" : `; left out, it stands for ${JSON.stringify(value)}`;
}

function nodeText(schemas: Schemas, node: Node): string {
  return typeof node === "object" ? typeText(schemas, node) : node === false ? "nothing" : "any value";
}

/** A schema without its words. */
function bare(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !isWord(keyword)));
}

/** Whether two JSON values are equal, in whatever order their members stand. */
export function isSame(a: unknown, b: unknown): boolean {
  return sorted(a) === sorted(b);
}

function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
