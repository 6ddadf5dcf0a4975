/** A document of a third party, written for this corpus, and what becomes of it. */
export interface Sample {
  readonly name: string;
  /** Its value, or its text where the form matters. */
  readonly document: unknown;
  /** The address that it was fetched from. */
  readonly url?: string;
  /** By the name of the call: method, path and price. */
  readonly calls: Readonly<Record<string, string>>;
  readonly notes?: readonly string[];
  readonly baseUrl?: string;
  /** Requests, by the name of the call: its input, then what is sent. */
  readonly sends?: readonly (readonly [call: string, input: object, request: string, body?: string])[];
  /** TypeScript that uses the client `c`, and compiles. */
  readonly use?: string;
}

type Json = Readonly<Record<string, unknown>>;

export const JSON_OK = {
  200: { description: "Done.", content: { "application/json": { schema: { type: "object" } } } },
};
const ASKED = { 402: { description: "Pay first." } };

/** An operation that is paid with x402. */
export function paid(info: unknown, more: Json = {}): Json {
  return { "x-payment-info": info, responses: { ...JSON_OK, ...ASKED }, ...more };
}

/** The same for one cent. */
export function cent(more: Json = {}): Json {
  return paid({ protocols: ["x402"], price: "0.01" }, more);
}

/** A body of JSON. */
export function body(schema: unknown, required = true): Json {
  return { requestBody: { required, content: { "application/json": { schema } } } };
}

/** A parameter of the query. */
export function query(name: string, schema: Json, more: Json = {}): Json {
  return { name, in: "query", schema, ...more };
}

/** A whole document. */
export function api(paths: Json, more: Json = {}): Json {
  return {
    openapi: "3.1.0",
    info: { title: "Sample", version: "1" },
    servers: [{ url: "https://api.example" }],
    paths,
    ...more,
  };
}

/** A document with one paid operation at `/run`. */
export function one(method: string, operation: Json, more: Json = {}): Json {
  return api({ "/run": { [method]: { operationId: "run", ...operation } } }, more);
}
