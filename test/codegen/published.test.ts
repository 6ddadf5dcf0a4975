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
import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectralCore from "@stoplight/spectral-core";
import spectralRulesets from "@stoplight/spectral-rulesets";
import { PaymentInfo, ServiceInfo, validate } from "mppx/discovery";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import studio from "../../examples/studio/resources.ts";
import { price } from "../../schema/index.ts";
import { PROBLEMS } from "../../src/protocol/problem.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";

async function documentOf(api: unknown) {
  return JSON.parse(emitOpenapi(await modelOf(api)));
}

afterEach(() => vi.unstubAllGlobals());

/** The document as @agentcash/discovery has read it; it fetches it, and gets no further than here. */
async function discovered(api: unknown) {
  const text = emitOpenapi(await modelOf(api));
  vi.stubGlobal("fetch", async () => new Response(text, { headers: { "content-type": "application/json" } }));
  const found = (await getOpenAPI("https://api.example.com"))._unsafeUnwrap();
  if (found === null || isOpenApiParseFailure(found)) throw new Error(JSON.stringify(found));
  return found;
}

describe.each([
  ["studio", studio],
  ["awkward", awkward],
  ["shop", shop],
])("openapi.json of the %s", (name, api) => {
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

  it("is read by @agentcash/discovery without a warning, each call with its price", async () => {
    const { resources } = await modelOf(api);
    const found = await discovered(api);
    const summary = checkL2ForOpenAPI(found);
    const warnings = [
      ...getWarningsForOpenAPI(found),
      ...getWarningsForL2(summary),
      ...getWarningsForL4(checkL4ForOpenAPI(found)),
    ];
    expect(warnings).toEqual([]);
    for (const { path, method, price, priceBounds } of resources) {
      const { min, max } = priceBounds;
      const route = summary.routes.find(
        (one) => one.method === method && one.path === path.replace(/:(\w+)/g, "{$1}"),
      );
      const paid = {
        authMode: "paid",
        price: `${min === max ? min : `${min}-${max}`} USD`,
        currency: "USD",
        protocols: ["x402"],
      };
      expect(route).toMatchObject(price.kind === "free" ? { authMode: "unprotected" } : paid);
    }
    const jobs = summary.routes.filter(({ path }) => path.includes("/jobs/"));
    expect(jobs.map(({ authMode }) => authMode)).toEqual(["unprotected", "unprotected", "unprotected"]);
  });

  it("tells @agentcash/discovery what each call asks for and answers", async () => {
    const found = await discovered(api);
    for (const { path, method, summary } of found.routes) {
      // It never ends on a schema that holds itself.
      if (name === "awkward" && /shapes|jobs/.test(path)) continue;
      const details = getL3ForOpenAPI(found, path, method);
      expect(getWarningsForL3(details)).toEqual([]);
      expect(details).toMatchObject({ summary });
      if (!path.endsWith("/events")) expect(details?.outputSchema).toBeDefined();
    }
  });

  it("passes the validator of mppx, which reads its offers", async () => {
    const document = await documentOf(api);
    expect(validate(document)).toEqual([]);
    expect(ServiceInfo.parse(document["x-service-info"]).docs).toMatchObject({ llms: "/llms.txt" });
    const infos = Object.values(document.paths as Record<string, Record<string, Record<string, unknown>>>)
      .flatMap((item) => Object.values(item))
      .flatMap((operation) => operation["x-payment-info"] ?? []);
    const { resources } = await modelOf(api);
    expect(infos).toHaveLength(resources.filter(({ price }) => price.kind !== "free").length);
    for (const info of infos) {
      const { offers } = PaymentInfo.parse(info);
      expect(offers).toEqual([
        expect.objectContaining({ intent: "charge", method: "x402", currency: "USD" }),
      ]);
    }
  });
});

