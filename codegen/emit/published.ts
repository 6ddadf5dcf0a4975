import { banner, jsdoc, string } from "../print.ts";

/** What a server publishes about itself. */
export interface PublishedDocuments {
  readonly openapi: object;
  readonly llms: string;
  readonly docs: string;
}

/** `published.gen.ts`: the same documents as beside it, as texts that a server can answer with wherever it runs. */
export function emitPublished(source: string, { openapi, llms, docs }: PublishedDocuments): string {
  const member = (name: string, about: string, text: string): string =>
    `${jsdoc([about])}export const ${name}: string =\n  ${string(text)};\n`;
  return [
    `// ${banner(source)}\n`,
    member("openapi", "`GET /openapi.json`", JSON.stringify(openapi)),
    member("llms", "`GET /llms.txt`", llms),
    member("docs", "`GET /docs`", docs),
  ].join("\n");
}
