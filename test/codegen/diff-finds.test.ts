import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Change, ChangeKind } from "../../codegen/diff/change.ts";
import { compareModels } from "../../codegen/diff/models.ts";
import type { ApiModel, JsonSchema, ResourceModel } from "../../codegen/model.ts";
import studio from "../../examples/studio/resources.ts";
import { amountsIn } from "../../schema/price.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { modelOf } from "./definitions.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Node = Writable<JsonSchema>;
type Part = Writable<ResourceModel>;

/** A change of one resource, and what diff must report about it. */
interface Mutation {
  readonly name: string;
  readonly resource: string;
  readonly expected: ChangeKind;
  /** Changes a copy of the model in place. */
  apply(model: ApiModel): void;
}

const copy = (model: ApiModel): ApiModel => structuredClone(model);

/** Every node of a face of a resource, by the way that leads to it; what is shared comes once. */
function nodesOf(model: ApiModel, root: string): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const seen = new Set<unknown>();
  const onPlace = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null || seen.has(node)) return;
    seen.add(node);
    const { $ref, properties, items, prefixItems, additionalProperties, anyOf, oneOf, allOf } = node as Node;
    if ($ref !== undefined) {
      onPlace(model.schemas[$ref.slice($ref.lastIndexOf("/") + 1)], path);
      return;
    }
    nodes.set(path, node as Node);
    for (const [name, member] of Object.entries(properties ?? {})) onPlace(member, `${path}.${name}`);
    onPlace(items, `${path}[]`);
    onPlace(additionalProperties, `${path}.*`);
    for (const [index, one] of [
      ...(prefixItems ?? []),
      ...(anyOf ?? []),
      ...(oneOf ?? []),
      ...(allOf ?? []),
    ].entries()) {
      onPlace(one, `${path}<${index}>`);
    }
  };
  onPlace(model.schemas[root], "");
  return nodes;
}

function mutationsOf(model: ApiModel): Mutation[] {
  return model.resources.flatMap((resource) => [
    ...faceMutations(model, resource, "Input"),
    ...faceMutations(model, resource, "Output"),
    ...termMutations(resource),
  ]);
}

function faceMutations(
  model: ApiModel,
  { name: resource, typeName }: ResourceModel,
  face: "Input" | "Output",
): Mutation[] {
  const isInput = face === "Input";
  const narrower = isInput ? "breaking" : "addition";
  const found: Mutation[] = [];
  for (const [path, node] of nodesOf(model, typeName + face)) {
    const add = (what: string, expected: ChangeKind, change: (node: Node) => void): void => {
      const apply = (model: ApiModel): void => change(nodesOf(model, typeName + face).get(path) as Node);
      found.push({ name: `${what} of ${face}${path} in ${resource}`, resource, expected, apply });
    };
    for (const name of Object.keys(node.properties ?? {})) {
      add(`no ${name}`, "breaking", (node) => {
        const { [name]: _, ...rest } = node.properties ?? {};
        node.properties = rest;
        node.required = (node.required ?? []).filter((one) => one !== name);
      });
    }
    if (node.properties !== undefined) {
      add("a required field more", isInput ? "breaking" : "addition", (node) => {
        node.properties = { ...node.properties, quiteNew: { type: "boolean", description: "Quite new." } };
        node.required = [...(node.required ?? []), "quiteNew"];
      });
    }
    if (node.default !== undefined && isInput && path.includes(".")) {
      add("another default", "breaking", (node) => {
        node.default = "another";
      });
    }
    if ((node.enum?.length ?? 0) > 1) {
      add("a choice less", narrower, (node) => {
        node.enum = node.enum?.slice(1) ?? [];
      });
    }
    for (const limit of ["maxLength", "maximum", "maxItems"] as const) {
      const value = node[limit];
      if (value === undefined) continue;
      add(`a lower ${limit}`, narrower, (node) => {
        node[limit] = value - 1;
      });
      add(`no ${limit}`, isInput ? "addition" : "weaker", (node) => {
        delete node[limit];
      });
    }
    if (node.type === "string" && node.enum === undefined && node.const === undefined) {
      add("a number instead of a text", "breaking", (node) => {
        node.type = "number";
      });
    }
  }
  return found;
}

