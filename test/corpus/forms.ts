import { api, body, cent, JSON_OK, one, type Sample } from "./document.ts";

const simple = { "/run": { get: { operationId: "run", ...cent() } } };

/** Documents as they are written, saved and served. */
export const FORMS: readonly Sample[] = [
  {
    name: "a byte order mark",
    document: `\uFEFF${JSON.stringify(api(simple))}`,
    calls: { run: "GET /run 0.01" },
  },
  {
    name: "YAML",
    document: `# A comment
openapi: 3.0.3
info: { title: Weather, version: "1" }
servers: [{ url: https://api.example }]
paths:
  /run:
    get:
      operationId: run
      x-payment-info: { protocols: [x402], price: "0.01" }
      parameters: &shared
        - { name: q, in: query, schema: { type: string } }
      responses: { 200: { description: Done. }, 402: { description: Pay first. } }
  /again:
    get:
      operationId: again
      x-payment-info: { protocols: [x402], price: 0.02 }
      parameters: *shared
      responses: { 200: { description: Done. } }
`,
    calls: { again: "GET /again 0.02", run: "GET /run 0.01" },
    sends: [["again", { q: "x" }, "GET /again?q=x"]],
  },
  {
    name: "OpenAPI 2.0",
    document: {
      swagger: "2.0",
      info: { title: "Old", version: "1" },
      host: "api.example",
      basePath: "/v2",
      schemes: ["https"],
      consumes: ["application/json"],
      produces: ["application/json"],
      paths: {
        "/run": {
          post: {
            operationId: "run",
            "x-payment-info": { price: "0.01" },
            parameters: [
              { name: "body", in: "body", required: true, schema: { $ref: "#/definitions/Order" } },
            ],
            responses: {
              200: {
                description: "Done.",
                schema: { type: "object", properties: { ok: { type: "boolean" } } },
              },
            },
          },
        },
      },
      definitions: { Order: { type: "object", required: ["q"], properties: { q: { type: "string" } } } },
    },
    calls: { run: "POST /run 0.01" },
    baseUrl: "https://api.example/v2",
    use: `c.run({ q: "x" })`,
  },
  {
    name: "a relative server",
    document: api(simple, { servers: [{ url: "../v1" }] }),
    url: "https://docs.example/api/openapi.json",
    calls: { run: "GET /run 0.01" },
    baseUrl: "https://docs.example/v1",
  },
  {
    name: "no server",
    document: api(simple, { servers: undefined }),
    url: "https://docs.example/openapi.json",
    calls: { run: "GET /run 0.01" },
    baseUrl: "https://docs.example",
  },
  {
    name: "a server with variables",
    document: api(simple, {
      servers: [
        {
          url: "https://{region}.api.example/{stage}",
          variables: { region: { default: "eu" }, stage: { enum: ["v3"] } },
        },
      ],
    }),
    calls: { run: "GET /run 0.01" },
    baseUrl: "https://eu.api.example/v3",
  },
  {
    name: "the server of its author's machine",
    document: api(simple, { servers: [{ url: "http://localhost:3000/api" }] }),
    url: "https://docs.example/openapi.json",
    calls: { run: "GET /run 0.01" },
    baseUrl: "https://docs.example/api",
    notes: [
      "its server http://localhost:3000/api cannot be reached from here: https://docs.example/api is called",
    ],
  },
  {
    name: "a server of its author's machine beside another",
    document: api(simple, { servers: [{ url: "http://127.0.0.1:8000" }, { url: "https://live.example" }] }),
    url: "https://docs.example/openapi.json",
    calls: { run: "GET /run 0.01" },
    baseUrl: "https://live.example",
  },
  {
    name: "an operation on a server of its own",
    document: api({
      "/run": { get: { operationId: "run", ...cent({ servers: [{ url: "https://upload.example/v2" }] }) } },
      "/near": { servers: [{ url: "/beta" }], get: { operationId: "near", ...cent() } },
    }),
    calls: { near: "GET /near 0.01", run: "GET /run 0.01" },
    sends: [
      ["run", {}, "GET https://upload.example/v2/run"],
      ["near", {}, "GET /beta/near"],
    ],
  },
  {
    name: "operations without names, or with names of code",
    document: api({
      "/a/{id}": { get: cent() },
      "/class": { get: { operationId: "class", ...cent() } },
      "/x": {
        get: { operationId: "get x!", ...cent() },
        post: { operationId: "get_x", ...cent(body({ type: "object" })) },
      },
    }),
    calls: {
      callClass: "GET /class 0.01",
      getAId: "GET /a/:id 0.01",
      getX: "GET /x 0.01",
      getX2: "POST /x 0.01",
    },
  },
  {
    name: "answers of text, of bytes, of events, and none",
    document: api({
      "/text": {
        get: {
          operationId: "text",
          ...cent({ responses: { 200: { description: "Text.", content: { "text/plain": {} } } } }),
        },
      },
      "/bytes": {
        get: {
          operationId: "bytes",
          ...cent({
            responses: { 200: { description: "A picture.", content: { "image/png": {}, "image/webp": {} } } },
          }),
        },
      },
      "/events": {
        get: {
          operationId: "events",
          ...cent({ responses: { 200: { description: "News.", content: { "text/event-stream": {} } } } }),
        },
      },
      "/none": { delete: { operationId: "none", ...cent({ responses: { 204: { description: "Gone." } } }) } },
      "/created": {
        post: {
          operationId: "created",
          ...cent({
            responses: {
              201: {
                description: "Made.",
                content: {
                  "application/json": {
                    schema: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
                  },
                },
              },
            },
          }),
        },
      },
    }),
    calls: {
      bytes: "GET /bytes 0.01",
      created: "POST /created 0.01",
      events: "GET /events 0.01",
      none: "DELETE /none 0.01",
      text: "GET /text 0.01",
    },
    use: `c.text({}).then((text: string) => text);\nc.bytes({}).then((file: Blob) => file.size);\nc.events({}).then(async (all) => {\n    for await (const { data } of all) data.trim();\n  });\nc.created({}).then(({ id }) => id.length)`,
  },
  {
    name: "free operations beside paid ones",
    document: api({ "/health": { get: { operationId: "health", responses: JSON_OK } }, ...simple }),
    calls: { health: "GET /health free", run: "GET /run 0.01" },
  },
  {
    name: "a deprecated operation",
    document: one("get", cent({ deprecated: true })),
    calls: { run: "GET /run 0.01" },
  },
  {
    name: "a sign-in with the wallet beside a bearer token",
    document: one("get", cent({ security: [{ bearer: [] }, { siwx: [] }] }), {
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          siwx: { type: "apiKey", in: "header", name: "SIGN-IN-WITH-X" },
        },
      },
    }),
    calls: { run: "GET /run 0.01" },
    use: `createClient({ baseUrl: "https://api.example" }).run({})`,
  },
  {
    name: "a job of its own make",
    document: one("post", {
      "x-payment-info": { price: "0.10" },
      responses: {
        202: {
          description: "Accepted.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: { job_id: { type: "string" }, status_url: { type: "string" } },
              },
            },
          },
        },
      },
    }),
    calls: { run: "POST /run 0.10" },
    use: `c.run.start({}).then((job) => job.id)`,
  },
];
