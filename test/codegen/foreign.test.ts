import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emitClient } from "../../codegen/emit/client.ts";
import { emitTypes } from "../../codegen/emit/declarations.ts";
import { emitLlms } from "../../codegen/emit/llms.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { DocumentError, type ReadDocument, readDocument } from "../../codegen/read/document.ts";
import studio from "../../examples/studio/resources.ts";
import { modelOf } from "./definitions.ts";
import { diagnose } from "./diagnose.ts";

/** Documents in the shapes that other makes of x402 API publish; written for this test. */
const NAMES = ["router", "legacy", "offers", "unpriced"] as const;

const documentOf = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/foreign/${name}.json`, import.meta.url), "utf8"));

const read = (name: string): ReadDocument => readDocument(documentOf(name), { source: `${name}.json` });

function calls({ model }: ReadDocument): Record<string, string> {
  const entries = model.resources.map(({ name, method, path, price, priceBounds: { min, max } }) => {
    const amount = price.kind === "free" ? "free" : min === max ? min : `${min} to ${max}`;
    return [name, `${method} ${path} ${amount}`];
  });
  return Object.fromEntries(entries);
}

describe("a document of another make", () => {
  it("with prices as AgentCash's router writes them gives each call its name and price", () => {
    const found = read("router");
    expect(calls(found)).toEqual({
      enrich: "POST /enrich 0.01 to 0.25",
      forget: "DELETE /inbox/:messageId free",
      inbox: "GET /inbox/:messageId free",
      search: "POST /search 0.02",
    });
    expect(found.baseUrl).toBe("https://desk.example/api");
    expect(found.notes).toEqual(["POST /stream is left out: it is paid with mpp, not with x402"]);
  });

  it("of OpenAPI 3.0 with prices beside each other is read as far as it can be called", () => {
    const found = read("legacy");
    expect(calls(found)).toEqual({
      callDelete: "POST /v1/radar 0.005",
      getRadarImageLatest: "GET /v1/radar 0.005",
      getV1ForecastByIdId: "GET /v1/forecast/by-id/:id 0.01",
      getV1ForecastCityName: "GET /v1/forecast/{city-name} 0.01",
      postV1ForecastByIdId: "POST /v1/forecast/by-id/:id 0.05 to 0.50",
      uploadPhoto: "POST /v1/photos free",
    });
    expect(found.baseUrl).toBeUndefined();
    // Its file is a member of the input.
    expect(found.notes).toEqual([]);
    expect(found.model.headers?.map(({ name, required }) => [name, required])).toEqual([
      ["X-Api-Key", false],
      ["X-Trace", false],
    ]);
  });

  it("with offers has the price of the first x402 charge, whose units it counts in, and leaves other methods out", () => {
    const found = read("offers");
    expect(calls(found)).toEqual({
      getV1Models: "GET /v1/models free",
      getV1ModelsList: "GET /v1/models:list free",
      postV1Embeddings: "POST /v1/embeddings 0.0015",
    });
    expect(found.notes).toEqual([
      "POST /v1/chat is left out: it is paid with stripe, not with x402",
      "POST /v1/images is left out: it is paid with tempo, not with x402",
    ]);
  });

  it("without prices is called with a ceiling, and names that code cannot hold are made ones that it can", () => {
    const found = readDocument(documentOf("unpriced"), { source: "unpriced.json", maxPrice: "0.10" });
    expect(calls(found)).toEqual({
      callImport: "POST /import 0.00 to 0.10",
      elsewhere: "GET /elsewhere free",
      list: "POST /list free",
      replaceReport: "PUT /report free",
      report: "GET /report 0.00 to 0.10",
      report2: "GET /Report 0.00 to 0.10",
      // Its input would have the name that the component ReportInput has been given.
      sharedReport2: "POST /shared/report free",
    });
    expect(found.baseUrl).toBe("https://eu.plain.example");
    expect(found.notes).toContain("POST /import states no price: at most $0.10 is paid for it");
    expect(found.notes.join()).toContain("The reference https://schemas.example/x.json leads nowhere");
    const elsewhere = found.model.resources.find(({ name }) => name === "elsewhere");
    expect(elsewhere?.transport).toEqual({ server: "https://other.example" });
  });

  it.each(NAMES)("becomes a client that compiles under the strictest settings: %s", async (name) => {
    const { model } = read(name);
    const files = { "client.gen.ts": emitClient(model), "types.gen.ts": await emitTypes(model) };
    expect(diagnose(`test/fixtures/foreign-${name}`, files)).toEqual([]);
  });

  it("gives types that say what is asked for and answered", async () => {
    const { model } = read("legacy");
    const check = `import { createClient } from "./client.gen.ts";
