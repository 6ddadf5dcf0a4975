import { api, body, cent, JSON_OK, one, query, type Sample } from "./document.ts";

const TEXTS = { type: "array", items: { type: "string" } };
const FILTER = { type: "object", properties: { from: { type: "integer" }, tags: TEXTS } };

function asked(name: string, parameters: readonly unknown[], sends: Sample["sends"] & {}): Sample {
  return { name, document: one("get", cent({ parameters })), calls: { run: "GET /run 0.01" }, sends };
}

const header = (name: string, more: object = {}) => ({
  name,
  in: "header",
  schema: { type: "string" },
  ...more,
});

/** Where and how the input is sent. */
export const REQUESTS: readonly Sample[] = [
  asked(
    "a list that repeats its name",
    [query("ids", TEXTS)],
    [["run", { ids: ["a", "b c"] }, "GET /run?ids=a&ids=b+c"]],
  ),
  asked(
    "a list with commas",
    [query("ids", TEXTS, { style: "form", explode: false })],
    [["run", { ids: ["a", "b,c"] }, "GET /run?ids=a,b%2Cc"]],
  ),
  asked(
    "a list with bars",
    [query("ids", TEXTS, { style: "pipeDelimited" })],
    [["run", { ids: ["a", "b"] }, "GET /run?ids=a|b"]],
  ),
  asked(
    "a list with spaces",
    [query("ids", TEXTS, { style: "spaceDelimited", explode: false })],
    [["run", { ids: ["a", "b"] }, "GET /run?ids=a%20b"]],
  ),
  asked(
    "bars that repeat the name",
    [query("ids", TEXTS, { style: "pipeDelimited", explode: true })],
    [["run", { ids: ["a", "b"] }, "GET /run?ids=a&ids=b"]],
  ),
  asked(
    "an object in brackets",
    [query("filter", FILTER, { style: "deepObject", explode: true })],
    [
      [
        "run",
        { filter: { from: 3, tags: ["x", "y"] } },
        "GET /run?filter%5Bfrom%5D=3&filter%5Btags%5D=x&filter%5Btags%5D=y",
      ],
    ],
  ),
  asked(
    "an object whose members stand alone",
    [query("filter", FILTER)],
    [["run", { filter: { from: 3 } }, "GET /run?from=3"]],
  ),
  asked(
    "an object with commas",
    [query("filter", FILTER, { explode: false })],
    [["run", { filter: { from: 3 } }, "GET /run?filter=from,3"]],
  ),
  asked(
    "JSON in the query",
    [{ name: "q", in: "query", content: { "application/json": { schema: FILTER } } }],
    [["run", { q: { from: 3 } }, `GET /run?q=${encodeURIComponent('{"from":3}')}`]],
  ),
  asked(
    "a member that every object inherits",
    [query("toString", { type: "string" }, { required: true })],
    [["run", { toString: "x" }, "GET /run?toString=x"]],
  ),
  {
    name: "headers that OpenAPI ignores, and those of the payment",
    document: one(
      "get",
      cent({
        parameters: ["Authorization", "Accept", "content-type", "X-PAYMENT", "Idempotency-Key"].map((name) =>
          header(name, { required: true }),
        ),
      }),
    ),
    calls: { run: "GET /run 0.01" },
    use: `createClient({ baseUrl: "https://api.example" }).run({})`,
  },
  {
    name: "a required header, an optional one and one with a single value",
    document: one(
      "get",
      cent({
        parameters: [
          header("X-Region", { required: true }),
          header("X-Trace"),
          header("X-Mode", { required: true, schema: { type: "string", enum: ["async"] } }),
        ],
      }),
    ),
    calls: { run: "GET /run 0.01" },
    use: `createClient({ baseUrl: "https://api.example", headers: { "X-Region": "eu", "X-Trace": "t" } }).run({})`,
  },
  {
    name: "a key in a header",
    document: one("get", cent(), {
      security: [{ key: [] }],
      components: { securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Api-Key" } } },
    }),
    calls: { run: "GET /run 0.01" },
    use: `createClient({ baseUrl: "https://api.example", headers: { "X-Api-Key": "k" } }).run({})`,
  },
  {
    name: "a key in the query",
    document: one("get", cent({ parameters: [query("q", { type: "string" })] }), {
      security: [{ key: [] }],
      components: { securitySchemes: { key: { type: "apiKey", in: "query", name: "api_key" } } },
    }),
    calls: { run: "GET /run 0.01" },
    sends: [["run", { q: "x", api_key: "k" }, "GET /run?q=x&api_key=k"]],
  },
  {
    name: "a certificate",
    document: api(
      {
        "/run": { get: { operationId: "run", ...cent({ security: [{ tls: [] }] }) } },
        "/free": { get: { operationId: "free", responses: JSON_OK } },
      },
      { components: { securitySchemes: { tls: { type: "mutualTLS" } } } },
    ),
    calls: { free: "GET /free free" },
    notes: ['GET /run is left out: it asks for "tls", which this client cannot give'],
  },
  {
    name: "verbs after a colon, hyphens and parts of segments",
    document: api({
      "/v1/places:search": {
        post: {
          operationId: "search",
          ...cent(body({ type: "object", properties: { q: { type: "string" } } })),
        },
      },
      "/v1/items/{item-id}": { get: { operationId: "item", ...cent() } },
      "/v1/{project}:run": { post: { operationId: "runProject", ...cent() } },
      "/v1/files/{name}.{ext}": { get: { operationId: "file", ...cent() } },
      "/v1/:id/show": {
        get: {
          operationId: "show",
          ...cent({ parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }] }),
        },
      },
      "/v1/:all": { get: { operationId: "all", ...cent() } },
    }),
    calls: {
      all: "GET /v1/:all 0.01",
      file: "GET /v1/files/{name}.{ext} 0.01",
      item: "GET /v1/items/{item-id} 0.01",
      runProject: "POST /v1/{project}:run 0.01",
      search: "POST /v1/places:search 0.01",
      show: "GET /v1/:id/show 0.01",
    },
    sends: [
      ["search", { q: "x" }, "POST /v1/places:search", '{"q":"x"}'],
      ["item", { "item-id": "a/b" }, "GET /v1/items/a%2Fb"],
      ["runProject", { project: "p" }, "POST /v1/p:run"],
      ["file", { name: "n", ext: "txt" }, "GET /v1/files/n.txt"],
      ["show", { id: "7" }, "GET /v1/7/show"],
    ],
  },
  {
    name: "a path that may hold several segments",
    document: api({
      "/v1/{+name}": { get: { operationId: "any", ...cent() } },
      "/run": { get: { operationId: "run", ...cent() } },
    }),
    calls: { run: "GET /run 0.01" },
    notes: ['GET /v1/{+name} is left out: its path parameter "+name" may hold more than a segment'],
  },
  {
    name: "the same name in the path, the query and the body",
    document: api({
      "/run/{id}": {
        put: {
          operationId: "run",
          ...cent({
            parameters: [query("id", { type: "integer" })],
            ...body({ type: "object", required: ["id"], properties: { id: { type: "string" } } }),
          }),
        },
      },
    }),
    calls: { run: "PUT /run/:pathId 0.01" },
    sends: [["run", { pathId: "a", queryId: 3, id: "b" }, "PUT /run/a?id=3", '{"id":"b"}']],
  },
  {
    name: "a query beside a body",
    document: one(
      "post",
      cent({
        parameters: [query("dry", { type: "boolean" })],
        ...body({ type: "object", properties: { a: { type: "integer" } } }),
      }),
    ),
    calls: { run: "POST /run 0.01" },
    sends: [["run", { dry: true, a: 1 }, "POST /run?dry=true", '{"a":1}']],
  },
  {
    name: "a body that is a list",
    document: one("post", cent(body(TEXTS))),
    calls: { run: "POST /run 0.01" },
    sends: [["run", { body: ["a"] }, "POST /run", '["a"]']],
    use: `c.run({ body: ["a"] })`,
  },
  {
    name: "a body of text",
    document: one(
      "post",
      cent({ requestBody: { required: true, content: { "text/plain": { schema: { type: "string" } } } } }),
    ),
    calls: { run: "POST /run 0.01" },
    sends: [["run", { body: "a b" }, "POST /run", "a b"]],
  },
  {
    name: "a form",
    document: one(
      "post",
      cent({
        requestBody: {
          content: {
            "application/x-www-form-urlencoded": {
              schema: { type: "object", required: ["a"], properties: { a: { type: "string" }, b: TEXTS } },
            },
          },
        },
      }),
    ),
    calls: { run: "POST /run 0.01" },
    sends: [["run", { a: "x y", b: ["1", "2"] }, "POST /run", "a=x+y&b=1&b=2"]],
  },
  {
    name: "a form in parts",
    document: one(
      "post",
      cent({
        requestBody: {
          content: {
            "multipart/form-data": {
              schema: {
                type: "object",
                properties: { a: { type: "string" }, file: { type: "string", format: "binary" } },
              },
            },
          },
        },
      }),
    ),
    calls: { run: "POST /run 0.01" },
    use: 'void c.run({ a: "x", file: new Blob(["x"]) }); void c.run({ file: new Uint8Array([1]) })',
    sends: [
      [
        "run",
        { a: "x" },
        "POST /run",
        '--resource402\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--resource402--\r\n',
      ],
    ],
  },
  {
    name: "files among the parts of a form, and bytes",
    document: api({
      "/run": { get: { operationId: "run", ...cent() } },
      "/form": {
        post: {
          operationId: "form",
          ...cent({
            requestBody: {
              content: {
                "multipart/form-data": {
                  schema: {
                    type: "object",
                    required: ["file"],
                    properties: {
                      file: { type: "string", format: "binary" },
                      more: { type: "array", items: { type: "string", contentMediaType: "image/png" } },
                      about: { type: "object", properties: { title: { type: "string" } } },
                    },
                  },
                },
              },
            },
          }),
        },
      },
      "/bytes": {
        post: { operationId: "bytes", ...cent({ requestBody: { content: { "image/png": {} } } }) },
      },
    }),
    calls: { form: "POST /form 0.01", run: "GET /run 0.01" },
    use: 'void c.form({ file: new Blob(["x"]), more: [new Uint8Array([1])], about: { title: "t" } })',
    notes: ["POST /bytes is left out: its body is image/png, which this client cannot write"],
  },
  {
    name: "PUT, PATCH, DELETE and HEAD",
    document: api({
      "/run": {
        put: { operationId: "put", ...cent(body({ type: "object" })) },
        patch: { operationId: "patch", ...cent(body({ type: "object" })) },
        delete: { operationId: "remove", ...cent() },
        head: { operationId: "peek", ...cent() },
      },
    }),
    calls: { patch: "PATCH /run 0.01", put: "PUT /run 0.01", remove: "DELETE /run 0.01" },
    notes: ["HEAD /run is left out: its method cannot be called"],
    sends: [
      ["remove", {}, "DELETE /run"],
      ["patch", { a: 1 }, "PATCH /run", '{"a":1}'],
    ],
  },
  {
    name: "a body of GET, and a parameter in a cookie",
    document: one(
      "get",
      cent({
        parameters: [
          query("q", { type: "string" }),
          { name: "theme", in: "cookie", schema: { type: "string" } },
        ],
        ...body({ type: "object" }, false),
      }),
    ),
    calls: { run: "GET /run 0.01" },
    notes: ["GET /run is called without its body, which GET has none of"],
    sends: [["run", { q: "x" }, "GET /run?q=x"]],
    use: 'createClient({ baseUrl: "", payer: undefined as never, headers: { Cookie: "theme=dark" } })',
  },
  {
    name: "a cookie that is required",
    document: one(
      "get",
      cent({ parameters: [{ name: "sid", in: "cookie", required: true, schema: { type: "string" } }] }),
    ),
    calls: { run: "GET /run 0.01" },
    sends: [["run", {}, "GET /run"]],
    use: '// @ts-expect-error the cookie\n  createClient({ baseUrl: "", payer: undefined as never, headers: {} })',
  },
  {
    name: "a route of Express whose parameter is not declared",
    document: api({
      "/files/:fileId/parts/{part}": { get: { operationId: "run", ...cent() } },
      "/x:run": { post: cent() },
    }),
    calls: { run: "GET /files/:fileId/parts/:part 0.01", postXRun: "POST /x:run 0.01" },
    sends: [["run", { fileId: "a", part: 2 }, "GET /files/a/parts/2"]],
  },
];
