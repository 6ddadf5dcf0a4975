import { describe, expect, it } from "vitest";
import { emitTools } from "../../codegen/emit/tools.ts";
import { readDocument } from "../../codegen/read/document.ts";
import { createProject } from "./project.ts";

interface Offer {
  readonly price: string;
  readonly qualities: readonly string[];
  readonly field: string;
}

const definition = ({
  price,
  qualities,
  field,
}: Offer) => `import { defineApi, price, resource } from "resource402";
import { z } from "zod";
export default defineApi({
  title: "Studio", version: "1.0.0", description: "For tests.",
  resources: {
    draw: resource({
      summary: "Draw it.",
      input: z.object({
        ${field}: z.string().max(99).describe("What to draw."),
        quality: z.enum(${JSON.stringify(qualities)}).default("draft").describe("How well."),
      }),
      output: z.object({ url: z.url().describe("Where it is.") }),
      price: price.byChoice("quality", ${JSON.stringify(
        Object.fromEntries(qualities.map((quality) => [quality, quality === "draft" ? price : "0.50"])),
      )}, { per: "image" }),
      timeout: "5s",
    }),
  },
});
`;

const BEFORE: Offer = { price: "0.02", qualities: ["draft", "high"], field: "prompt" };

const DOCUMENTS = ["client.gen.ts", "API.md", "openapi.json", "llms.txt", "published.gen.ts"];

describe("one change in the definition", () => {
  it.each([
    ["a higher price", { price: "0.03" }, "0.03", DOCUMENTS, /\$0\.02 → \$0\.03/],
    [
      "a new enum value",
      { qualities: ["draft", "high", "ultra"] },
      "ultra",
      [...DOCUMENTS, "types.gen.ts"],
      /ultra/,
    ],
    [
      "a renamed field",
      { field: "wish" },
      "wish",
      ["types.gen.ts", "API.md", "openapi.json", "llms.txt", "published.gen.ts"],
      /wish.*prompt/,
    ],
  ] as const)(
    "%s: --check fails, diff says it, and one generate brings it everywhere",
    async (_, change, word, files, said) => {
      using project = createProject({ "resources.ts": definition(BEFORE) });
      await project.run("generate");
      project.write("published.json", project.read("openapi.json"));
      expect((await project.run("generate", "--check")).code).toBe(0);
      project.write("resources.ts", definition({ ...BEFORE, ...change }));

      const stale = await project.run("generate", "--check");
      expect(stale.code).toBe(1);
      for (const file of files) {
        expect(stale.err, file).toContain(file);
        expect(project.read(file), file).not.toContain(word);
      }
      const difference = await project.run("diff", "published.json");
      expect(difference.out).toMatch(said);

      expect((await project.run("generate")).code).toBe(0);
      expect((await project.run("generate", "--check")).code).toBe(0);
      for (const file of files) expect(project.read(file), file).toContain(word);
      const { docs, llms, openapi, described } = await import(`${project.folder}/published.gen.ts`);
      // The price itself is computed for each 402.
      const texts = "price" in change ? [docs, llms, openapi] : [docs, llms, openapi, described];
      for (const text of texts) expect(text).toContain(word);
      const { model } = readDocument(JSON.parse(project.read("openapi.json")), { source: "openapi.json" });
      expect(JSON.stringify(emitTools(model))).toContain(word);
    },
  );
});
