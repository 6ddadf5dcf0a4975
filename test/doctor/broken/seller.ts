import { randomUUID } from "node:crypto";
import { serve } from "@hono/node-server";
import type { World } from "resource402/testing";
import {
  decodeHeader,
  encodeHeader,
  isRecord,
  PAYMENT_IDENTIFIER,
  PAYMENT_IDENTIFIER_DECLARATION,
  type PaymentPayload,
  readPaymentPayload,
} from "../../../src/protocol/index.ts";

/**
 * A small, correct paid API, written by hand: one synchronous resource, and one that starts a job. It shares only the
 * header names with the library, so that the tests examine nothing but the wire format.
 */

export interface Call {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Handle = (call: Call) => Promise<Answer>;

/** Replaces some or all of the seller's responses. */
export type Fault = (call: Call, real: Handle) => Promise<Answer> | Answer;

export interface Seller {
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Resource {
  readonly summary: string;
  readonly usd: string;
  readonly amount: string;
  readonly isJob: boolean;
  readonly schema: Record<string, unknown>;
  readonly example: Record<string, unknown>;
}

const RESOURCES: Readonly<Record<string, Resource>> = {
  "/v1/echo": {
    ...{ summary: "Say a text again.", usd: "0.01", amount: "10000", isJob: false },
    schema: {
      type: "object",
      properties: {
        text: { type: "string", minLength: 1, maxLength: 200, description: "What to say." },
        times: { type: "integer", minimum: 1, maximum: 3, default: 1, description: "How often." },
      },
      required: ["text"],
    },
    example: { text: "hello" },
  },
  "/v1/render": {
    ...{ summary: "Draw a picture.", usd: "0.02", amount: "20000", isJob: true },
    schema: {
      type: "object",
      properties: { prompt: { type: "string", minLength: 1, maxLength: 500, description: "What to draw." } },
      required: ["prompt"],
    },
    example: { prompt: "a lighthouse" },
  },
};

const MAX_BODY_LENGTH = 64 * 1024;
const JSON_TYPE = { "content-type": "application/json" };
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "payment-required, payment-response, retry-after, location",
};

/** Serves the API, with at most one fault, on a free port of this machine. */
export async function openSeller(world: World, fault?: Fault): Promise<Seller> {
  let url = "";
  const real = createHandle(world, () => url);
  const handle: Handle = fault ? async (call) => fault(call, real) : real;
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const call: Call = {
      ...{ method: request.method, path: pathname, url: request.url, headers: request.headers },
      body: await request.text(),
    };
    const { status, headers, body } = await handle(call);
    return new Response(status === 204 || call.method === "HEAD" ? null : body, {
      status,
      headers: { ...CORS, ...headers },
    });
  };
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const started = serve({ fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
      url = `http://127.0.0.1:${port}`;
      resolve(started);
    });
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function createHandle(world: World, base: () => string): Handle {
  const calls = new Map<string, { readonly input: string; readonly answer: Promise<Answer> }>();
  const jobs = new Map<string, { polls: number; readonly prompt: string }>();

  return async (call) => {
    const { method, path } = call;
    if (method === "OPTIONS") return preflight();
    const resource = RESOURCES[path];
    if (resource)
      return method === "POST" ? sell(path, resource, call) : problem(405, "Use POST.", { allow: "POST" });
    if (method !== "GET") return problem(404, "There is nothing at this address.");
    const job = /^\/v1\/jobs\/([\w-]+)$/.exec(path)?.[1];
    if (job !== undefined) return status(job);
    return published(path) ?? problem(404, "There is nothing at this address.");
  };

  async function sell(path: string, resource: Resource, call: Call): Promise<Answer> {
    const offer = {
      ...{ scheme: "exact", network: world.network, asset: world.asset, amount: resource.amount },
      ...{ payTo: world.seller.address, maxTimeoutSeconds: 60 },
      extra: {
        ...{ name: "USDC", version: "2" },
        pricing: { amount: resource.usd, currency: "USDC", description: resource.summary },
      },
    };
    const challenge = (error: string): Answer => {
      const v2 = {
        ...{ x402Version: 2, error, accepts: [offer] },
        resource: { url: base() + path, description: resource.summary, mimeType: "application/json" },
        extensions: { [PAYMENT_IDENTIFIER]: PAYMENT_IDENTIFIER_DECLARATION },
      };
      const { amount, network: _, ...same } = offer;
      const v1 = {
        ...same,
        ...{ network: "base-sepolia", maxAmountRequired: amount, resource: base() + path },
        ...{ description: resource.summary, mimeType: "application/json" },
        outputSchema: { input: inputOf(resource), output: { type: "object" } },
      };
      return {
        status: 402,
        headers: { ...JSON_TYPE, "cache-control": "no-store", "payment-required": encodeHeader(v2) },
        body: JSON.stringify({ x402Version: 1, error, accepts: [v1] }),
      };
    };
    if (call.body === "") return challenge("Payment required");
    if (call.body.length > MAX_BODY_LENGTH) return problem(413, "The body is too large.");
    const input = read(call.body, resource.schema);
    if ("wrong" in input) return problem(400, input.wrong);
    const header = call.headers.get("payment-signature") ?? call.headers.get("x-payment");
    if (header === null) return challenge("Payment required");
    const payment = readPaymentPayload(decodeHeader(header));
    if (!payment) return problem(400, "The payment cannot be read.");
    if (JSON.stringify(payment.accepted) !== JSON.stringify(offer))
      return challenge("The payment matches no offer.");
    const key = call.headers.get("idempotency-key") ?? nonceOf(payment);
    const known = calls.get(key);
    if (known) {
      return known.input === call.body ? known.answer : problem(422, "The key was used for another input.");
    }
    const answer = buy(resource, input.value, payment, challenge);
    calls.set(key, { input: call.body, answer });
    if ((await answer).status >= 400) calls.delete(key);
    return answer;
  }

  async function buy(
    resource: Resource,
    input: Record<string, unknown>,
    payment: PaymentPayload,
    challenge: (error: string) => Answer,
  ): Promise<Answer> {
    const { facilitator } = world;
    const requirements = payment.accepted;
    const verdict = await facilitator.verify(payment, requirements);
    if (!verdict.isValid) return challenge(verdict.invalidReason ?? "invalid");
    const settled = await facilitator.settle(payment, requirements);
    if (!settled.success) return challenge(settled.errorReason ?? "not settled");
    const headers = {
      ...JSON_TYPE,
      "cache-control": "private, no-store",
      "payment-response": encodeHeader(settled),
    };
    if (!resource.isJob) {
      const text = Array.from({ length: Number(input.times ?? 1) }, () => input.text).join(" ");
      return { status: 200, headers, body: JSON.stringify({ text }) };
    }
    const jobId = randomUUID();
    jobs.set(jobId, { polls: 0, prompt: String(input.prompt) });
    const statusUrl = `${base()}/v1/jobs/${jobId}`;
    return {
      status: 202,
      headers: { ...headers, location: statusUrl, "retry-after": "0" },
      body: JSON.stringify({ success: true, jobId, statusUrl, state: "processing" }),
    };
  }

  /** A job that is half done at the first poll, and done at the second. */
  function status(id: string): Answer {
    const job = jobs.get(id);
    if (!job) return problem(404, "There is no such job.");
    job.polls += 1;
    return job.polls === 1
      ? {
          status: 200,
          headers: { ...JSON_TYPE, "cache-control": "no-store", "retry-after": "0" },
          body: JSON.stringify({ jobId: id, state: "processing", status: "running", progress: 50 }),
        }
      : {
          status: 200,
          headers: { ...JSON_TYPE, "cache-control": "private, max-age=3600, immutable" },
          body: JSON.stringify({
            jobId: id,
            state: "succeeded",
            progress: 100,
            result: { drawn: job.prompt },
          }),
        };
  }
}

/** The description of the input for x402 v1. */
function inputOf({ schema }: Resource): object {
  const required = schema.required as string[];
  const properties = schema.properties as Record<string, Record<string, unknown>>;
  const bodyFields = Object.fromEntries(
    Object.entries(properties).map(([name, { type, description }]) => [
      name,
      { type, description, required: required.includes(name) },
    ]),
  );
  return { type: "http", method: "POST", bodyType: "json", bodyFields };
}

function nonceOf({ payload }: PaymentPayload): string {
  return isRecord(payload.authorization) ? String(payload.authorization.nonce) : "";
}

/** The input, or the reason why it is invalid. Supports only the parts of JSON Schema that are used above. */
function read(
  text: string,
  schema: Record<string, unknown>,
): { readonly value: Record<string, unknown> } | { readonly wrong: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { wrong: "The body is not valid JSON." };
  }
  if (!isRecord(value)) return { wrong: "The body is not a JSON object." };
  const properties = schema.properties as Record<string, Record<string, number | string>>;
  for (const [name, { type, maxLength = 0, minimum = 0, maximum = 0 }] of Object.entries(properties)) {
    const one = Object.hasOwn(value, name) ? value[name] : undefined;
    if (one === undefined && !(schema.required as string[]).includes(name)) continue;
    const isRight =
      type === "string"
        ? typeof one === "string" && one !== "" && one.length <= Number(maxLength)
        : Number.isInteger(one) && Number(one) >= Number(minimum) && Number(one) <= Number(maximum);
    if (!isRight) return { wrong: `${name} is missing, of another type or out of its bounds.` };
  }
  return { value };
}

