import { setTimeout as pause } from "node:timers/promises";
import { decodeHeader } from "../../../src/protocol/index.ts";
import {
  type Broken,
  both,
  challenges,
  changing,
  document,
  instead,
  isPaid,
  parsed,
  refusal,
  sales,
  unread,
  withHeaders,
} from "./bend.ts";

/** Faults in the responses to unpaid requests. */
export const BROKEN_ANSWERS: readonly Broken[] = [
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
    name: "asks for payment for a value of the wrong type",
    finds: "input-type",
    fault: instead((call) => sales(call) && typeof parsed(call)?.text === "object", unread),
  },
  {
    name: "asks for payment for an input without its required field",
    finds: "input-missing",
    fault: instead((call) => sales(call) && call.body === "{}", unread),
  },
  {
    name: "asks for payment for a body that is not JSON",
    finds: "input-json",
    fault: instead((call) => sales(call) && call.body.startsWith("{") && parsed(call) === undefined, unread),
  },
  {
    name: "fails at a plain text body",
    finds: "input-media",
    fault: instead(
      (call) => call.headers.get("content-type") === "text/plain",
      () => refusal(500, "An error occurred."),
    ),
  },
  {
    name: "accepts a body of any size",
    finds: "input-size",
    fault: instead((call) => call.body.length > 100_000, unread),
  },
  {
    name: "does not name the invalid field",
    finds: "input-named",
    fault: changing(
      ({ status }) => status === 400,
      () => refusal(400, "Bad request."),
    ),
  },
  {
    name: "refuses with an HTML page",
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
    name: "answers every URL with its HTML page",
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
    name: "fails at an invalid payment",
    finds: "payment-garbage",
    fault: instead(
      (call) => isPaid(call) && decodeHeader(call.headers.get("payment-signature") ?? "") === undefined,
      () => refusal(500, "An error occurred."),
    ),
  },
  {
    name: "accepts a forged signature",
    finds: "payment-garbage",
    fault: instead(
      (call) =>
        isPaid(call) &&
        JSON.stringify(decodeHeader(call.headers.get("payment-signature") ?? "") ?? "").includes("dEaD"),
      () => ({ status: 200, headers: { "content-type": "application/json" }, body: '{"text":"hello"}' }),
    ),
  },
  {
    name: "fails at a number that is too large for a double",
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
    name: "is free with a trailing slash",
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
    name: "shows its database query in the 402 to an invalid payment",
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
    name: "declares no idempotency key",
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
    name: "sends a header of 9,000 bytes",
    finds: "header-size",
    fault: changing(
      ({ status }) => status === 402,
      (answer) => withHeaders(answer, { "x-schema": "x".repeat(9_000) }),
    ),
  },
  {
    name: "sends headers that are too large for any client",
    finds: "header-size",
    fault: changing(
      ({ status }, { headers }) => status === 402 && headers.has("origin"),
      (answer) => withHeaders(answer, { "x-schema": "x".repeat(20_000) }),
    ),
  },
  {
    name: "answers a price request slowly",
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
    name: "lets caches store the 402",
    finds: "cache-challenge",
    fault: changing(
      ({ status }) => status === 402,
      (answer) => withHeaders(answer, { "cache-control": "public, max-age=60" }),
    ),
  },
  {
    name: "lets caches store errors",
    finds: "cache-errors",
    fault: changing(
      ({ status }) => status === 400,
      (answer) => withHeaders(answer, { "cache-control": "max-age=60" }),
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
