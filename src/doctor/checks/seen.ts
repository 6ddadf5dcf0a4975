import { decodeHeader, HEADERS } from "../../protocol/index.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
import { type Exchange, evidenceOf, shown } from "../wire.ts";
import { isRefusal } from "./input.ts";
import { internals } from "./internals.ts";
import { isUnkept } from "./transport.ts";

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADERS_LENGTH = 16 * 1024;

/** What is judged by every answer that the other checks have seen. */
export const SEEN_CHECKS: readonly Check[] = [
  {
    id: "errors-leak",
    title: "Errors say nothing of the inside",
    severity: "error",
    scope: "resource",
    why: "Stack traces, paths and queries tell an attacker what the server is made of, and tell a buyer nothing.",
    source: "RFC 9457 §5 Security Considerations; CWE-209",
    fix: "Log the cause, and answer with a safe sentence, a code and an id by which the log can be searched.",
    look: (at) => {
      const errors = at.exchanges().filter(({ status }) => status >= 400);
      if (errors.length === 0) return skipped("no error was seen");
      const seen = new Set<string>();
      const found = errors.flatMap((exchange): Fault[] =>
        internals(textOf(exchange), new URL(exchange.url).hostname).flatMap(({ kind, text }) => {
          if (seen.has(kind)) return [];
          seen.add(kind);
          const what = `An answer ${exchange.status} shows ${kind}.`;
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
    title: "No header is longer than 8 kB, and all together not than 16 kB",
    severity: "error",
    scope: "resource",
    why: "Node, proxies and load balancers stop there: the buyer sees a broken connection instead of a price. The client sends the challenge's extensions back, so they count twice.",
    source: "practice: 8 kB in nginx and Apache, 16 kB in Node and undici",
    fix: "Shorten the schema in the bazaar extension, and publish the whole of it in openapi.json.",
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
    title: "No cache may keep an error",
    severity: "warning",
    scope: "resource",
    why: "A kept error is given to the next, valid request.",
    source: "RFC 9111 §4.2.2 and §5.2.2.5",
    fix: "Send Cache-Control: no-store with every error.",
    look: (at) => {
      const errors = at.exchanges().filter((exchange) => isRefusal(exchange) && exchange.method !== "HEAD");
      if (errors.length === 0) return skipped("no error was seen");
      // Errors of the router in front of the resource are often made elsewhere; those of the resource are its own.
      const kept = errors.find(
        ({ headers, status }) => status !== 404 && status !== 405 && !isUnkept(headers),
      );
      return kept
        ? fault(`An answer ${kept.status} may be kept by a cache.`, evidenceOf(kept, ["cache-control"]))
        : PASSED;
    },
  },
];

/** What is searched for internals: the body, and the challenge in the header in clear. */
function textOf({ body, headers }: Exchange): string {
  const header = headers.get(HEADERS.paymentRequired);
  return header === null ? body : `${body}\n${JSON.stringify(decodeHeader(header) ?? header)}`;
}
