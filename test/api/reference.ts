import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type PublicName, publicNames } from "./public-names.ts";

/** Writes `docs/reference.md` from the sources: `npm run reference`. */
export const REFERENCE = new URL("../../docs/reference.md", import.meta.url);

const PURPOSE: Readonly<Record<string, string>> = {
  resource402: "To define what is for sale.",
  "resource402/client": "To buy. Generated clients import it.",
  "resource402/evm": "To pay with an EVM account.",
  "resource402/server": "To sell. Generated servers import it.",
  "resource402/node": "To listen on Node, and to keep calls in files.",
  "resource402/next": "To serve from a Next route.",
  "resource402/workers": "To serve from a Durable Object of Cloudflare.",
  "resource402/sqlite": "To keep calls, jobs and refunds in one file.",
  "resource402/postgres": "To keep them in Postgres, for several machines. Install `pg`.",
  "resource402/prometheus":
    "To serve metrics. Install `@opentelemetry/sdk-metrics` and `@opentelemetry/exporter-prometheus`.",
  "resource402/testing": "To test an API against a chain, a token and a facilitator of its own.",
};

const HEAD = `# Reference

Every name that the package \`resource402\` exports, by entry point. Each name links to its declaration, where its JSDoc
describes all fields, units, defaults and limits; editors show the same text.

This page is generated from the sources by \`npm run reference\`. The exact types are in the API report, \`test/api/\`.
`;

/** The text of the page. A name that two entries export is described once. */
export function referenceOf(names: ReadonlyMap<string, readonly PublicName[]>): string {
  const described = new Set<string>();
  const chapters = [...names].map(([entry, list]) => {
    const rows = list.map((one) => {
      const { name } = one;
      if (described.has(name)) return `| [\`${name}\`](#${name}) | See above. |`;
      described.add(name);
      const link = `<a id="${name}"></a>[\`${name}\`](../${one.file})`;
      return `| ${link} | ${inCell(one.sentence)} |`;
    });
    return [`\n## ${entry}\n\n${PURPOSE[entry] ?? ""}\n`, "| Name | Description |\n|---|---|", ...rows].join(
      "\n",
    );
  });
  return `${HEAD}${chapters.join("\n")}\n`;
}

/** A sentence of JSDoc as text of a table cell. */
function inCell(sentence: string): string {
  return sentence
    .replace(/\{@link ([^}\s]+)[^}]*\}/g, "`$1`")
    .split("`")
    .map((part, index) => (index % 2 ? part : part.replace(/[<>]/g, "\\$&")))
    .join("`")
    .replaceAll("|", "\\|");
}

export const reference = (): string => referenceOf(publicNames());

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (readFileSync(REFERENCE, { encoding: "utf8", flag: "a+" }) !== reference())
    writeFileSync(REFERENCE, reference());
}