describe("openapi.json", () => {
  it("gives a fixed price as one amount, any other as a range, and none for what is free", async () => {
    const { paths } = await documentOf(
      apiOf({
        caption: {},
        speak: { price: price.perUnit("text", "0.001") },
        tiny: { price: price.fixed("0.0025", { per: "call" }) },
        large: { price: price.fixed("12.50", { per: "call" }) },
        free: { price: price.free() },
      }),
    );
    const infoOf = (path: string) => paths[path].post["x-payment-info"];
    const protocols = [{ x402: {} }];
    const offer = (amount: string | null, description: string) => [
      { intent: "charge", method: "x402", amount, currency: "USD", description },
    ];
    expect(infoOf("/v1/caption")).toEqual({
      price: { mode: "fixed", currency: "USD", amount: "0.01" },
      protocols,
      offers: offer("1", "Costs $0.01 per caption."),
    });
    expect(infoOf("/v1/speak")).toEqual({
      price: { mode: "dynamic", currency: "USD", min: "0.001", max: "0.10" },
      protocols,
      offers: offer(null, expect.stringContaining("$0.001")),
    });
    // A quarter of a cent is not a whole number of cents.
    expect(infoOf("/v1/tiny")).toMatchObject({
      price: { mode: "fixed", amount: "0.0025" },
      offers: offer(null, "Costs $0.0025 per call."),
    });
    expect(infoOf("/v1/large").offers).toEqual(offer("1250", "Costs $12.50 per call."));
    expect(infoOf("/v1/free")).toBeUndefined();
    expect(paths["/v1/free"].post.responses["402"]).toBeUndefined();
    expect(paths["/v1/free"].post.security).toEqual([]);
  });

  it("marks what takes long, says where to ask for it, and that asking is free", async () => {
    const { paths, components } = await documentOf(apiOf({ draw: { job: { timeout: "1m" } }, caption: {} }));
    const { post } = paths["/v1/draw"];
    expect(post["x-ms-long-running-operation"]).toBe(true);
    expect(post.callbacks).toEqual({ jobEnded: { $ref: "#/components/callbacks/JobEnded" } });
    expect(post.responses["202"]).toEqual({ $ref: "#/components/responses/JobAccepted" });
    expect(components.responses.JobAccepted.links.status).toMatchObject({
      operationId: "getJob",
      parameters: { jobId: "$response.body#/jobId" },
    });
    const { get, delete: cancel } = paths["/v1/jobs/{jobId}"];
    for (const operation of [get, cancel, paths["/v1/jobs/{jobId}/events"].get]) {
      expect(operation.security).toEqual([]);
      expect(operation.description).toMatch(/^Free of charge\./);
    }
    const caption = paths["/v1/caption"].post;
    expect(caption["x-ms-long-running-operation"]).toBeUndefined();
    expect(caption.callbacks).toBeUndefined();
  });

  it("takes the payment, the name of the call and the address to be told at as headers", async () => {
    const { paths, components } = await documentOf(
      apiOf({ draw: { job: { timeout: "1m" } }, free: { method: "GET", price: price.free() } }),
    );
    const names = (operation: { parameters: readonly { $ref?: string; name?: string }[] }) =>
      operation.parameters.map(
        ({ $ref, name }) => name ?? components.parameters[$ref?.split("/")[3] ?? ""].name,
      );
    expect(names(paths["/v1/draw"].post)).toEqual([
      "Idempotency-Key",
      "PAYMENT-SIGNATURE",
      "Callback-Url",
      "Prefer",
    ]);
    expect(names(paths["/v1/free"].get)).toEqual(["text", "tone", "count"]);
  });

  it("writes inputs out where they are sent, and a component that holds itself with its defaults inside", async () => {
    const folder = z
      .object({
        open: z.boolean().default(true).describe("Whether it is open."),
        get inside(): z.ZodDefault<z.ZodArray<z.ZodType>> {
          return z.array(folder).default([]).describe("Folders in it.");
        },
      })
      .meta({ id: "Folder" });
    const { paths, components } = await documentOf(
      apiWith({
        input: z.object({ root: folder.describe("Which.") }),
        price: price.fixed("0.01", { per: "one" }),
      }),
    );
    const { schema } = paths["/v1/caption"].post.requestBody.content["application/json"];
    expect(schema.properties.root.properties.open).toEqual({
      description: "Whether it is open.",
      type: "boolean",
      default: true,
    });
    expect(components.schemas.FolderInput.properties).toEqual({
      open: { description: "Whether it is open.", allOf: [{ type: "boolean", default: true }] },
      inside: {
        description: "Folders in it.",
        allOf: [{ type: "array", default: [], items: { $ref: "#/components/schemas/FolderInput" } }],
      },
    });
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
