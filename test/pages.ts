// Bundles the browser code of the two pages into strings, beside its sources:
//   node test/pages.ts           writes them
//   node test/pages.ts --check   exits 1 when one of them is stale
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, buildSync } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Types are removed and bytes saved; what remains runs in the browsers of the last years. */
const OPTIONS = {
  absWorkingDir: root,
  bundle: true,
  charset: "utf8",
  format: "iife",
  legalComments: "none",
  minify: true,
  platform: "browser",
  target: "es2022",
  write: false,
} satisfies BuildOptions;

function bundled(file: string): string {
  // The CSS stays in the form in which it is written: esbuild would rewrite `light-dark()` for older browsers.
  const target = file.endsWith(".css") ? "esnext" : OPTIONS.target;
  const [output] = buildSync({ ...OPTIONS, target, entryPoints: [file] }).outputFiles;
  if (!output) throw new Error(`${file}: esbuild returned no output`);
  return output.text.trim();
}

/** The whole document: the server fills in `{nonce}`. */
function adminPage(folder: string): Record<string, string> {
  let page = readFileSync(`${root}${folder}/page.html`, "utf8");
  const inline = (link: string, text: string): void => {
    const [before, after] = page.split(link);
    if (before === undefined || after === undefined) throw new Error(`${folder}/page.html has no ${link}`);
    page = before + text + after;
  };
  const [style, script] = ["style.css", "page.ts"].map((file) => bundled(`${folder}/${file}`));
  inline('<link rel="stylesheet" href="style.css">', `<style nonce="{nonce}">${style}</style>`);
  inline('<script src="page.ts"></script>', `<script nonce="{nonce}">${script}</script>`);
  return { ADMIN_PAGE: page };
}

function docsPage(folder: string): Record<string, string> {
  return {
    STYLE: bundled(`${folder}/style.css`),
    FIRST: bundled(`${folder}/first.ts`),
    SCRIPT: bundled(`${folder}/page.ts`),
  };
}

const PAGES = { "src/server/admin-page": adminPage, "codegen/docs/page": docsPage };

for (const [folder, bundle] of Object.entries(PAGES)) {
  const file = `${folder}/bundle.gen.ts`;
  const constants = Object.entries(bundle(folder)).map(
    ([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`,
  );
  const header = "// Bundled from the files of this folder by `node test/pages.ts`: do not edit.\n";
  const expected = header + constants.join("");
  if (!process.argv.includes("--check")) {
    writeFileSync(root + file, expected);
  } else if (readFileSync(root + file, "utf8") !== expected) {
    process.stderr.write(`${file} is stale. Run: node test/pages.ts\n`);
    process.exitCode = 1;
  }
}
