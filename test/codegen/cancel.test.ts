import { expect, it } from "vitest";
import { emitAll } from "../../codegen/files.ts";
import { apiWith, modelOf } from "./definitions.ts";

it.each([
  ["refund", /If it ends without a result, or the buyer cancels it, a refund of the full price is owed/],
  ["keep", /If it ends without a result, a refund .* If the buyer cancels the job, nothing is refunded\./],
  ["forbid", /If it ends without a result, a refund .* The job cannot be canceled\./],
] as const)("publishes the policy %s with the price in every document", async (cancel, sentence) => {
  const model = await modelOf(apiWith({ timeout: undefined, job: { timeout: "1m" }, cancel }));
  const { files } = await emitAll(model, "./resources.ts");
  for (const name of ["API.md", "llms.txt", "openapi.json", "client.gen.ts", "published.gen.ts"]) {
    expect([name, files.find(({ path }) => path === name)?.text]).toEqual([
      name,
      expect.stringMatching(sentence),
    ]);
  }
});
