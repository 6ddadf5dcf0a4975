import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile } from "../../codegen/compile.ts";
import { emitAll } from "../../codegen/files.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { modelOf } from "./definitions.ts";

const model = await modelOf(awkward);
const { files, stubs } = await emitAll(model, "./resources.ts");
const all = [...files, ...stubs];

describe("what is generated from the awkward fixture", () => {
  it.each(all.map(({ path, text }) => [path, text]))("is the reviewed %s", async (path, text) => {
    await expect(text).toMatchFileSnapshot(`../golden/awkward/${path}`);
  });

  it.each(all.map(({ path, text }) => [path, text]))(
    "in %s opens with its source and its command",
    (path, text) => {
      const lines = text.trimEnd().split("\n");
      // Where the format wants something else first, it stands as near as it can: a page of llms.txt begins with its title.
      const at =
        new Map([
          ["openapi.json", 1],
          ["llms.txt", -1],
        ]).get(path) ?? 0;
      const line = lines.at(at);
      expect(line).toMatch(
        /resources\.ts by `resource402 generate`\. Do not edit\.|^\/\/ Written once by `resource402 generate`/,
      );
    },
  );

  it.each(all.map(({ path, text }) => [path, text]))(
    "in %s ends every line alike and leaves none with blanks",
    (_, text) => {
      expect(text).not.toMatch(/\r|[ \t]+\n/);
      expect(text).toMatch(/[^\n]\n$/);
    },
  );
});

it("what the flow tests run on is what is generated from the shop fixture", async () => {
  const shopFiles = (await emitAll(await modelOf(shop), "./resources.ts")).files;
  for (const { path, text } of shopFiles) await expect(text).toMatchFileSnapshot(`../fixtures/shop/${path}`);
});

describe("the same definition", () => {
  it("gives the same bytes again", async () => {
    expect(await emitAll(await modelOf(awkward), "./resources.ts")).toEqual({ files, stubs });
  });

  it("gives the same bytes whatever the order of its resources", async () => {
    const resources = Object.fromEntries(Object.entries(awkward.resources).reverse());
    const reversed = await modelOf({ ...awkward, resources });
    expect(await emitAll(reversed, "./resources.ts")).toEqual({ files, stubs });
  });

  it("is a model of plain JSON", () => {
    expect(JSON.parse(JSON.stringify(model))).toEqual(model);
  });

  it("gives away nothing of the costs", () => {
    const costs = awkward.resources.names.costs;
    expect(costs).toEqual({ compute: "0.0005", margin: 0.5 });
    // The page has margins of its own.
    const style = /<style>.*?<\/style>/s;
    for (const { text } of all) expect(text.replace(style, "")).not.toMatch(/0\.0005|margin/);
    expect(JSON.stringify(model)).not.toMatch(/0\.0005|margin/);
  });
});

it("the fixture is advised of one thing only", async () => {
  const { advice } = await compile(awkward);
  expect(advice.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
    "resources.shapes.input.path is a list of any length",
  ]);
});

it("the fixture is small enough to be reviewed", () => {
  const source = readFileSync(new URL("../fixtures/awkward/resources.ts", import.meta.url), "utf8");
  expect(source.split("\n").length).toBeLessThan(150);
});
