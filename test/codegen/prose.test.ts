import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitTools } from "../../codegen/emit/tools.ts";
import { emitAll, emitSdk } from "../../codegen/files.ts";
import type { ApiModel } from "../../codegen/model.ts";
import { apiWith, modelOf } from "./definitions.ts";

const PAGES = ["API.md", "README.md", "client.gen.ts", "llms.txt", "openapi.json", "server.gen.ts", "tools"];

/** All that is written about an API, by name: the files, the README of its package and its tools. */
async function writtenOf(model: ApiModel): Promise<ReadonlyMap<string, string>> {
  const sdk = emitSdk(model, { name: "test", version: "1.0.0" });
  const { files } = await emitAll(model, "./resources.ts");
  const written = [...sdk.files, ...files].map(({ path, text }) => [path, text] as const);
  return new Map([...written, ["tools", JSON.stringify(emitTools(model))]]);
}

describe("how long a job may run", () => {
  const published = (job: object): Promise<ReadonlyMap<string, string>> =>
    modelOf(apiWith({ job: { timeout: "20s", ...job }, timeout: undefined })).then(writtenOf);

  it.each<[given: string, job: object, says: string, inTables: string]>([
    ["once", {}, "for at most 20 seconds", "job, up to 20 seconds"],
    [
      "twice",
      { retries: 1 },
      "in up to 2 attempts of at most 20 seconds each, with a pause of about 1 second between them",
      "job, up to 2 times 20 seconds",
    ],
    [
      "three times",
      { retries: 2, backoff: "5s" },
      "in up to 3 attempts of at most 20 seconds each, with pauses of about 5 seconds and longer between them",
      "job, up to 3 times 20 seconds",
    ],
  ])("describes a job with %s in all published documents", async (_, job, says, inTables) => {
    const written = await published(job);
    for (const page of PAGES) expect(written.get(page)?.replace(/\s*\n\s*\* /g, " "), page).toContain(says);
    for (const page of ["API.md", "README.md"]) expect(written.get(page)).toContain(`| ${inTables} |`);
  });
});