const client = createClient({ baseUrl: "https://weather.example" });
export async function use(): Promise<number> {
  const report = await client.getV1ForecastByIdId({ id: 7, units: "metric" });
  const place: string | null = report.place;
  await client.postV1ForecastByIdId({ id: 7, celsius: null });
  await client.callDelete({ all: true });
  const { image, north } = await client.callDelete({ north: 1, south: 0 });
  // @ts-expect-error not one of its units
  await client.getV1ForecastByIdId({ id: 7, units: "kelvin" });
  // @ts-expect-error without which place
  await client.getV1ForecastByIdId({ units: "metric" });
  return north + image.length + (place?.length ?? 0) + (report.next?.days[0]?.max ?? 0);
}
`;
    const files = {
      "client.gen.ts": emitClient(model),
      "types.gen.ts": await emitTypes(model),
      "check.ts": check,
    };
    expect(diagnose("test/fixtures/foreign-typed", files)).toEqual([]);
  });
});

describe("an operation that asks for credentials", () => {
  const SCHEMES = {
    apiKey: { type: "apiKey", in: "header", name: "X-Api-Key" },
    login: { type: "http", scheme: "bearer" },
    oauth: { type: "oauth2", flows: {} },
    wallet: { type: "apiKey", in: "header", name: "SIGN-IN-WITH-X" },
    payment: { type: "apiKey", in: "header", name: "PAYMENT-SIGNATURE" },
    challenge: { type: "http", scheme: "x402" },
    desk: { type: "apiKey", in: "header", name: "X-Auth", "x-agentcash-auth-kind": "siwx" },
    certificate: { type: "mutualTLS" },
  };
  /** A document with a paid operation, and another one beside it that asks for nothing. */
  const documentWith = (security: unknown, whole?: unknown) => {
    const responses = { 200: { description: "Yes." }, 402: { description: "Pay." } };
    const info = { price: "0.01", protocols: ["x402"] };
    return {
      openapi: "3.1.0",
      info: { title: "Keys", version: "1" },
      ...(whole === undefined ? {} : { security: whole }),
      paths: {
        "/a": { get: { responses, "x-payment-info": info, ...(security === undefined ? {} : { security }) } },
        "/free": { get: { responses: {}, security: [] } },
      },
      components: { securitySchemes: SCHEMES },
    };
  };
  /** The notes on the paid operation. */
  const notesOf = (security: unknown, whole?: unknown): readonly string[] =>
    readDocument(documentWith(security, whole), { source: "keys.json" }).notes.filter((note) =>
      note.includes("/a "),
    );

  /** The headers that the buyer has to give for the paid operation. */
  const needsOf = (security: unknown, whole?: unknown): readonly string[] => {
    const found = readDocument(documentWith(security, whole), { source: "keys.json" });
    return found.model.resources.find(({ path }) => path === "/a")?.transport?.needs ?? [];
  };

  it.each([
    ["a key", [{ apiKey: [] }], undefined, ["X-Api-Key"]],
    ["one of several", [{ login: [] }, { oauth: ["read"] }], undefined, ["Authorization"]],
    ["several together", [{ apiKey: [], login: [] }], undefined, ["X-Api-Key", "Authorization"]],
    ["a key and a payment", [{ x402: [], apiKey: [] }], undefined, ["X-Api-Key"]],
    ["a key of the whole document", undefined, [{ apiKey: [] }], ["X-Api-Key"]],
    ["the fewest of its alternatives", [{ apiKey: [], login: [] }, { apiKey: [] }], undefined, ["X-Api-Key"]],
  ])("is called with a header of the client: %s", (_, security, whole, names) => {
    expect(needsOf(security, whole)).toEqual(names);
    expect(notesOf(security, whole)).toEqual([]);
  });

  it.each([
    ["one that is not declared", [{ "Partner Key": [] }], '"Partner Key"'],
    ["a certificate", [{ certificate: [] }], '"certificate"'],
  ])("is left out: %s", (_, security, names) => {
    expect(notesOf(security)).toEqual([
      `GET /a is left out: it asks for ${names}, which this client cannot give`,
    ]);
  });

  it.each([
    ["nothing", [], [{ apiKey: [] }]],
    ["nothing as an alternative", [{ apiKey: [] }, {}], undefined],
    ["x402 as an alternative", [{ apiKey: [] }, { x402: [] }], undefined],
    ["x402 by its header", [{ payment: [] }], undefined],
    ["x402 by its name in HTTP", [{ challenge: [] }], undefined],
    ["a sign-in with the wallet that pays", [{ wallet: [] }], undefined],
    ["such a sign-in by the mark of a router", [{ desk: [] }], undefined],
    ["such a sign-in that is not declared", undefined, [{ siwx: [] }]],
    ["security that is not a list", "apiKey", undefined],
  ])("is called when it asks for %s", (_, security, whole) => {
    expect(notesOf(security, whole)).toEqual([]);
  });

  it("is said to be in the way when there is nothing else", () => {
    const document = {
      openapi: "3.1.0",
      info: { title: "Keys", version: "1" },
      security: [{ certificate: [] }],
      paths: { "/a": { get: { responses: {} } } },
      components: { securitySchemes: SCHEMES },
    };
    expect(() => readDocument(document, { source: "keys.json" })).toThrow(
      /nothing that can be called\. .*asks for "certificate"/,
    );
  });
});

describe("a document that asks for more than can be", () => {
  const modelFor = (input: unknown, schemas: object = {}) => {
    const content = (schema: unknown) => ({ content: { "application/json": { schema } } });
    const post = {
      requestBody: content({ type: "object", properties: { input }, required: ["input"] }),
      responses: { 200: content(input) },
    };
    const document = {
      openapi: "3.1.0",
      info: { title: "Vast", version: "1" },
      paths: { "/a": { post } },
      components: { schemas },
    };
    return readDocument(document, { source: "vast.json" }).model;
  };
  const grown = Object.fromEntries(
    Array.from({ length: 30 }, (_, level) => {
      const next = { $ref: `#/components/schemas/L${level + 1}` };
      return [
        `L${level}`,
        {
          type: "object",
          properties: { a: next, b: next, c: next, d: next },
          required: ["a", "b", "c", "d"],
        },
      ];
    }),
  );

  it.each([
    ["a text of 1e300 characters", { type: "string", minLength: 1e300 }],
    [
      "a list of 1e9 lists of 1e9",
      { type: "array", minItems: 1e9, items: { type: "array", minItems: 1e9, items: {} } },
    ],
    ["a pattern that is looked for without end", { type: "string", pattern: "^(0+)+b$" }],
    ["a schema four times as large at each of 30 steps", { $ref: "#/components/schemas/L0" }],
  ])("has documents of its own of a size that can be read: %s", (_, input) => {
    const model = modelFor(input, { ...grown, L30: { type: "string" } });
    for (const emit of [emitReference, emitLlms, emitOpenapi]) {
      expect(emit(model).length).toBeLessThan(500_000);
    }
  });
});

