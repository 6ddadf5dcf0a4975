import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitReference } from "../../codegen/emit/reference.ts";
import { emitSdk, type Sdk } from "../../codegen/files.ts";
import { price } from "../../schema/index.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";
import { createProject } from "./project.ts";

const OPTIONS = { name: "@pixel/studio", version: "1.0.0" };

async function emitted(api: unknown, options: object = {}): Promise<(path: string) => string> {
  const { files, sources }: Sdk = emitSdk(await modelOf(api), { ...OPTIONS, ...options });
  return (path) => [...files, ...sources].find((file) => file.path === path)?.text ?? "";
}

/** The names in a module's lists of exports, sorted. */
function exportsOf(text: string): string[] {
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map((list) => list[1] ?? "");
  const names = lists.flatMap((list) => list.split(",")).map((name) => name.trim().replace(/^type /, ""));
  return names.filter((name) => name !== "").sort((a, b) => a.localeCompare(b, "en"));
}

describe("the package.json of a package for buyers", () => {
  it("needs nothing, names each door with its types, and is ready to be published with provenance", async () => {
    const text = await emitted(apiWith({}), { license: "MIT", repository: "git+https://a.example/b.git" });
    const manifest = JSON.parse(text("package.json"));
    expect(Object.keys(manifest).filter((key) => /dependencies|scripts|bin/i.test(key))).toEqual([]);
    expect(manifest).toMatchObject({
      name: "@pixel/studio",
      version: "1.0.0",
      license: "MIT",
      repository: { type: "git", url: "git+https://a.example/b.git" },
      type: "module",
      sideEffects: false,
      files: ["dist"],
      publishConfig: { access: "public", provenance: true },
    });
    expect(Object.keys(manifest.exports)).toEqual([".", "./evm", "./node", "./package.json"]);
    expect(Object.keys(manifest.exports["./evm"])).toEqual(["types", "default"]);
  });
});

describe("the sources of a package for buyers", () => {
  it("name the address of the API when it is known, and else ask for it", async () => {
    const known = await emitted(apiWith({}), { baseUrl: "https://api.pixel.example" });
    expect(known("index.ts")).toContain("createClient(options: ClientOptions = {})");
    expect(known("index.ts")).toContain('options.baseUrl ?? "https://api.pixel.example"');
    const unknown = await emitted(apiWith({}));
    expect(unknown("index.ts")).toContain('export { type Client, createClient } from "./client.gen.js";');
    expect(unknown("README.md")).toContain('baseUrl: "https://api.example.com"');
  });

  it("offer all of the client's runtime but what createClient takes the place of", async () => {
    const runtime = exportsOf(readFileSync(new URL("../../src/client/index.ts", import.meta.url), "utf8"));
    const offered = exportsOf((await emitted(apiWith({}), { baseUrl: "https://a.example" }))("index.ts"));
    expect(runtime.filter((name) => !offered.includes(name))).toEqual([
      // Carriages, Method and Money are of the descriptions of calls, which only generated files write.
      ...["Carriages", "ClientOptions", "connect", "Connection", "Method", "Money"],
      ...["UnpricedJobResource", "UnpricedResource"],
    ]);
  });

  it("leave out what handlers are given", async () => {
    const text = await emitted(apiWith({}));
    expect(text("types.gen.ts")).toContain("interface CaptionInput");
    expect(text("types.gen.ts")).not.toMatch(/CaptionArgs|CaptionResult/);
  });

  it("leave a name to the seller's schema that has it", async () => {
    const Job = z.object({ title: z.string().describe("Title.") }).meta({ id: "Job" });
    const api = apiWith({ output: z.object({ job: Job.describe("An occupation.") }) });
    const names = (await emitted(api))("index.ts");
    expect(names).not.toContain("type Job,");
    expect(names).toContain("type PendingCall,");
  });
});

describe("the README of a package for buyers", () => {
  it("shows each call with its price, its words for failing, and a budget that covers the dearest", async () => {
    const text = await emitted(
      apiOf({
        caption: {
          price: price.byChoice("tone", { plain: "0.01", witty: "0.02", loud: "0.05" }, { per: "x" }),
        },
        render: { errors: { too_dark: "Nothing can be seen." }, job: { timeout: "2m" }, timeout: undefined },
      }),
    );
    const page = text("README.md");
    expect(page).toContain(
      "| [caption](#caption) | Describe an image in one sentence. | $0.01 – $0.05 | at once |",
    );
    expect(page).toContain("| `plain` (default) | $0.01 |");
    expect(page).toContain("| `too_dark` | Nothing can be seen. |");
    expect(page).toContain('budget: { perCall: "0.05", total: "0.50" }');
    expect(page).toContain("const job = await client.render.start(");
  });

  it("describes each field like the documentation", async () => {
    const api = apiWith({});
    const page = (await emitted(api))("README.md");
    const reference = emitReference(await modelOf(api));
    const rows = [
      "| Field | Type | Required | Default | Limits | Description |",
      "| `text` | `string` | yes |  | 1 to 100 characters | What to say. |",
      "| `count` | `integer` | no | `1` | 0 to 10 | How often. |",
      "| `caption` | `string` | One sentence. |",
    ];
    for (const row of rows) {
      expect(page).toContain(row);
      expect(reference).toContain(row);
    }
  });

  it("speaks neither of money where all is free nor of jobs where there are none", async () => {
    const page = (await emitted(apiWith({ price: price.free() })))("README.md");
    expect(page).not.toMatch(/budget|payer|## Jobs/i);
  });

  it("explains every word that an error of the client may have as its code", async () => {
    const page = (await emitted(apiWith({})))("README.md");
    const source = readFileSync(new URL("../../src/client/errors.ts", import.meta.url), "utf8");
    const union = /export type ErrorCode =([\s\S]*?);\n/.exec(source)?.[1] ?? "";
    const words = [...union.matchAll(/\| "(\w+)"/g)].map((match) => match[1]);
    expect(words.length).toBeGreaterThan(6);
    for (const word of words) expect(page).toContain(`| \`${word}\` |`);
  });
});

describe("resource402 sdk", () => {
  const DEFINITION = `import { defineApi, price, resource } from "resource402";
import { z } from "zod";
export default defineApi({
  title: "Shop", version: "2026-11", description: "For tests.",
  resources: { echo: resource({
    summary: "Say it.", timeout: "5s", price: price.free(),
    input: z.object({ text: z.string().max(99).describe("What to say.") }),
    output: z.object({ text: z.string().describe("What was said.") }),
  }) },
});
`;

  it.each([
    [["--name", "Pixel Studio"], 2, '"Pixel Studio" cannot be the name of a package'],
    [["--name", "shop"], 2, "--package-version 1.0.0"],
    [
      ["--name", "shop", "--package-version", "1.0.0", "--repository", "here"],
      2,
      '"here" is not a valid repository',
    ],
    [
      ["--name", "shop", "--package-version", "1.0.0"],
      1,
      "package.json was not written by `resource402 sdk`",
    ],
    [[], 2, "--name"],
  ])("refuses %j, and says the fix", async (flags, code, text) => {
    using project = createProject({
      "resources.ts": DEFINITION,
      "sdk/package.json": '{ "name": "somebody-elses" }',
    });
    const refused = await project.run("sdk", ...flags);
    expect(refused.code).toBe(code);
    expect(refused.err).toContain(text);
    expect(project.has("sdk/dist")).toBe(false);
  });
});
