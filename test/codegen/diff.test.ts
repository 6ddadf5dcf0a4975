import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Change } from "../../codegen/diff/change.ts";
import { changelog, releaseOf, versionAdvice } from "../../codegen/diff/changelog.ts";
import { compareModels } from "../../codegen/diff/models.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import type { ApiModel } from "../../codegen/model.ts";
import { readDocument } from "../../codegen/read/document.ts";
import studio from "../../examples/studio/resources.ts";
import { price } from "../../schema/index.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";
import { CASES } from "./diff-cases.ts";

/** `breaking input.text: is gone`; the resource stands before the path, but for `caption`. */
const lines = (changes: readonly Change[]): string[] =>
  changes.map(({ kind, isWorse, resource, path, text }) => {
    const verdict = kind === "price" ? (isWorse ? "dearer" : "cheaper") : kind;
    const place = [resource === "caption" ? "" : resource || "API", path].filter((name) => name !== "");
    return `${[verdict, ...place].join(" ")}: ${text}`;
  });

const verse = z.object({ theme: z.string().max(9).describe("What the poem is of.") });

const compared = async (was: unknown, now: unknown): Promise<string[]> =>
  lines(compareModels(await modelOf(was), await modelOf(now)));

describe("diff tells of a resource, there and back:", () => {
  it.each(CASES)("%s", async (_, was, now, there, back) => {
    const places = (told: readonly string[]) => told.map((line) => line.slice(0, line.indexOf(": ")));
    expect(places(await compared(apiWith(was), apiWith(now)))).toEqual(there);
    expect(places(await compared(apiWith(now), apiWith(was)))).toEqual(back);
  });

  it("in the words of the golden file", async () => {
    const told: string[] = [];
    for (const [name, was, now] of CASES) {
      const there = await compared(apiWith(was), apiWith(now));
      const back = await compared(apiWith(now), apiWith(was));
      told.push(name, ...there.map((line) => `  there  ${line}`), ...back.map((line) => `  back   ${line}`));
    }
    await expect(`${told.join("\n")}\n`).toMatchFileSnapshot("../golden/changes.txt");
  });
});

describe("diff tells of an API", () => {
  it("which resources are gone and new", async () => {
    const other = { summary: "Write a poem.", input: verse, price: price.free() };
    expect(await compared(apiOf({ caption: {} }), apiOf({ caption: {}, verse: other }))).toEqual([
      "addition verse: is new. Free of charge",
    ]);
    expect(await compared(apiOf({ caption: {}, verse: other }), apiOf({ caption: {} }))).toEqual([
      "breaking verse: is gone",
    ]);
  });

  it("which resource has another name, and what else is new about it", async () => {
    expect(
      await compared(
        apiOf({ caption: {} }),
        apiOf({ describeImage: { price: price.fixed("0.02", { per: "caption" }) } }),
      ),
    ).toEqual([
      "breaking describeImage: was called caption",
      "breaking describeImage path: /v1/caption → /v1/describe-image",
      "dearer describeImage price: $0.01 → $0.02 per caption (+100 %)",
    ]);
  });

  it("that a resource with another name answers at the same address", async () => {
    const was = apiOf({ caption: { path: "/v1/it" } });
    const other = { path: "/v1/it", summary: "Write a poem.", input: verse };
    expect((await compared(was, apiOf({ verse: other })))[0]).toBe("breaking verse: was called caption");
  });

  it("where it answers, and what it is called", async () => {
    const was = apiWith({}, { servers: [{ url: "https://a.example" }] });
    const now = apiWith(
      {},
      { servers: [{ url: "https://b.example" }], title: "Tests", description: "More." },
    );
    expect(await compared(was, now)).toEqual([
      "breaking API servers: https://a.example is gone",
      "addition API servers: https://b.example is new",
      "note API title: Test → Tests",
      "note API description: has changed",
    ]);
  });
});

describe("diff finds nothing", () => {
  const apis = { studio, awkward, shop };
  let models: Record<string, ApiModel>;
  beforeAll(async () => {
    const all = Object.entries(apis).map(async ([name, api]) => [name, await modelOf(api)] as const);
    models = Object.fromEntries(await Promise.all(all));
  });

  it.each(Object.keys(apis))("between the definition of %s and the document made from it", (name) => {
    const model = models[name] as ApiModel;
    const read = readDocument(JSON.parse(emitOpenapi(model)), { source: "openapi.json" }).model;
    expect(compareModels(model, read)).toEqual([]);
    expect(compareModels(read, model)).toEqual([]);
  });

  it("in the order of members", () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned);
      if (typeof value !== "object" || value === null) return value;
      const entries = Object.entries(value).map(([name, member]) => [
        name,
        name === "required" ? [...(member as string[])].reverse() : turned(member),
      ]);
      return Object.fromEntries(entries.reverse());
    };
    for (const model of Object.values(models))
      expect(compareModels(model, turned(model) as ApiModel)).toEqual([]);
  });
});

describe("a release", () => {
  const change = (kind: Change["kind"], text = "is gone"): Change => ({
    kind,
    isWorse: true,
    resource: "caption",
    path: "input.text",
    text,
  });

  it.each<[kinds: Change["kind"][], was: string, now: string, advice: string]>([
    [["note", "breaking"], "1.2.3", "1.2.3", "A major change: set `version` to 2.0.0 (it is 1.2.3)."],
    [["breaking"], "0.2.3", "0.2.3", "A major change: set `version` to 0.3.0 (it is 0.2.3)."],
    [["addition"], "0.2.3", "0.2.3", "A minor change: set `version` to 0.2.4 (it is 0.2.3)."],
    [["price"], "1.2.3", "1.2.3", "A minor change: set `version` to 1.3.0 (it is 1.2.3)."],
    [["weaker"], "1.2.3", "1.10.0", "A minor change: 1.2.3 → 1.10.0."],
    [["breaking"], "1.2.3", "1.10.0", "A major change: set `version` to 2.0.0 (it is 1.10.0)."],
    [["note"], "1.2.3", "1.2.3", "A patch change: set `version` to 1.2.4 (it is 1.2.3)."],
    [["note"], "spring", "spring", "A patch change."],
    [[], "1.2.3", "1.2.3", ""],
  ])("with %j from %s, named %s, asks for a version", (kinds, was, now, advice) => {
    const changes = kinds.map((kind) => change(kind));
    expect(versionAdvice(releaseOf(changes, was, now))).toBe(advice);
  });

  it("is a section of a changelog, in which nothing of a stranger's becomes markup", () => {
    const changes = [change("breaking"), change("note", "reads now: <b>*x*</b> [y](z)\u0007")];
    expect(changelog(releaseOf(changes, "1.0.0", "1.0.0"))).toBe(`## 2.0.0

### Breaking

- \`caption\` \`input.text\`: is gone.

### Notes

- \`caption\` \`input.text\`: reads now: \\<b>\\*x\\*\\</b> \\[y\\](z) .
`);
    expect(changelog(releaseOf([], "1.0.0", "1.0.0"))).toBe("## 1.0.0\n\nNothing has changed for buyers.\n");
  });
});
