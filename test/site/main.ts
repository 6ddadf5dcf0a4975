// Opens the built documentation site in a browser. `npm run test:site` builds it first. Ends with 1 when it finds a fault.
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Browser, Page } from "playwright-core";
import { openBrowser } from "../browser.ts";

const HELP = `Opens the built documentation site on desktop, phone and in dark mode.

  node test/site/main.ts [options]

  --only TEXT      only pages whose path contains TEXT
  --shots FOLDER   writes a screenshot of each page
  --help

Fails on a request off this machine, a dead link, an error in the page, a serious accessibility finding, and a search
without a result.`;

const SITE = fileURLToPath(new URL("../../docs/.vitepress/dist/", import.meta.url));
const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const SEARCHES = ["refund", "idempotency", "Workers"];
const VIEWS = [
  { name: "desktop", width: 1280, height: 800, colorScheme: "light" },
  { name: "phone", width: 390, height: 844, colorScheme: "light" },
  { name: "dark", width: 1280, height: 800, colorScheme: "dark" },
] as const;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".woff2": "font/woff2",
};

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, shots: { type: "string" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

/** The pages by path, such as `/client`, with their HTML. */
const pages = new Map(
  readdirSync(SITE)
    .filter((file) => file.endsWith(".html") && file !== "404.html")
    .map((file) => [`/${file.replace(/(index)?\.html$/, "")}`, readFileSync(join(SITE, file), "utf8")]),
);

const faults: string[] = [];
const origin = await serveSite();
checkLinks();
const browser = await openBrowser();
try {
  for (const view of VIEWS) await look(browser, view);
} finally {
  await browser.close();
}
for (const fault of faults) console.error(`error  ${fault}`);
console.log(`${pages.size} pages in ${VIEWS.length} views, ${faults.length} faults.`);
process.exit(faults.length === 0 ? 0 : 1);

/** Serves the site on loopback, with clean URLs. Returns its origin. */
async function serveSite(): Promise<string> {
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const name = pathname === "/" ? "/index.html" : extname(pathname) === "" ? `${pathname}.html` : pathname;
    const file = join(SITE, decodeURIComponent(name));
    if (!file.startsWith(SITE) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Every link inside the site leads to a page, and to a place on it. */
function checkLinks(): void {
  const ids = new Map(
    [...pages].map(([path, html]) => [
      path,
      new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)),
    ]),
  );
  for (const [path, html] of pages) {
    for (const [, href = ""] of html.matchAll(/<a [^>]*href="([^"]+)"/g)) {
      const url = new URL(href.replaceAll("&amp;", "&"), `http://site${path}`);
      if (url.host !== "site") continue;
      const found = ids.get(url.pathname);
      const id = decodeURIComponent(url.hash.slice(1));
      if (!found) faults.push(`${path}: dead link ${href}`);
      else if (id !== "" && !found.has(id)) faults.push(`${path}: no such place ${href}`);
    }
  }
}

async function look(
  browser: Browser,
  { name, width, height, colorScheme }: (typeof VIEWS)[number],
): Promise<void> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  let path = "/";
  await context.route(
    (url) => url.origin !== origin,
    async (route) => {
      faults.push(`${name} ${path}: request to ${route.request().url()}`);
      await route.abort();
    },
  );
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${name} ${path}: ${response.status()} of ${response.url()}`);
  });
  page.on("pageerror", (error) => faults.push(`${name} ${path}: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${name} ${path}: ${message.text()}`);
  });
  for (path of [...pages.keys()].filter((one) => one.includes(values.only))) {
    await page.goto(origin + path);
    for (const finding of await accessibility(page)) faults.push(`${name} ${path}: ${finding}`);
    const isWide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth");
    if (isWide) faults.push(`${name} ${path}: the page is wider than the window`);
    await shoot(page, `${name}-${path.slice(1) || "index"}`);
  }
  path = "/";
  await search(page, name);
  await context.close();
}

/** Serious findings of axe, with the first place of each. */
async function accessibility(page: Page): Promise<string[]> {
  return page.evaluate(
    `${AXE}; axe.run().then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => id + ": " + help + " (" + nodes.length + ") " + nodes[0].html.slice(0, 200)
        + " " + (nodes[0].any[0]?.message ?? "")))`,
  );
}

async function search(page: Page, view: string): Promise<void> {
  for (const word of SEARCHES) {
    await page.goto(`${origin}/`, { waitUntil: "networkidle" });
    await page.locator("#local-search button").click();
    await page.locator("#localsearch-input").fill(word);
    const first = page.locator(".results .result").first();
    const isFound = await first.waitFor({ timeout: 10_000 }).then(
      () => true,
      () => false,
    );
    if (!isFound) {
      faults.push(`${view}: the search finds nothing for "${word}"`);
      continue;
    }
    for (const finding of await accessibility(page)) faults.push(`${view} search for "${word}": ${finding}`);
    await shoot(page, `${view}-search-${word}`);
    await first.click();
    await page.waitForURL((url) => url.pathname !== "/");
    const hasWord = page.locator("main", { hasText: new RegExp(word, "i") });
    await hasWord.waitFor({ timeout: 10_000 }).catch(() => {
      faults.push(`${view}: the first result for "${word}" does not contain it`);
    });
  }
}

async function shoot(page: Page, name: string): Promise<void> {
  if (values.shots === undefined) return;
  await mkdir(values.shots, { recursive: true });
  await page.screenshot({ path: join(values.shots, `${name}.png`) });
}
