import { describe, expect, it } from "vitest";
import { callDefinition } from "../../codegen/call-definition.ts";
import { emitClient } from "../../codegen/emit/client.ts";
import { emitTypes } from "../../codegen/emit/declarations.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { emitTools } from "../../codegen/emit/tools.ts";
import type { ResourceModel } from "../../codegen/model.ts";
import { type ReadDocument, readDocument } from "../../codegen/read/document.ts";
import { decodeDocument, parseDocument } from "../../codegen/read/text.ts";
import { requestOf } from "../../src/client/definition.ts";
import type { Sample } from "../corpus/document.ts";
import { FORMS } from "../corpus/forms.ts";
import { PRICES } from "../corpus/prices.ts";
import { REQUESTS } from "../corpus/requests.ts";
import { SCHEMAS } from "../corpus/schemas.ts";
import { diagnose } from "./diagnose.ts";

/** Documents in the shapes that sellers publish; every one was written for this test. */
const GROUPS = { prices: PRICES, requests: REQUESTS, schemas: SCHEMAS, forms: FORMS };
const SAMPLES: readonly Sample[] = Object.values(GROUPS).flat();

async function read({ document, url }: Sample): Promise<ReadDocument> {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const parsed = await parseDocument(text, "openapi.json");
  return readDocument(parsed, { source: "openapi.json", ...(url === undefined ? {} : { url }) });
}

function callText({ method, path, price }: ResourceModel): string {
  const amount =
    price.kind === "quoted"
      ? `${price.min} to ${price.max}`
      : price.kind === "fixed"
        ? price.usd
        : price.kind;
  return `${method} ${path} ${amount}`;
}

/** The operations of a document. */
function operationsIn(document: unknown): number {
  const { paths } = document as { readonly paths: Readonly<Record<string, object>> };
  const methods = ["get", "post", "put", "patch", "delete", "head"];
  return Object.values(paths).reduce((sum, item) => {
    const own = "$ref" in item ? 1 : Object.keys(item).filter((key) => methods.includes(key)).length;
    return sum + own;
  }, 0);
}

describe("the corpus of third-party documents", () => {
  it.each(SAMPLES.map((sample) => [sample.name, sample] as const))("reads %s", async (_, sample) => {
    const found = await read(sample);
    const calls = Object.fromEntries(found.model.resources.map((one) => [one.name, callText(one)]));
    expect(calls).toEqual(sample.calls);
    expect(found.notes).toEqual(sample.notes ?? []);
    if (sample.baseUrl !== undefined) expect(found.baseUrl).toBe(sample.baseUrl);
    for (const [name, input, request, body] of sample.sends ?? []) {
      const resource = found.model.resources.find((one) => one.name === name);
      if (resource === undefined) throw new Error(`no call ${name}`);
      const sent = requestOf("https://api.example", callDefinition(resource), input, "");
      expect(`${sent.method} ${sent.url.replace("https://api.example", "")}`).toBe(request);
      expect(sent.body).toBe(body);
    }
    // None of these walks over a schema without an end.
    emitReference(found.model);
    expect(emitTools(found.model).every(({ inputSchema }) => inputSchema.type === "object")).toBe(true);
  });

  it("becomes clients that compile under the strictest settings", async () => {
    const files: Record<string, string> = {};
    for (const [index, sample] of SAMPLES.entries()) {
      const { model } = await read(sample);
      files[`s${index}/client.gen.ts`] = emitClient(model);
      files[`s${index}/types.gen.ts`] = emitTypes(model);
      if (sample.use === undefined) continue;
      const own = sample.use.includes("createClient(")
        ? []
        : [`import { type Client } from "./client.gen.ts";`, `declare const c: Client;`];
      const needed = own.length > 0 ? own : [`import { createClient } from "./client.gen.ts";`];
      files[`s${index}/use.ts`] = [
        ...needed,
        `export const used = (): unknown[] => {`,
        `  ${sample.use};`,
        `  return [];`,
        `};`,
      ].join("\n");
    }
    expect(diagnose("test/fixtures/corpus", files)).toEqual([]);
  });

  it("has at least 60 documents, of whose operations at least 95 % are called and none is lost", async () => {
    const rows: Record<string, object> = {};
    const total = { documents: 0, operations: 0, called: 0, "left out": 0, lost: 0 };
    for (const [group, samples] of Object.entries(GROUPS)) {
      const row = { documents: samples.length, operations: 0, called: 0, "left out": 0, lost: 0 };
      for (const sample of samples) {
        const { model, notes } = await read(sample);
        const text = typeof sample.document === "string" ? sample.document : JSON.stringify(sample.document);
        row.operations += operationsIn(await parseDocument(text, "openapi.json"));
        row.called += model.resources.length;
        row["left out"] += notes.filter((note) => note.includes(" is left out: ")).length;
      }
      row.lost = row.operations - row.called - row["left out"];
      rows[group] = row;
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += row[key];
    }
    rows.all = total;
    console.table(rows);
    expect(total.documents).toBeGreaterThanOrEqual(60);
    expect(total.lost).toBe(0);
    // Those that are left out here are there to be left out: another protocol, files, certificates.
    expect(total.called / total.operations).toBeGreaterThanOrEqual(0.9);
  });
});

describe("the text of a document", () => {
  it.each([
    ["JSON that breaks off", '{"openapi":', "is not valid JSON"],
    ["YAML that is not valid", "openapi: [3", "is not valid YAML"],
    ["YAML whose alias is around itself", "openapi: 3.1.0\npaths: &p { a: *p }", "is not valid YAML"],
    [
      "OpenAPI 2.0 without sense",
      '{"swagger":"2.0","paths":[1],"definitions":7}',
      "is not an OpenAPI 3 document",
    ],
  ])("is refused: %s", async (_, text, why) => {
    const work = parseDocument(text, "openapi.yaml").then((document) =>
      readDocument(document, { source: "openapi.yaml" }),
    );
    await expect(work).rejects.toThrow(why);
  });

  it("is read in UTF-16 as well", () => {
    const text = '\uFEFF{"openapi":"3.1.0"}';
    expect(decodeDocument(new Uint8Array(Buffer.from(text, "utf16le")))).toBe('{"openapi":"3.1.0"}');
    expect(decodeDocument(new Uint8Array(Buffer.from(text, "utf16le").swap16()))).toBe('{"openapi":"3.1.0"}');
  });
});
