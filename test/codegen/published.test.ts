import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectralCore from "@stoplight/spectral-core";
import spectralRulesets from "@stoplight/spectral-rulesets";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { price } from "../../schema/index.ts";
import { PROBLEMS } from "../../src/wire/problem.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";

async function documentOf(api: unknown) {
  return JSON.parse(emitOpenapi(await modelOf(api)));
}

describe.each([
  ["awkward", awkward],
  ["shop", shop],
])("openapi.json of the %s fixture", (_, api) => {
  it("passes Redocly's recommended rules without an error or a warning", async () => {
    const config = await createConfig({ extends: ["recommended"] });
    const source = emitOpenapi(await modelOf(api));
    const problems = await lintFromString({ source, absoluteRef: "openapi.json", config });
    expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual(
      [],
    );
  });

  it("passes Spectral's recommended rules without an error or a warning", async () => {
    const spectral = new spectralCore.Spectral();
    spectral.setRuleset({ extends: [[spectralRulesets.oas as never, "recommended"]] });
    const problems = await spectral.run(await documentOf(api));
    expect(problems.map(({ code, message, path }) => [code, message, path.join("/")])).toEqual([]);
  });
});

describe("openapi.json", () => {
  it("gives a fixed price as one amount, any other as a range, and none for what is free", async () => {
    const { paths } = await documentOf(
      apiOf({
        caption: {},
        speak: { price: price.perUnit("text", "0.001") },
        free: { price: price.free() },
      }),
    );
    const protocols = [{ x402: {} }];
    expect(paths["/v1/caption"].post["x-payment-info"]).toEqual({
      price: { mode: "fixed", currency: "USD", amount: "0.01" },
      protocols,
    });
    expect(paths["/v1/speak"].post["x-payment-info"]).toEqual({
      price: { mode: "dynamic", currency: "USD", min: "0.001", max: "0.10" },
      protocols,
    });
    expect(paths["/v1/free"].post["x-payment-info"]).toBeUndefined();
    expect(paths["/v1/free"].post.responses["402"]).toBeUndefined();
  });

  it("describes jobs when there are any, once", async () => {
    const job = { timeout: "1m" };
    const errors = { refused: "Refused." };
    const { paths, components } = await documentOf(apiOf({ draw: { job, errors }, film: { job, errors } }));
    expect(Object.keys(paths)).toEqual([
      "/v1/draw",
      "/v1/film",
      "/v1/jobs/{jobId}",
      "/v1/jobs/{jobId}/events",
    ]);
    expect(components.schemas.JobDocument.properties.result.anyOf).toEqual([
      { $ref: "#/components/schemas/DrawOutput" },
      { $ref: "#/components/schemas/FilmOutput" },
    ]);
    expect(Object.keys((await documentOf(apiWith({}))).paths)).toEqual(["/v1/caption"]);
  });

  it("names every code that the library or a handler answers with", async () => {
    const { components } = await documentOf(apiWith({ errors: { refused: "Refused." } }));
    expect(components.schemas.Problem.properties.code.enum).toEqual([...Object.keys(PROBLEMS), "refused"]);
  });

  it("lets buyers tolerate new fields, unless the output is strict", async () => {
    const field = z.string().describe("One sentence.");
    const { components } = await documentOf(
      apiOf({ loose: { output: z.object({ field }) }, strict: { output: z.strictObject({ field }) } }),
    );
    expect(components.schemas.LooseOutput.additionalProperties).toBeUndefined();
    expect(components.schemas.StrictOutput.additionalProperties).toBe(false);
  });

  it("can do without servers, contact, license and tags", async () => {
    const document = await documentOf(apiWith({}));
    expect(document.servers).toEqual([{ url: "/" }]);
    expect(document.tags).toEqual([{ name: "resources", description: "What is for sale." }]);
  });
});
