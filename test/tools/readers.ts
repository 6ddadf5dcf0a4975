import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkL2ForOpenAPI,
  checkL4ForOpenAPI,
  getL3ForOpenAPI,
  getOpenAPI,
  getWarningsForL2,
  getWarningsForL3,
  getWarningsForL4,
  getWarningsForOpenAPI,
  isOpenApiParseFailure,
} from "@agentcash/discovery";
import { createClient } from "@hey-api/openapi-ts";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectralCore from "@stoplight/spectral-core";
import spectralRulesets from "@stoplight/spectral-rulesets";
import { validateDiscoveryExtension } from "@x402/extensions/bazaar";
import openapiTS, { astToString } from "openapi-typescript";
import { generate } from "orval";
import { descriptions } from "../../codegen/discovery.ts";
import type { ApiModel } from "../../codegen/model.ts";

/** One document, and the model that it was written from. */
interface Sample {
  readonly model: ApiModel;
  readonly text: string;
}

/** What a tool finds wrong with a document. */
export type Reader = (sample: Sample) => Promise<readonly string[]>;

const redocly = createConfig({ extends: ["recommended"] });

/** Tools that report findings. */
export const READERS: Readonly<Record<string, Reader>> = {
  "official discovery validator": async ({ model }) => {
    const described = descriptions(model) as Readonly<Record<string, { readonly bazaar?: unknown }>>;
    return Object.entries(described).flatMap(([name, { bazaar }]) => {
      if (bazaar === undefined) return [];
      const { valid, errors = [] } = validateDiscoveryExtension(bazaar as never);
      return valid ? [] : [`${name}: ${errors.join("; ")}`];
    });
  },
  Redocly: async ({ text }) => {
    const problems = await lintFromString({
      source: text,
      absoluteRef: "openapi.json",
      config: await redocly,
    });
    return problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`);
  },
  Spectral: async ({ text }) => {
    const spectral = new spectralCore.Spectral();
    spectral.setRuleset({ extends: [[spectralRulesets.oas as never, "recommended"]] });
    const problems = await spectral.run(JSON.parse(text));
    return problems.map(({ code, message, path }) => `${code} ${path.join("/")}: ${message}`);
  },
  "@agentcash/discovery": async ({ text }) => {
    // It fetches the document, and gets no further than here.
    globalThis.fetch = async () => new Response(text, { headers: { "content-type": "application/json" } });
    const found = (await getOpenAPI("https://chance.example"))._unsafeUnwrap();
    if (found === null || isOpenApiParseFailure(found)) return [JSON.stringify(found)];
    const warnings = [
      ...getWarningsForOpenAPI(found),
      ...getWarningsForL2(checkL2ForOpenAPI(found)),
      ...getWarningsForL4(checkL4ForOpenAPI(found)),
      // It never ends on a schema that holds itself.
      ...(text.includes("Folder")
        ? []
        : found.routes.flatMap(({ path, method }) => getWarningsForL3(getL3ForOpenAPI(found, path, method)))),
    ];
    return warnings.map((warning) => JSON.stringify(warning));
  },
};

/** Tools that write TypeScript. */
export const GENERATORS: Readonly<
  Record<string, (text: string) => Promise<Readonly<Record<string, string>>>>
> = {
  "openapi-typescript": async (text) => ({
    "api.ts": astToString(await openapiTS(JSON.parse(text) as never)),
  }),
  "hey-api": (text) =>
    inFolder(text, async (input, folder) => {
      const path = join(folder, "out");
      await createClient({ input, output: { path }, logs: { level: "silent", file: false } });
      return filesIn(path);
    }),
  orval: (text) =>
    inFolder(text, async (input, folder) => {
      await generate({ input, output: { target: join(folder, "api.ts"), client: "fetch" } });
      return filesIn(folder);
    }),
};

async function inFolder<T>(text: string, work: (input: string, folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tools-"));
  try {
    const input = join(folder, "openapi.json");
    writeFileSync(input, text);
    return await work(input, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function filesIn(folder: string): Readonly<Record<string, string>> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}