describe("the fields of a union", () => {
  const to = z.object({ city: z.string().max(9).describe("Which city.") }).describe("Where it goes.");
  const box = z.object({
    kind: z.literal("box").describe("A box."),
    to,
    weightKg: z.number().min(0).max(9).describe("How heavy."),
  });
  const letter = z.object({
    kind: z.enum(["letter", "card"]).describe("Of paper."),
    to,
    pages: z.int().min(1).max(9).describe("How many."),
  });
  const bare = z.object({
    kind: z.literal("bare").describe("Nothing."),
    why: z.string().max(9).describe("Why."),
  });

  /** The table of the input, and that of the output, where both have the same. */
  async function tablesOf(goods: z.ZodType): Promise<readonly [input: string[], output: string[]]> {
    const face = z.object({ goods: goods.describe("What it is.") });
    const written = await writtenOf(await modelOf(apiWith({ input: face, output: face })));
    const lines = (written.get("API.md") ?? "").split("\n").filter((line) => /^\| (Field|`goods)/.test(line));
    for (const line of lines) expect(written.get("README.md")).toContain(line);
    const at = lines.findLastIndex((line) => line.startsWith("| Field"));
    return [lines.slice(0, at), lines.slice(at)];
  }

  it("are listed with the value that tells when they are there, and that one once, with all its values", async () => {
    expect(await tablesOf(z.discriminatedUnion("kind", [box, letter]))).toEqual([
      [
        "| Field | Type | Required | Limits | When | Description |",
        "| `goods` | `object` | yes |  |  | What it is. |",
        '| `goods.kind` | `"box" \\| "letter" \\| "card"` | yes |  |  | `"box"`: A box. `"letter"`, `"card"`: Of paper. |',
        "| `goods.to` | `object` | yes |  |  | Where it goes. |",
        "| `goods.to.city` | `string` | yes | at most 9 characters |  | Which city. |",
        '| `goods.weightKg` | `number` | yes | 0 to 9 | `goods.kind` is `"box"` | How heavy. |',
        '| `goods.pages` | `integer` | yes | 1 to 9 | `goods.kind` is `"letter"` or `"card"` | How many. |',
      ],
      [
        "| Field | Type | When | Description |",
        "| `goods` | `object` |  | What it is. |",
        '| `goods.kind` | `"box" \\| "letter" \\| "card"` |  | `"box"`: A box. `"letter"`, `"card"`: Of paper. |',
        "| `goods.to` | `object` |  | Where it goes. |",
        "| `goods.to.city` | `string` |  | Which city. |",
        '| `goods.weightKg` | `number` | `goods.kind` is `"box"` | How heavy. |',
        '| `goods.pages` | `integer` | `goods.kind` is `"letter"` or `"card"` | How many. |',
      ],
    ]);
  });

  it("are listed once where several options, but not all, have the same, with all that is in them", async () => {
    const [, rows] = await tablesOf(z.discriminatedUnion("kind", [box, bare, letter]).nullable());
    const when = '`goods.kind` is `"box"`, `"letter"` or `"card"`';
    expect(rows.filter((row) => row.includes("goods.to"))).toEqual([
      `| \`goods.to\` | \`object\` | ${when} | Where it goes. |`,
      `| \`goods.to.city\` | \`string\` | ${when} | Which city. |`,
    ]);
  });

  it("are listed with the number of their option where no value tells", async () => {
    const [, rows] = await tablesOf(z.union([box.omit({ kind: true }), letter.omit({ kind: true })]));
    expect(rows.slice(2)).toEqual([
      "| `goods.to` | `object` |  | Where it goes. |",
      "| `goods.to.city` | `string` |  | Which city. |",
      "| `goods.weightKg` | `number` | `goods` is variant 1 of 2 | How heavy. |",
      "| `goods.pages` | `integer` | `goods` is variant 2 of 2 | How many. |",
    ]);
  });

  it("are listed with the name of their option where it has one, or as those of the only object", async () => {
    const named = z.union([box.omit({ kind: true }).meta({ id: "Box" }), z.string().max(9), bare]);
    const [, rows] = await tablesOf(named);
    expect(rows.find((row) => row.includes("weightKg"))).toContain("| `goods` is `Box` |");
    expect(rows.find((row) => row.includes("why"))).toContain("| `goods` is variant 3 of 3 |");
    const [, others] = await tablesOf(z.union([z.string().max(9), bare]));
    expect(others.find((row) => row.includes("why"))).toContain("| `goods` is an object |");
  });

  it("are told by each of the unions that stand in one another", async () => {
    const crate = z.object({
      kind: z.literal("crate").describe("A crate."),
      of: z.discriminatedUnion("kind", [box, letter]).describe("What is in it."),
    });
    const [, rows] = await tablesOf(z.discriminatedUnion("kind", [bare, crate]));
    expect(rows.find((row) => row.includes("weightKg"))).toContain(
      '| `goods.kind` is `"crate"` and `goods.of.kind` is `"box"` |',
    );
    expect(rows.find((row) => row.includes("of.kind` |"))).toContain('| `goods.kind` is `"crate"` |');
  });

  it("include all fields of an optional object, because null is not an option", async () => {
    const [input] = await tablesOf(bare.nullable());
    expect(input[0]).toBe("| Field | Type | Required | Limits | Description |");
  });

  it("say when they are there in llms.txt and on the docs page too", async () => {
    const input = z.discriminatedUnion("kind", [box, letter]);
    const written = await writtenOf(await modelOf(apiWith({ input, output: input })));
    const llms = '- `weightKg` (number, required, 0 to 9, when `kind` is `"box"`): How heavy.';
    expect(written.get("llms.txt")).toContain(llms);
    expect(written.get("published.gen.ts")).toContain(
      "<span>when <code>kind</code> is <code>&quot;box&quot;</code></span>",
    );
  });
});
