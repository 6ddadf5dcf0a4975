import { decodeHeader, HEADERS } from "../../../src/protocol/index.ts";
import { isShareable } from "../caching.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
import { evidenceOf, type ProbeExchange, shown } from "../wire.ts";
import { isRefusal } from "./input.ts";
import { internals } from "./internals.ts";

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADERS_LENGTH = 16 * 1024;

/** Checks that examine every response that the other checks have seen. */
export const SEEN_CHECKS: readonly Check[] = [
  {
    id: "errors-leak",
    title: "Errors do not reveal internals",
    severity: "error",
    scope: "resource",
    why: "Stack traces, paths and queries help an attacker and do not help a buyer.",
    source: "RFC 9457 §5 Security Considerations; CWE-209",
    fix: "Log the cause. Answer with a safe sentence, a code and an id to search the log for.",
    look: (at) => {
      const errors = at.exchanges().filter(({ status }) => status >= 400);
      if (errors.length === 0) return skipped("no error response was seen");
      const seen = new Set<string>();
      const found = errors.flatMap((exchange): Fault[] =>
        internals(textOf(exchange), new URL(exchange.url).hostname).flatMap(({ kind, text }) => {
          if (seen.has(kind)) return [];
          seen.add(kind);
          const what = `A ${exchange.status} response shows ${kind}.`;
          const whole = evidenceOf(exchange);
          const excerpt = whole.includes(text) ? "" : `…${shown(text, 160)}…\n`;
          return [{ what, evidence: excerpt + whole }];
        }),
      );
      return faults(found);
    },
  },
  {
    id: "header-size",
    title: "No header exceeds 8 kB, and all headers together do not exceed 16 kB",
    severity: "error",
    scope: "resource",
    why: "Node, proxies and load balancers reject larger headers, so the buyer sees a broken connection instead of a price. The client also sends the challenge's extensions back.",
    source: "practice: 8 kB in nginx and Apache, 16 kB in Node and undici",
    fix: "Shorten the schema in the bazaar extension, and publish the complete schema in openapi.json.",
    look: (at) => {
      const unread = at.exchanges().find(({ failure }) => failure?.kind === "headers_too_large");
      if (unread) return fault("The headers are larger than 16 kB.", evidenceOf(unread));
      const found = new Map<string, Fault>();
      for (const { headers } of at.exchanges()) {
        let all = 0;
        for (const [name, value] of headers) {
          all += name.length + value.length + 4;
          if (value.length <= MAX_HEADER_BYTES) continue;
          const what = `The header ${name} has ${value.length} bytes.`;
          found.set(name, { what, evidence: `${name}: ${shown(value, 60)}` });
        }
        if (all <= MAX_HEADERS_LENGTH) continue;
        found.set("", {
          what: `The headers together have ${all} bytes.`,
          evidence: [...headers.keys()].join(", "),
        });
      }
      return faults([...found.values()]);
    },
  },
  {
    id: "cache-errors",
    title: "No cache may store an error",
    severity: "warning",
    scope: "resource",
    why: "A cache would answer the next, valid request with the stored error.",
    source: "RFC 9111 §3 and §5.2.2.5",
    fix: "Send Cache-Control: no-store with every error.",
    look: (at) => {
      const errors = at.exchanges().filter((exchange) => isRefusal(exchange) && exchange.method !== "HEAD");
      if (errors.length === 0) return skipped("no error response was seen");
      // A router or proxy in front of the resource often makes its own errors; only the resource's errors count.
      const kept = errors.find((one) => one.status !== 404 && one.status !== 405 && isShareable(one));
      return kept
        ? fault(`A cache may store a ${kept.status} response.`, evidenceOf(kept, ["cache-control"]))
        : PASSED;
    },
  },
];

/** The text to search for internals: the body, and the decoded challenge header. */
function textOf({ body, headers }: ProbeExchange): string {
  const header = headers.get(HEADERS.paymentRequired);
  return header === null ? body : `${body}\n${JSON.stringify(decodeHeader(header) ?? header)}`;
}