function problem(status: number, detail: string, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
    body: JSON.stringify({ type: "about:blank", title: "Refused", status, detail }),
  };
}

function preflight(): Answer {
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, OPTIONS",
      "access-control-allow-headers": "content-type, payment-signature, idempotency-key",
    },
    body: "",
  };
}

function published(path: string): Answer | undefined {
  const text = PUBLISHED[path];
  if (text === undefined) return undefined;
  return {
    status: 200,
    headers: path.endsWith(".txt") ? { "content-type": "text/plain" } : JSON_TYPE,
    body: text,
  };
}

const JOB_PATH = {
  parameters: [{ name: "jobId", in: "path", required: true, schema: { type: "string" } }],
  get: {
    operationId: "getJob",
    summary: "Ask how a job stands.",
    responses: { "200": { description: "The job." } },
  },
};

const ACCEPTED = {
  type: "object",
  properties: { jobId: { type: "string" }, statusUrl: { type: "string" }, state: { type: "string" } },
  required: ["jobId", "statusUrl", "state"],
};

const PUBLISHED: Readonly<Record<string, string>> = {
  "/openapi.json": JSON.stringify({
    openapi: "3.1.0",
    info: { title: "Small seller", version: "1.0.0" },
    paths: {
      ...Object.fromEntries(
        Object.entries(RESOURCES).map(([path, { summary, usd, schema, example, isJob }]) => [
          path,
          {
            post: {
              summary,
              "x-payment-info": {
                price: { mode: "fixed", currency: "USD", amount: usd },
                protocols: [{ x402: {} }],
              },
              parameters: [{ name: "Idempotency-Key", in: "header", schema: { type: "string" } }],
              requestBody: { required: true, content: { "application/json": { schema, example } } },
              responses: {
                [isJob ? "202" : "200"]: {
                  description: "The answer.",
                  content: { "application/json": { schema: isJob ? ACCEPTED : { type: "object" } } },
                },
                "402": { description: "Payment required." },
              },
            },
          },
        ]),
      ),
      "/v1/jobs/{jobId}": JOB_PATH,
    },
  }),
  "/llms.txt": "# Small seller\n\nPOST /v1/echo costs $0.01, POST /v1/render $0.02.\n",
  "/.well-known/x402": JSON.stringify({ version: 1, resources: ["/v1/echo", "/v1/render"] }),
};
