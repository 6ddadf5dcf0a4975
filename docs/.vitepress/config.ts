import { existsSync, readFileSync } from "node:fs";
import { defineConfig } from "vitepress";
import { linkNames } from "./names.ts";
import { chapters } from "./pages.ts";
import { accessibleSearchBox } from "./search-box.ts";

const root = new URL("../../", import.meta.url);
const docs = new URL("docs/", root);
const { homepage } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

export default defineConfig({
  title: "resource402",
  description: "Sell an API per call over HTTP 402, from one schema file.",
  lang: "en",
  cacheDir: ".cache",
  cleanUrls: true,
  metaChunk: true,
  head: [["link", { rel: "icon", href: "data:," }]],
  themeConfig: {
    search: { provider: "local" },
    sidebar: chapters(docs).map((chapter) => ({ ...chapter, items: [...chapter.items] })),
    outline: [2, 3],
    externalLinkIcon: false,
  },
  vite: { plugins: [accessibleSearchBox()] },
  markdown: {
    // Anchors as GitHub makes them, where the pages are read too.
    anchor: {
      slugify: (heading) =>
        heading
          .trim()
          .toLowerCase()
          .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
          .replaceAll(" ", "-"),
    },
    // Both themes keep the contrast of WCAG AA.
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config(md) {
      md.use(linkNames, docs);
      // The site holds docs/ alone. A link to another file of the repository leads to its host.
      md.core.ruler.push("repository-links", ({ tokens }) => {
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === "link_open" ? token.attrGet("href") : null;
          if (!href?.startsWith("../")) continue;
          const path = href.slice(3);
          if (!existsSync(new URL(path.replace(/#.*/, ""), root))) throw new Error(`dead link: ${href}`);
          token.attrSet("href", `${homepage.replace(/#.*/, "")}/blob/main/${path}`);
        }
      });
    },
  },
});
