import { isRecord } from "../../protocol/index.ts";
import { jsonOf } from "../challenge.ts";
import { type Check, fault, PASSED, skipped } from "../check.ts";
import { evidenceOf, shown } from "../wire.ts";

export const DISCOVERY_CHECKS: readonly Check[] = [
  {
    id: "discovery-openapi",
    title: "The host publishes an OpenAPI document",
    severity: "warning",
    scope: "api",
    why: "Marketplaces and agents look there first; client generators start from it.",
    source: "practice: GET /openapi.json; OpenAPI 3.1",
    fix: "Serve the API's OpenAPI 3.1 document at /openapi.json.",
    look: ({ site }) => {
      const { document, openapi } = site;
      if (!document) return fault("There is no OpenAPI document.", evidenceOf(openapi, ["content-type"]));
      const isCurrent = /^3\./.test(String(document.openapi)) && isRecord(document.paths);
      return isCurrent
        ? PASSED
        : fault("The document is no OpenAPI 3 document.", shown(JSON.stringify(document), 160));
    },
  },
  {
    id: "discovery-operation",
    title: "The document lists the resource with its price and its 402",
    severity: "warning",
    scope: "resource",
    why: "What is not listed is not found; what is listed without a price is taken to be free.",
    source: "practice: x-payment-info; OpenAPI 3.1 §4.8.16 Responses Object",
    fix: "Add the operation with x-payment-info { price, protocols } and a response 402.",
    look: ({ site, operation, challenge }) => {
      if (!site.document) return skipped("there is no OpenAPI document");
      const { documented } = operation;
      if (!documented) return fault("The document does not list the resource.", operation.url);
      // Where the challenge does not say the price either, that is price-shown's to tell.
      const isShown = challenge.offers.some(({ extra }) => isRecord(extra.pricing));
      const missing = [
        ...(isRecord(documented["x-payment-info"]) || !isShown ? [] : ["x-payment-info"]),
        ...(isRecord(documented.responses) && "402" in documented.responses ? [] : ["responses.402"]),
      ];
      return missing.length === 0
        ? PASSED
        : fault(
            `The operation is listed without ${missing.join(" and ")}.`,
            shown(JSON.stringify(documented), 160),
          );
    },
  },
  {
    id: "discovery-llms",
    title: "The host publishes /llms.txt",
    severity: "warning",
    scope: "api",
    why: "An agent that is pointed at the host can buy from one page of text.",
    source: "practice: llmstxt.org",
    fix: "Serve one page of Markdown: what is sold, for how much, how to call and how to wait.",
    look: ({ site: { llms } }) => {
      const isText = llms.status === 200 && llms.body.trim() !== "" && !/^\s*</.test(llms.body);
      return isText ? PASSED : fault("There is no text at /llms.txt.", evidenceOf(llms, ["content-type"]));
    },
  },
  {
    id: "discovery-well-known",
    title: "The host lists its resources at /.well-known/x402",
    severity: "info",
    scope: "api",
    why: "Some crawlers of the field look there before, or instead of, openapi.json.",
    source: "practice: /.well-known/x402 { version, resources }",
    fix: "Serve a JSON document with the addresses of all resources.",
    look: ({ site: { wellKnown } }) => {
      const document = wellKnown.status === 200 ? jsonOf(wellKnown) : undefined;
      return isRecord(document) && Array.isArray(document.resources)
        ? PASSED
        : fault(
            "There is no list of resources at /.well-known/x402.",
            evidenceOf(wellKnown, ["content-type"]),
          );
    },
  },
];
