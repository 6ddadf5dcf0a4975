import { describe, expect, it } from "vitest";
import { emitTools } from "../../codegen/emit/tools.ts";
import { emitAll, emitSdk } from "../../codegen/files.ts";
import type { ApiModel } from "../../codegen/model.ts";
import { apiWith, modelOf } from "./definitions.ts";

const PAGES = ["API.md", "README.md", "client.gen.ts", "llms.txt", "openapi.json", "server.gen.ts", "tools"];

/** All that is written about an API, by name: the files, the README of its package and its tools. */
async function writtenOf(model: ApiModel): Promise<ReadonlyMap<string, string>> {
  const sdk = await emitSdk(model, { name: "test", version: "1.0.0" });
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
  ])("is said of one that is run %s at most, in all that is published", async (_, job, says, inTables) => {
    const written = await published(job);
    for (const page of PAGES) expect(written.get(page)?.replace(/\s*\n\s*\* /g, " "), page).toContain(says);
    for (const page of ["API.md", "README.md"]) expect(written.get(page)).toContain(`| ${inTables} |`);
  });
});
