import { isRecord } from "../../../src/protocol/index.ts";
import { jsonOf } from "../challenge.ts";
import { type Check, fault, PASSED, skipped } from "../check.ts";
import { evidenceOf, shown } from "../wire.ts";

export const DISCOVERY_CHECKS: readonly Check[] = [
  {
    id: "discovery-openapi",
    title: "The host publishes an OpenAPI document",
    severity: "warning",
    scope: "api",
    why: "Marketplaces and agents read it first, and client generators start from it.",
    source: "practice: GET /openapi.json; OpenAPI 3.1",
    fix: "Serve the API's OpenAPI 3.1 document at /openapi.json.",
    look: ({ site }) => {
      const { isDocumented, problem, openapi } = site;
      if (isDocumented) return PASSED;
      const evidence = evidenceOf(openapi, ["content-type"]);
      return problem === undefined
        ? fault("There is no OpenAPI document.", evidence)
        : fault(`No client can be generated from the document: ${shown(problem)}`, evidence);
    },
  },
  {
    id: "discovery-operation",
    title: "The document lists the resource with its price and its 402",
    severity: "warning",
    scope: "resource",
    why: "Buyers do not find an unlisted resource, and assume that a resource without a price is free.",
    source: "practice: x-payment-info; OpenAPI 3.1 §4.8.16 Responses Object",
    fix: "Add the operation with x-payment-info { price, protocols } and a 402 response.",
    look: ({ site, operation, challenge }) => {
      if (!site.isDocumented) return skipped("there is no OpenAPI document");
      const { documented } = operation;
      if (!documented) return fault("The document does not list the resource.", operation.url);
      // When the challenge has no price either, the check price-shown reports it.
      const isShown = challenge.offers.some(({ extra }) => isRecord(extra.pricing));
      const { resource, operation: described } = documented;
      const responses = isRecord(described.responses) ? described.responses : {};
      const missing = [
        ...(resource.price.kind !== "unknown" || !isShown ? [] : ["x-payment-info"]),
        ...("402" in responses || "4XX" in responses ? [] : ["responses.402"]),
      ];
      return missing.length === 0
        ? PASSED
        : fault(
            `The operation is listed without ${missing.join(" and ")}.`,
            shown(JSON.stringify(described), 160),
          );
    },
  },
  {
    id: "discovery-llms",
    title: "The host publishes /llms.txt",
    severity: "warning",
    scope: "api",
    why: "With one page of text, an agent that knows only the host can buy.",
    source: "practice: llmstxt.org",
    fix: "Serve one page of Markdown: what you sell, the price, how to call it and how to wait for a job.",
    look: ({ site: { llms } }) => {
      const isText = llms.status === 200 && llms.body.trim() !== "" && !/^\s*</.test(llms.body);
      return isText ? PASSED : fault("/llms.txt is missing.", evidenceOf(llms, ["content-type"]));
    },
  },
  {
    id: "discovery-well-known",
    title: "The host lists its resources at /.well-known/x402",
    severity: "info",
    scope: "api",
    why: "Some x402 crawlers read it before openapi.json, or instead of it.",
    source: "practice: /.well-known/x402 { version, resources }",
    fix: "Serve a JSON document with the URLs of all resources.",
    look: ({ site: { wellKnown } }) => {
      const document = wellKnown.status === 200 ? jsonOf(wellKnown) : undefined;
      return isRecord(document) && Array.isArray(document.resources)
        ? PASSED
        : fault("/.well-known/x402 does not list any resource.", evidenceOf(wellKnown, ["content-type"]));
    },
  },
];
