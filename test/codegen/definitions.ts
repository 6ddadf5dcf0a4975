import { defineApi, price } from "resource402";
import { z } from "zod";
import { type Compilation, compile } from "../../codegen/compile.ts";
import type { ApiModel } from "../../codegen/model.ts";

/** A resource of which nothing is wrong. */
const sound = {
  summary: "Describe an image in one sentence.",
  input: z.object({
    text: z.string().min(1).max(100).describe("What to say."),
    tone: z.enum(["plain", "witty", "loud"]).default("plain").describe("How to say it."),
    count: z.int().min(0).max(10).default(1).describe("How often."),
  }),
  output: z.object({ caption: z.string().describe("One sentence.") }),
  price: price.fixed("0.01", { per: "caption" }),
  timeout: "20s",
};

/** An API with one resource, `caption`, that is sound but for `changes`. Types are set aside, as Node does. */
export function apiWith(changes: object, api: object = {}): unknown {
  return defineApi({
    title: "Test",
    version: "1.0.0",
    description: "For tests.",
    resources: { caption: { ...sound, ...changes } },
    ...api,
  } as never);
}

/** An API with the resources given, each sound but for its changes. */
export function apiOf(resources: Readonly<Record<string, object>>, api: object = {}): unknown {
  const all = Object.entries(resources).map(([name, changes]) => [name, { ...sound, ...changes }]);
  return apiWith({}, { resources: Object.fromEntries(all), ...api });
}

/** The model of a definition that must be sound. */
export async function modelOf(api: unknown): Promise<ApiModel> {
  const compilation: Compilation = await compile(api);
  if ("model" in compilation) return compilation.model;
  throw new Error(compilation.mistakes.map(({ path, problem }) => `${path} ${problem}`).join("\n"));
}
