import { banner, jsdoc, string } from "../print.ts";

/** What a server publishes about itself, as the texts that it answers with. */
export interface PublishedTexts {
  readonly openapi: string;
  readonly llms: string;
  readonly docs: string;
  readonly described: string;
}

/** `published.gen.ts`: the same documents as beside it, as texts that a server can answer with wherever it runs. */
export function emitPublished(source: string, { openapi, llms, docs, described }: PublishedTexts): string {
  const member = (name: string, about: string, text: string): string =>
    `${jsdoc([about])}export const ${name}: string =\n  ${string(text)};\n`;
  return [
    `// ${banner(source)}\n`,
    member("openapi", "`GET /openapi.json`", openapi),
    member("llms", "`GET /llms.txt`", llms),
    member("docs", "`GET /docs`", docs),
    member("described", "The descriptions in the 402s, by resource name.", described),
  ].join("\n");
}
