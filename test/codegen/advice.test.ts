import { describe, expect, it } from "vitest";
import { z } from "zod";
import { compile } from "../../codegen/compile.ts";
import { price } from "../../schema/index.ts";
import { OPERATOR_PATHS, PUBLISHED_PATHS } from "../../src/protocol/pages.ts";
import { apiWith } from "./definitions.ts";

const input = (field: z.ZodType) => z.object({ field });
const long = `Draw ${"very ".repeat(30)}much.`;

describe("advice", () => {
  const CASES: readonly (readonly [given: string, api: unknown, path: string])[] = [
    ["a long summary", apiWith({ summary: long }), "summary"],
    ["a summary without a period", apiWith({ summary: "Draw" }), "summary"],
    ["no time-out", apiWith({ timeout: undefined }), "timeout"],
    [
      "a time-out of the answer beside a job",
      apiWith({ timeout: "20s", job: { timeout: "1m" }, errors: { refused: "The prompt was refused." } }),
      "timeout",
    ],
    ["a job without errors", apiWith({ timeout: undefined, job: { timeout: "1m" } }), "errors"],
    ["a price per nothing", apiWith({ price: price.fixed("1", { per: "" }) }), "price.per"],
    [
      "a quoted price per nothing, by a definition whose types were not checked",
      apiWith({ price: price.quoted({ min: "0.01", max: "2" } as never) }),
      "price.per",
    ],
    ["a placeholder", apiWith({ price: price.fixed("1", { per: "TODO" }) }), "price.per"],
    ["a price of nothing", apiWith({ price: price.fixed("0", { per: "image" }) }), "price"],
    ["an endless string", apiWith({ input: input(z.string().describe("It.")) }), "input.field"],
    ["an endless URL", apiWith({ input: input(z.url().describe("It.")) }), "input.field"],
    [
      "an endless pattern",
      apiWith({ input: input(z.string().regex(/^a+$/).describe("It.")) }),
      "input.field",
    ],
    ["an endless list", apiWith({ input: input(z.array(z.boolean()).describe("It.")) }), "input.field"],
    [
      "endless strings in a list",
      apiWith({ input: input(z.array(z.string()).max(2).describe("It.")) }),
      "input.field[]",
    ],
    ["an endless number", apiWith({ input: input(z.number().min(0).describe("It.")) }), "input.field"],
    ["an endless integer", apiWith({ input: input(z.int().describe("It.")) }), "input.field"],
    [
      "an endless string that may be null",
      apiWith({ input: input(z.string().nullable().describe("It.")) }),
      "input.field",
    ],
    [
      "an endless string that may be absent or null",
      apiWith({ input: input(z.string().optional().nullable().describe("It.")) }),
      "input.field",
    ],
    [
      "endless strings in a list, each of which may be null",
      apiWith({ input: input(z.array(z.string().nullable()).max(2).describe("It.")) }),
      "input.field[]",
    ],
    [
      "an endless number that may be null",
      apiWith({ input: input(z.number().nullable().describe("It.")) }),
      "input.field",
    ],
    [
      "an optional choice",
      apiWith({ input: input(z.enum(["a", "b"]).optional().describe("It.")) }),
      "input.field",
    ],
    ["a name for a description", apiWith({ input: input(z.boolean().describe("Field.")) }), "input.field"],
    [
      "a default that differs between calls",
      apiWith({
        input: input(
          z
            .int()
            .min(0)
            .max(9)
            .default(() => Math.random())
            .describe("It."),
        ),
      }),
      "input.field",
    ],
  ];

  it.each(CASES)("is given on %s", async (_, api, path) => {
    const { advice } = await compile(api);
    expect(advice.map(({ path, severity }) => ({ path, severity }))).toEqual([
      { path: `resources.caption.${path}`, severity: "warning" },
    ]);
  });

  it("says what is better, in the words of the golden file", async () => {
    const lines: string[] = [];
    for (const [given, api] of CASES) {
      const { advice } = await compile(api);
      lines.push(
        given,
        ...advice.map(({ path, problem, fix }) => `  warning  ${path}: ${problem}\n    fix: ${fix}`),
      );
    }
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("../golden/advice.txt");
  });

  const toGet = (path: string): unknown =>
    apiWith({ method: "GET", path, input: z.object({ page: z.string().max(9).describe("Which one.") }) });

  it.each<[given: string, api: unknown, hidden: string]>([
    ...PUBLISHED_PATHS.map((path): [string, unknown, string] => [`GET ${path}`, toGet(path), `"${path}"`]),
    ...OPERATOR_PATHS.map((path): [string, unknown, string] => [
      `POST ${path}`,
      apiWith({ path }),
      `"${path}"`,
    ]),
    ["GET /:page", toGet("/:page"), '"/openapi.json", "/llms.txt" and "/docs"'],
  ])("is given on %s, for the server has an answer of its own there", async (_, api, hidden) => {
    expect((await compile(api)).advice).toEqual([
      {
        path: "resources.caption.path",
        problem: `hides the server's own page at ${hidden}`,
        fix: expect.stringMatching(/^choose another path, such as "\/v1\//),
        severity: "warning",
      },
    ]);
  });

  it.each([
    ["POST /docs", apiWith({ path: "/docs" })],
    ["GET /docs/:page", toGet("/docs/:page")],
    ["GET /v1/docs", toGet("/v1/docs")],
  ])("is not given on %s, where the server answers nothing else", async (_, api) => {
    expect((await compile(api)).advice).toEqual([]);
  });

  it.each<[given: string, field: z.ZodType]>([
    ["a literal", z.literal("a")],
    ["a choice", z.enum(["a", "b"])],
    ["a date-time", z.iso.datetime()],
    ["a UUID", z.uuid()],
    ["a pattern with an end", z.string().regex(/^[a-z]{2,5}$/)],
    ["a boolean that may be absent", z.boolean().default(false)],
    ["a number between bounds", z.number().gt(0).lt(1)],
    ["a string with an end that may be null", z.string().max(9).nullable()],
    ["a number between bounds that may be null", z.number().gt(0).lt(1).nullable()],
  ])("is not given on %s", async (_, field) => {
    expect((await compile(apiWith({ input: input(field.describe("It.")) }))).advice).toEqual([]);
  });

  it("is not given on a resource that is wrong, but on the others", async () => {
    const { advice } = await compile(apiWith({ summary: "", timeout: undefined }));
    expect(advice).toEqual([]);
  });
});
