import { setTimeout as pause } from "node:timers/promises";
import { decodeHeader, encodeHeader } from "../../../src/wire/index.ts";
import type { Answer, Call, Fault, Handle } from "./seller.ts";

/** One server that is broken in one way. */
export interface Broken {
  readonly name: string;
  /** The check that must find it, and no other. */
  readonly finds: string;
  readonly fault: Fault;
  /** The resource that is examined. @default "/v1/echo" */
  readonly path?: string;
  /** Whether it shows only when something is bought. */
  readonly paid?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: documents are bent out of shape here
type Document = any;

/** Changes both versions of every challenge; a document that is `undefined` afterwards is left out. */
function challenges(change: (v2: Document, v1: Document) => void): Fault {
  return changing(
    ({ status }) => status === 402,
    (answer) => {
      const v2 = decodeHeader(answer.headers["payment-required"] ?? "");
      const v1 = JSON.parse(answer.body) as Document;
      change(v2, v1);
      const headers = { ...answer.headers, "payment-required": encodeHeader(v2) };
      return { ...answer, headers, body: JSON.stringify(v1) };
    },
  );
}

function offers(change: (offer: Document) => void): Fault {
  return challenges((v2, v1) => {
    for (const offer of [...v2.accepts, ...v1.accepts]) change(offer);
  });
}

function changing(
  which: (answer: Answer, call: Call) => boolean,
  change: (answer: Answer, call: Call) => Answer,
): Fault {
  return async (call, real) => {
    const answer = await real(call);
    return which(answer, call) ? change(answer, call) : answer;
  };
}

/** Answers some calls itself. */
function instead(
  which: (call: Call) => boolean,
  answer: (call: Call, real: Handle) => Answer | Promise<Answer>,
): Fault {
  return (call, real) => (which(call) ? answer(call, real) : real(call));
}

function withHeaders(answer: Answer, headers: Record<string, string>): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

function without(answer: Answer, name: string): Answer {
  const { [name]: _, ...headers } = answer.headers;
  return { ...answer, headers };
}

function both(outer: Fault, inner: Fault): Fault {
  return (call, real) => outer(call, async (same) => inner(same, real));
}

/** The published document, changed. */
function document(change: (operation: Document, document: Document) => void): Fault {
  return changing(
    (_, { path }) => path === "/openapi.json",
    (answer) => {
      const whole = JSON.parse(answer.body) as Document;
      change(whole.paths["/v1/echo"].post, whole);
      return { ...answer, body: JSON.stringify(whole) };
    },
  );
}

function sales({ method, path }: Call): boolean {
  return method === "POST" && !path.startsWith("/v1/jobs");
}

function parsed(call: Call): Document {
  try {
    return JSON.parse(call.body);
  } catch {
    return undefined;
  }
}

/** The price of the resource, whatever was sent. */
function unread(call: Call, real: Handle): Promise<Answer> {
  return real({ ...call, body: "" });
}

function refusal(status: number, detail: string): Answer {
  return {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
    body: JSON.stringify({ title: "Refused", status, detail }),
  };
}

const isPaid = (call: Call): boolean => call.headers.has("payment-signature");

export const BROKEN: readonly Broken[] = [
  {
    name: "asks a probe for its input before it tells the price",
    finds: "challenge",
    fault: instead(
      (call) => sales(call) && call.body === "",
      () => refusal(400, "text is missing."),
    ),
  },
  {
    name: "writes the network by its old name in v2",
    finds: "challenge-v2",
    // The rest of the challenge would be judged by the network, so another entry stands beside it.
    fault: challenges((v2) => {
      v2.accepts.push({ ...v2.accepts[0], network: "base-sepolia" });
    }),
  },
  {
    name: "sends an amount as a number",
    finds: "challenge-v2",
    fault: challenges((v2) => {
      v2.accepts[0].amount = Number(v2.accepts[0].amount);
    }),
  },
  {
    name: "sends the header as plain JSON",
    finds: "challenge-v2",
    fault: changing(
      ({ status }, call) => status === 402 && call.body === "",
      (answer) => withHeaders(answer, { "payment-required": JSON.stringify({ x402Version: 2 }) }),
    ),
  },
  {
    name: "forgets maxAmountRequired in v1",
    finds: "challenge-v1",
    fault: challenges((_, v1) => {
      v1.accepts.push({ ...v1.accepts[0], maxTimeoutSeconds: undefined });
    }),
  },
  {
    name: "asks for another amount in v1 than in v2",
    finds: "challenge-versions",
    fault: challenges((_, v1) => {
      v1.accepts[0].maxAmountRequired = "10001";
      v1.accepts[0].extra.pricing.amount = "0.010001";
    }),
  },
  {
    name: "has v1 buyers pay another address",
    finds: "challenge-versions",
    fault: challenges((_, v1) => {
      v1.accepts[0].payTo = "0x000000000000000000000000000000000000dEaD";
    }),
  },
  {
    name: "names the address behind the proxy",
    finds: "challenge-resource",
    fault: challenges((v2) => {
      v2.resource.url = "http://seller.internal:3000/v1/echo";
    }),
  },
  {
    name: "does not name the token's domain",
    finds: "challenge-domain",
    fault: offers((offer) => {
      delete offer.extra.version;
    }),
  },
  {
    name: "makes offers that stand for a day",
    finds: "challenge-time",
    fault: offers((offer) => {
      offer.maxTimeoutSeconds = 86_400;
    }),
  },
  {
    name: "pays out to a new address every time",
    finds: "challenge-stable",
    fault: (() => {
      let count = 0;
      return challenges((v2, v1) => {
        count += 1;
        const payTo = `0x${String(count).padStart(40, "0")}`;
        v2.accepts[0].payTo = payTo;
        v1.accepts[0].payTo = payTo;
      });
    })(),
  },
  {
    name: "sends the header with the probe alone",
    finds: "challenge-payable",
    fault: changing(
      ({ status }, call) => status === 402 && call.body !== "" && !isPaid(call),
      (answer) => without(answer, "payment-required"),
    ),
  },
  {
    name: "says nothing of the price in words",
    finds: "price-shown",
    fault: both(
      document((operation) => {
        delete operation["x-payment-info"];
      }),
      offers((offer) => {
        delete offer.extra.pricing;
      }),
    ),
  },
  {
    name: "asks for ten times of what it says",
    finds: "price-agrees",
    fault: offers((offer) => {
      offer.extra.pricing.amount = "0.001";
    }),
  },
  {
    name: "publishes an old price",
    finds: "price-document",
    fault: document((operation) => {
      operation["x-payment-info"].price.amount = "0.005";
    }),
  },
  {
    name: "offers another price on another network",
    finds: "price-input",
    fault: challenges((v2) => {
      v2.accepts.push({
        ...v2.accepts[0],
        network: "eip155:8453",
        asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        amount: "20000",
        extra: {
          ...v2.accepts[0].extra,
          pricing: { amount: "0.02", currency: "USDC", description: "Say it." },
        },
      });
    }),
  },
  {
    name: "does not say what it sells",
    finds: "describes-resource",
    fault: both(
      document((operation) => {
        delete operation.summary;
      }),
      challenges((v2, v1) => {
        delete v2.resource.description;
        v1.accepts[0].description = "";
      }),
    ),
  },
  {
    name: "leaves a field without description",
    finds: "describes-input",
    fault: document((operation) => {
      const { schema } = operation.requestBody.content["application/json"];
      delete schema.properties.times.description;
    }),
  },
  {
    name: "does not say how long a text may be",
    finds: "describes-limits",
    fault: document((operation) => {
      const { schema } = operation.requestBody.content["application/json"];
      delete schema.properties.text.maxLength;
    }),
  },
  {
    name: "does not say what comes back",
    finds: "describes-output",
    fault: both(
      document((operation) => {
        delete operation.responses["200"].content;
      }),
      challenges((_, v1) => {
        delete v1.accepts[0].outputSchema.output;
      }),
    ),
  },
  {
    name: "refuses its own example",
    finds: "input-example",
    fault: document((operation) => {
      operation.requestBody.content["application/json"].example = { text: "hello", times: 9 };
    }),
  },
  {
    name: "gives everything away",
    finds: "input-example",
    fault: instead(
      (call) =>
        sales(call) &&
        !isPaid(call) &&
        typeof parsed(call)?.text === "string" &&
        call.body.length < 100 &&
        call.path === "/v1/echo" &&
        !call.headers.has("prefer") &&
        !call.url.includes("?"),
      () => ({ status: 200, headers: { "content-type": "application/json" }, body: "{}" }),
    ),
  },
  {
    name: "asks money for a value of the wrong type",
    finds: "input-type",
    fault: instead((call) => sales(call) && typeof parsed(call)?.text === "object", unread),
  },
  {
    name: "asks money for an input without its required field",
    finds: "input-missing",
    fault: instead((call) => sales(call) && call.body === "{}", unread),
  },
  {
    name: "asks money for a body that is no JSON",
    finds: "input-json",
    fault: instead((call) => sales(call) && call.body.startsWith("{") && parsed(call) === undefined, unread),
  },
  {
    name: "falls over plain text",
    finds: "input-media",
    fault: instead(
      (call) => call.headers.get("content-type") === "text/plain",
      () => refusal(500, "An error occurred."),
    ),
  },
  {
    name: "takes a body of any size",
    finds: "input-size",
    fault: instead((call) => call.body.length > 100_000, unread),
  },
  {
    name: "does not say which field is wrong",
    finds: "input-named",
    fault: changing(
      ({ status }) => status === 400,
      () => refusal(400, "Bad request."),
    ),
  },
  {
    name: "refuses with a page",
    finds: "input-problem",
    fault: changing(
      ({ status }) => status === 400,
      (answer) =>
        withHeaders(
          { ...answer, body: "<h1>text and times are wrong</h1>" },
          { "content-type": "text/html" },
        ),
    ),
  },
  {
    name: "knows every job there never was",
    finds: "job-unknown",
    fault: instead(
      ({ path }) => path.startsWith("/v1/jobs/"),
      () => ({ status: 200, headers: { "cache-control": "no-store" }, body: '{"state":"processing"}' }),
    ),
  },
  {
    name: "says done instead of succeeded",
    finds: "job-states",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ body }, { path }) => path.startsWith("/v1/jobs/") && body.includes("succeeded"),
      (answer) => ({ ...answer, body: answer.body.replace("succeeded", "done") }),
    ),
  },
  {
    name: "lets progress go back",
    finds: "job-states",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ body }, { path }) => path.startsWith("/v1/jobs/") && body.includes("succeeded"),
      (answer) => ({ ...answer, body: answer.body.replace('"progress":100', '"progress":20') }),
    ),
  },
  {
    name: "does not say when to ask for a job",
    finds: "job-accepted",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ status }) => status === 202,
      (answer) => without(answer, "retry-after"),
    ),
  },
  {
    name: "lets caches keep a running job",
    finds: "job-caching",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ status }, { path }) => status === 200 && path.startsWith("/v1/jobs/"),
      (answer) => withHeaders(answer, { "cache-control": "max-age=60" }),
    ),
  },
  {
    name: "ends a job without its result",
    finds: "job-result",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ body }, { path }) => path.startsWith("/v1/jobs/") && body.includes("succeeded"),
      (answer) => ({ ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), result: undefined }) }),
    ),
  },
  {
    name: "takes no payment at all",
    finds: "paid-answer",
    paid: true,
    fault: instead(isPaid, unread),
  },
  {
    name: "gives no receipt",
    finds: "paid-receipt",
    paid: true,
    fault: changing(
      ({ status }) => status === 200,
      (answer) => without(answer, "payment-response"),
    ),
  },
  {
    name: "lets every cache keep what one has paid for",
    finds: "paid-caching",
    paid: true,
    fault: changing(
      ({ headers }) => headers["payment-response"] !== undefined,
      (answer) => withHeaders(answer, { "cache-control": "public, max-age=600" }),
    ),
  },
  {
    name: "does the work for each copy of a payment",
    finds: "paid-concurrent",
    paid: true,
    fault: (() => {
      let made = 0;
      return changing(
        ({ status }) => status === 200,
        (answer, call) => {
          if (isPaid(call)) made += 1;
          // It knows the call again once it has been made.
          return isPaid(call)
            ? { ...answer, body: JSON.stringify({ text: "hello", serial: Math.min(made, 3) }) }
            : answer;
        },
      );
    })(),
  },
  {
    name: "answers a repeated call with a new challenge",
    finds: "paid-replay",
    paid: true,
    fault: (() => {
      let sold = 0;
      return async (call: Call, real: Handle) => {
        if (!isPaid(call) || parsed(call)?.text !== "hello") return real(call);
        const answer = await real(call);
        if (answer.status === 200) sold += 1;
        return sold > 3 ? unread(call, real) : answer;
      };
    })(),
  },
  {
    name: "gives the answer to another question under the same key",
    finds: "paid-conflict",
    paid: true,
    fault: (() => {
      const first = new Map<string, Call>();
      return (call: Call, real: Handle) => {
        const key = isPaid(call) ? call.headers.get("idempotency-key") : null;
        if (key === null || parsed(call)?.text === undefined) return real(call);
        first.set(key, first.get(key) ?? call);
        return real(first.get(key) ?? call);
      };
    })(),
  },
  {
    name: "publishes no OpenAPI document",
    finds: "discovery-openapi",
    fault: instead(
      ({ path }) => path === "/openapi.json",
      () => refusal(404, "There is nothing at this address."),
    ),
  },
  {
    name: "lists a resource without its 402",
    finds: "discovery-operation",
    fault: document((operation) => {
      delete operation.responses["402"];
    }),
  },
  {
    name: "answers every address with its page",
    finds: "discovery-llms",
    fault: instead(
      ({ path }) => path === "/llms.txt",
      () => ({
        status: 200,
        headers: { "content-type": "text/html" },
        body: "<!doctype html><title>Shop</title>",
      }),
    ),
  },
  {
    name: "lists no resources",
    finds: "discovery-well-known",
    fault: instead(
      ({ path }) => path === "/.well-known/x402",
      () => refusal(404, "There is nothing at this address."),
    ),
  },
  {
    name: "fails at a payment that is none",
    finds: "payment-garbage",
    fault: instead(
      (call) => isPaid(call) && decodeHeader(call.headers.get("payment-signature") ?? "") === undefined,
      () => refusal(500, "An error occurred."),
    ),
  },
  {
    name: "believes a forged signature",
    finds: "payment-garbage",
    fault: instead(
      (call) =>
        isPaid(call) &&
        JSON.stringify(decodeHeader(call.headers.get("payment-signature") ?? "") ?? "").includes("dEaD"),
      () => ({ status: 200, headers: { "content-type": "application/json" }, body: '{"text":"hello"}' }),
    ),
  },
  {
    name: "fails at a number that no double holds",
    finds: "errors-odd",
    fault: instead(
      ({ body }) => body.includes("1e4000"),
      () => refusal(500, "An error occurred."),
    ),
  },
  {
    name: "fails at HEAD",
    finds: "errors-methods",
    fault: instead(
      ({ method }) => method === "HEAD",
      () => refusal(500, "An error occurred."),
    ),
  },
  {
    name: "is free with a slash at the end",
    finds: "gate-spelling",
    fault: instead(
      ({ path, method }) => path === "/v1/echo/" && method === "POST",
      () => ({ status: 200, headers: { "content-type": "application/json" }, body: '{"text":"hello"}' }),
    ),
  },
  {
    name: "shows a stack trace in a refusal",
    finds: "errors-leak",
    fault: changing(
      ({ status }) => status === 400,
      (answer) => ({
        ...answer,
        body: JSON.stringify({
          detail: "text and times are wrong",
          stack: "Wrong\n    at check (check.js:12:5)",
        }),
      }),
    ),
  },
  {
    name: "shows its query in the 402 to a bad payment",
    finds: "errors-leak",
    fault: changing(
      ({ status }, call) => status === 402 && isPaid(call),
      (answer) => ({
        ...answer,
        body: answer.body.replace('"error":"', '"error":"SELECT id FROM payments: '),
      }),
    ),
  },
  {
    name: "names its framework",
    finds: "errors-banner",
    fault: changing(
      () => true,
      (answer) => withHeaders(answer, { "x-powered-by": "Express" }),
    ),
  },
  {
    name: "says nothing of keys",
    finds: "idempotency",
    fault: both(
      document((operation) => {
        operation.parameters = [];
      }),
      challenges((v2) => {
        v2.extensions = {};
      }),
    ),
  },
  {
    name: "sends a header of nine thousand bytes",
    finds: "header-size",
    fault: changing(
      ({ status }) => status === 402,
      (answer) => withHeaders(answer, { "x-schema": "x".repeat(9_000) }),
    ),
  },
  {
    name: "sends headers that no client reads",
    finds: "header-size",
    fault: changing(
      ({ status }, { headers }) => status === 402 && headers.has("origin"),
      (answer) => withHeaders(answer, { "x-schema": "x".repeat(20_000) }),
    ),
  },
  {
    name: "thinks long about the price",
    finds: "answer-time",
    fault: instead(
      (call) => sales(call) && call.body === "",
      async (call, real) => {
        await pause(1_500);
        return real(call);
      },
    ),
  },
  {
    name: "lets caches keep the 402",
    finds: "cache-challenge",
    fault: changing(
      ({ status }) => status === 402,
      (answer) => withHeaders(answer, { "cache-control": "public, max-age=60" }),
    ),
  },
  {
    name: "lets caches keep errors",
    finds: "cache-errors",
    fault: changing(
      ({ status }) => status === 400,
      (answer) => without(answer, "cache-control"),
    ),
  },
  {
    name: "hides the challenge from browsers",
    finds: "cors",
    fault: changing(
      () => true,
      (answer) => withHeaders(answer, { "access-control-expose-headers": "retry-after" }),
    ),
  },
];