function termMutations({ name, price, timeoutMs, job, cache, charge }: ResourceModel): Mutation[] {
  const found: Mutation[] = [];
  const add = (what: string, expected: ChangeKind, change: (resource: Part) => void): void => {
    const apply = (model: ApiModel): void =>
      change(model.resources.find((resource) => resource.name === name) as Part);
    found.push({ name: `${what} in ${name}`, resource: name, expected, apply });
  };
  for (const { path } of amountsIn(price)) {
    add(`ten times ${path}`, "price", ({ price }) => {
      // Choices may hold dots: only the first of a table's path parts.
      const [, way = "", key = ""] = /^((?:parts\.\d+\.)?(?:table\.)?)(.+)$/.exec(path) ?? [];
      const steps = way.split(".").filter((step) => step !== "");
      let holder = price as unknown as Record<string, unknown>;
      for (const step of steps) holder = holder[step] as Record<string, unknown>;
      holder[key] = String(10 * Number(holder[key]));
    });
  }
  add("another path", "breaking", (resource) => {
    resource.path = `/other${resource.path}`;
  });
  add("another method", "breaking", (resource) => {
    resource.method = resource.method === "GET" ? "POST" : "GET";
  });
  add("an error more", "note", (resource) => {
    resource.errors = [...resource.errors, { code: "quite_new", text: "Quite new." }];
  });
  if (price.kind !== "free" && charge === "after") {
    add("a charge before", "weaker", (resource) => {
      resource.charge = "before";
    });
  }
  if (cache !== undefined) add("no cache", "weaker", (resource) => delete resource.cache);
  if (job === undefined) {
    add("half the time-out", "weaker", (resource) => {
      resource.timeoutMs = timeoutMs / 2;
    });
  } else {
    add("no job", "breaking", (resource) => delete resource.job);
    if (job.cancel !== "forbid") {
      add("no cancellation", "breaking", (resource) => {
        resource.job = { ...job, cancel: "forbid" };
      });
    }
    for (const time of ["timeoutMs", "retentionMs", "startWithinMs"] as const) {
      add(`a short ${time}`, "weaker", (resource) => {
        resource.job = { ...job, [time]: 1 };
      });
    }
  }
  return found;
}

const tells = (changes: readonly Change[], { expected, resource }: Mutation): boolean =>
  changes.some((change) => change.kind === expected && change.resource === resource);

describe("diff finds", () => {
  let models: readonly ApiModel[];
  beforeAll(async () => {
    models = await Promise.all([studio, awkward, shop].map((api) => modelOf(api)));
  });

  it("every single change with its kind", () => {
    const missed = models.flatMap((model) =>
      mutationsOf(model).flatMap((mutation) => {
        const now = copy(model);
        mutation.apply(now);
        return tells(compareModels(model, now), mutation) ? [] : [mutation.name];
      }),
    );
    expect(models.flatMap(mutationsOf).length).toBeGreaterThan(300);
    expect(missed).toEqual([]);
  });

  it("several changes in different resources, and none between a model and its copy", () => {
    for (const model of models) {
      const all = mutationsOf(model);
      const chosen = fc.record(
        Object.fromEntries(
          model.resources.map(({ name }) => [
            name,
            fc.option(fc.constantFrom(...all.filter(({ resource }) => resource === name))),
          ]),
        ),
      );
      const holds = (mutations: Record<string, Mutation | null>): void => {
        const now = copy(model);
        const applied = Object.values(mutations).filter((mutation) => mutation !== null);
        for (const mutation of applied) mutation.apply(now);
        const there = compareModels(model, now);
        const missed = applied.filter((mutation) => !tells(there, mutation));
        expect(missed.map(({ name }) => name)).toEqual([]);
        expect(compareModels(now, model).length > 0).toBe(applied.length > 0);
        expect(compareModels(now, copy(now))).toEqual([]);
      };
      fc.assert(fc.property(chosen, holds), { numRuns: 60 });
    }
  });
});