/** What a stranger may have put where something else belongs. */
const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    1e300,
    "",
    "x",
    "__proto__",
    "constructor",
    "*/ alert(1) /*",
    "`\n",
    [],
    {},
    [null],
    { $ref: "#/components/schemas/Report" },
    { $ref: "#/%zz/~2" },
    { $ref: "#" },
    { allOf: [{ $ref: "#/components/schemas/Report" }] },
    { type: "object", properties: { constructor: { type: "string" } } },
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Places in a document, by their keys. */
function placesIn(node: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof node !== "object" || node === null) return [path];
  return [path, ...Object.entries(node).flatMap(([key, member]) => placesIn(member, [...path, key]))];
}

function changed(
  node: unknown,
  [key, ...rest]: readonly string[],
  value: unknown,
  renamed?: string,
): unknown {
  if (key === undefined) return value;
  const entries = Object.entries(node as object).map(([name, member]) =>
    name !== key
      ? [name, member]
      : [rest.length === 0 && renamed !== undefined ? renamed : name, changed(member, rest, value, renamed)],
  );
  return Array.isArray(node) ? entries.map(([, member]) => member) : Object.fromEntries(entries);
}

describe("a document that is broken somewhere", () => {
  it.each([...NAMES, "studio"])(
    "is read or refused, and never leads to code that is not ours: %s",
    async (name) => {
      const whole = name === "studio" ? JSON.parse(emitOpenapi(await modelOf(studio))) : documentOf(name);
      const places = placesIn(whole).filter((path) => path.length > 0);
      const key = fc.constantFrom(
        undefined,
        "__proto__",
        "*/",
        "a b",
        "x",
        "{id}",
        "/v1/{}",
        "/v1/{a}{b}",
        "constructor",
      );
      const change = fc.tuple(fc.constantFrom(...places), junk, key);
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
          let document = whole;
          for (const [path, value, renamed] of changes) {
            try {
              document = changed(document, path, value, renamed);
            } catch {
              // An earlier change has taken the place away.
            }
          }
          let found: ReadDocument;
          try {
            found = readDocument(document, { source: "x" });
          } catch (error) {
            expect(error).toBeInstanceOf(DocumentError);
            return;
          }
          for (const { name, path, priceBounds } of found.model.resources) {
            expect(name).toMatch(/^[A-Za-z][A-Za-z0-9]*$/);
            expect(path).toMatch(
              /^(\/(:[A-Za-z0-9_]+|([A-Za-z0-9._~!$&'()*+,;=@%-][^/?#{}]*|\{[^{}]+\})*))+$/,
            );
            expect(Number(priceBounds.min)).toBeLessThanOrEqual(Number(priceBounds.max));
          }
          for (const schema of Object.keys(found.model.schemas))
            expect(schema).toMatch(/^[A-Z][A-Za-z0-9]*$/);
          emitClient(found.model);
          emitReference(found.model);
          emitLlms(found.model);
          emitOpenapi(found.model);
        }),
        // The same each time, so that what lands is not a matter of luck; BROKEN_RUNS looks further, with new seeds.
        process.env.BROKEN_RUNS ? { numRuns: Number(process.env.BROKEN_RUNS) } : { numRuns: 300, seed: 402 },
      );
    },
  );
});
