import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import type { Listening } from "resource402/node";
import { startWorld, type World } from "resource402/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emitDocs } from "../../codegen/emit/docs.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import studioApi from "../../examples/studio/resources.ts";
import { openStudio } from "../../examples/studio/server.ts";
import { openBrowser } from "../browser.ts";
import { modelOf } from "../codegen/definitions.ts";
import awkwardApi from "../fixtures/awkward/resources.ts";
import shopApi from "../fixtures/shop/resources.ts";
import { isMissing } from "../missing.ts";

const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const DESK: BrowserContextOptions = { viewport: { width: 1440, height: 900 }, colorScheme: "light" };
const DARK: BrowserContextOptions = { ...DESK, colorScheme: "dark" };
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 780 },
  isMobile: true,
  hasTouch: true,
};

async function pageOf(api: unknown): Promise<string> {
  const model = await modelOf(api);
  return emitDocs(model, emitReference(model));
}

describe.skipIf(isMissing("browser"))("the page of documentation in a browser", () => {
  let browser: Browser;
  let world: World;
  let studio: Listening;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "resource402-page-"));
    world = await startWorld({ chain: false });
    const { network, seller, facilitator } = world;
    const payments = { accepts: [{ network, payTo: seller.address }], facilitator };
    studio = await openStudio({ ...payments, refunds: { account: seller } }, join(folder, "ledger.db"));
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await studio.close(0);
    await world.stop();
    rmSync(folder, { recursive: true });
  });

  interface Opened {
    readonly page: Page;
    /** What the browser had to say against the page, and every request to another host than the studio's. */
    readonly complaints: readonly string[];
    close(): Promise<void>;
  }

  /** Opens a page at `/docs` of the studio, in a context of its own. */
  async function opened(html: string, options: BrowserContextOptions = DESK): Promise<Opened> {
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      // A 402 is expected here, not an error of the page.
      if (message.type() !== "error" || message.text().startsWith("Failed to load resource")) return;
      complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!/^(?:data|file):/.test(request.url()) && !request.url().startsWith(studio.url))
        complaints.push(request.url());
    });
    const answer = { contentType: "text/html; charset=utf-8", body: html };
    await page.route("**/docs", (route) => route.fulfill(answer));
    await page.goto(`${studio.url}/docs`);
    return { page, complaints, close: () => context.close() };
  }

  /** The form of a resource, open. The page builds it a task after the box has opened. */
  async function form(page: Page, resource: string): Promise<Locator> {
    const box = page.locator(`.try[data-resource="${resource}"]`);
    await box.locator("> summary").click();
    await box.locator("form").waitFor();
    return box;
  }

  /** Waits for an answer with this status. */
  const said = (box: Locator, status: string) => box.locator(".said b", { hasText: status }).waitFor();

  async function rowsOf(table: Locator): Promise<Record<string, string>> {
    const rows = await table.locator("tr").all();
    const cells = rows.map((row) => row.locator("th, td").allTextContents());
    return Object.fromEntries(await Promise.all(cells));
  }

  it.each([
    ["at a desk", DESK],
    ["on a laptop", { ...DESK, viewport: { width: 1280, height: 720 } }],
    ["in the dark", DARK],
    ["on a phone", PHONE],
    ["on a phone in the dark", { ...PHONE, colorScheme: "dark" } as const],
  ])("can be read by everybody %s, with forms and answers open", async (_, options) => {
    for (const api of [studioApi, awkwardApi, shopApi]) {
      const { page, complaints, close } = await opened(await pageOf(api), options);
      const first = page.locator(".try").first();
      await first.locator("> summary").click();
      await first.getByRole("button", { name: "Send without paying" }).click();
      await first.locator(".said b").waitFor();
      await page.evaluate("for (const box of document.querySelectorAll('.try')) box.open = true");
      const boxes = await page.locator(".try").count();
      await expect.poll(() => page.locator(".try form").count()).toBe(boxes);
      const found = await page.evaluate<string[]>(
        `${AXE}; axe.run().then(({ violations }) =>
          violations.map(({ impact, id, nodes }) => [impact, id, ...nodes.map(({ html }) => html)].join(" ")))`,
      );
      expect(found.filter((text) => /^(?:serious|critical)/.test(text))).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
      // What fields mean, and what becomes of the money, is never out of sight.
      const cut = await page.evaluate<string[]>(
        `[...document.querySelectorAll(".scroll.fields")].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.textContent)`,
      );
      expect(cut).toEqual([]);
      expect(complaints).toEqual([]);
      await close();
    }
  });

  it("shows what the 402 of a server asks for, by the input that is written", async () => {
    const { page, complaints, close } = await opened(await pageOf(studioApi));
    const box = await form(page, "generateImage");
    await box.getByLabel("quality").selectOption("standard");
    await box.getByRole("button", { name: "Send without paying" }).click();
    await said(box, "402");
    expect(await box.locator(".said").textContent()).toMatch(/^402Payment Required · \d+ ms$/);
    expect(await rowsOf(box.locator(".result table"))).toEqual({
      "What the 402 asks for": undefined,
      Amount: "0.05 USDC",
      For: "per image",
      Network: "Base Sepolia (eip155:84532)",
      "Pay to": world.seller.address,
      Token: expect.stringMatching(/^USDC, 0x[0-9a-fA-F]{40}$/),
      Scheme: "exact",
      "Valid for": "5 minutes",
      Refunds: expect.stringMatching(/^Charged when the job is accepted\..*sent back to the payer\.$/),
    });
    await box.getByText("The challenge as JSON").click();
    const challenge = JSON.parse((await box.locator(".result details code").textContent()) ?? "");
    expect(challenge).toMatchObject({ x402Version: 2, accepts: [{ amount: "50000" }] });
    await box.getByLabel("quality").selectOption("high");
    await box.getByRole("button", { name: "Send without paying" }).click();
    await box.getByText("0.10 USDC").waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it("shows what is wrong with an input, field by field, and the output of what is free", async () => {
    const { page, close } = await opened(await pageOf(studioApi));
    const image = await form(page, "generateImage");
    await image.getByLabel("prompt").fill("");
    await image.getByRole("button", { name: "Send without paying" }).click();
    await said(image, "400");
    const [problem, fields] = await image.locator(".result table").all();
    expect(await rowsOf(problem as Locator)).toMatchObject({ Code: "invalid_input", Payment: "unused" });
    expect(Object.keys(await rowsOf(fields as Locator))).toContain("prompt");
    const palette = await form(page, "palette");
    await palette.getByLabel("name").selectOption("ember");
    await palette.getByRole("button", { name: "Send without paying" }).click();
    await palette.locator(".result .code").waitFor();
    expect(await palette.locator(".said").textContent()).toMatch(/^200OK/);
    expect(JSON.parse((await palette.locator(".result .code code").textContent()) ?? "").colours[0]).toMatch(
      /^#/,
    );
    await close();
  });

  it("names a field whose JSON is broken, and an address that does not answer", async () => {
    const { page, close } = await opened(await pageOf(awkwardApi));
    const box = await form(page, "shapes");
    await box.getByLabel("shape required").fill("{");
    await box.getByRole("button", { name: "Send without paying" }).click();
    await box.getByText(/^shape is not valid JSON/).waitFor();
    const other = await form(page, "lookUp");
    await page.route("http://127.0.0.1:1/**", (route) => route.abort());
    await other.getByLabel("Server").fill("http://127.0.0.1:1");
    expect(await box.getByLabel("Server").inputValue()).toBe("http://127.0.0.1:1");
    await other.getByRole("button", { name: "Send without paying" }).click();
    await other.getByText("No answer from http://127.0.0.1:1").waitFor();
    await close();
  });

  it("sends path, query and body as the resource takes them", async () => {
    const { page, close } = await opened(await pageOf(awkwardApi));
    const sent: string[] = [];
    await page.route("**/v1/**", (route) => {
      sent.push(
        `${route.request().method()} ${route.request().url().slice(studio.url.length)} ${route.request().postData()}`,
      );
      return route.fulfill({ status: 200, body: "{}" });
    });
    for (const name of ["lookUp", "schedule"]) {
      const box = await form(page, name);
      await box.getByRole("button", { name: "Send without paying" }).click();
      await said(box, "200");
    }
    expect(sent[0]).toBe("GET /v1/books/9780000000000?pages=7&pages=8&plain=true null");
    expect(sent[1]).toMatch(/^POST \/v1\/schedules\/[^/?]+ \{"when":"[^"]+","text":"[^"]+","to":\{.*\}\}$/);
    await close();
  });

  it("buys with the demo wallet where there is one, and tells what has become of the money", async () => {
    const html = (await pageOf(studioApi)).replace(
      '<html lang="en">',
      '<html lang="en" data-demo="/_dev/call">',
    );
    const { page, complaints, close } = await opened(html);
    const asked: unknown[] = [];
    const end = {
      output: { imageUrl: "http://a.example/1.png" },
      usd: "0.10",
      charged: true,
      jobId: "job-7",
    };
    await page.route("**/_dev/call", (route) => {
      asked.push(route.request().postDataJSON());
      return route.fulfill({ body: `{"progress":40,"message":"drawing"}\n${JSON.stringify(end)}\n` });
    });
    const box = await form(page, "generateImage");
    await box.getByLabel("quality").selectOption("high");
    await box.getByLabel("palette").selectOption("dusk");
    await box.getByRole("button", { name: "Buy with the demo wallet" }).click();
    await box.getByText("Bought").waitFor();
    expect(asked).toEqual([
      { resource: "generateImage", input: { prompt: expect.any(String), quality: "high", palette: "dusk" } },
    ]);
    expect(await rowsOf(box.locator(".result table"))).toMatchObject({
      Paid: "$0.10",
      Charged: "yes",
      Job: "job-7",
    });
    expect(await box.locator(".result .code code").textContent()).toContain("http://a.example/1.png");
    await page.route("**/_dev/call", (route) =>
      route.fulfill({
        body: JSON.stringify({ error: "Refused.", code: "content_filtered", charged: false }, null, 2),
      }),
    );
    await box.getByRole("button", { name: "Buy with the demo wallet" }).click();
    await box.getByText("FailedRefused.").waitFor();
    expect(await rowsOf(box.locator(".result table"))).toMatchObject({
      Charged: "no",
      Code: "content_filtered",
    });
    expect(complaints).toEqual([]);
    await close();
  });

  it.each([
    [
      "failed and was not charged",
      { error: "No.", code: "late", charged: "no" },
      { Charged: "no" },
      "FailedNo.",
    ],
    [
      "may have been charged",
      { error: "No.", code: "network", charged: "unknown" },
      { Charged: "unknown" },
      "FailedNo.",
    ],
    ["was answered for nothing", { output: { caption: "A cat." } }, {}, "Bought"],
  ])(
    "reports what was signed for a purchase that %s, and not that it was paid",
    async (_, end, rows, said) => {
      const html = (await pageOf(studioApi)).replace(
        '<html lang="en">',
        '<html lang="en" data-demo="/_dev/call">',
      );
      const { page, close } = await opened(html);
      await page.route("**/_dev/call", (route) =>
        route.fulfill({ body: JSON.stringify({ ...end, usd: "0.01" }) }),
      );
      const box = await form(page, "caption");
      await box.getByRole("button", { name: "Buy with the demo wallet" }).click();
      await box.getByText(said, { exact: true }).waitFor();
      const told = await rowsOf(box.locator(".result table"));
      expect(told).toMatchObject({ "Signed for": "$0.01", ...rows });
      expect(told).not.toHaveProperty("Paid");
      await close();
    },
  );

  it("offers no demo wallet elsewhere", async () => {
    const { page, close } = await opened(await pageOf(studioApi));
    const box = await form(page, "caption");
    expect(await box.getByRole("button").allTextContents()).toEqual(["Send without paying"]);
    await close();
  });

  it("copies an example as it is written, in the language that was chosen for all of them", async () => {
    const { page, close } = await opened(await pageOf(studioApi), {
      ...DESK,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const copied = () => page.evaluate<string>("navigator.clipboard.readText()");
    const image = page.locator("#generateimage .samples");
    await image.getByRole("button", { name: "Copy" }).click();
    // It says "Copied" too briefly for a busy machine.
    await expect
      .poll(copied)
      .toContain("curl 'https://api.pixel.example/v1/generate-image' \\\n  -H 'Content-Type: ");
    await image.getByRole("tab", { name: "curl" }).focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("TypeScript");
    const caption = page.locator("#caption .samples");
    await caption.getByRole("button", { name: "Copy" }).click();
    await expect
      .poll(copied)
      .toMatch(/^const output = await client\.caption\(\{\s+imageUrl: "[^"]+",?\s[\s\S]*\}\);$/);
    await page.reload();
    expect(await image.getByRole("tab", { selected: true }).textContent()).toBe("TypeScript");
    await close();
  });

  it("finds resources by what they are called, say and answer at", async () => {
    const { page, close } = await opened(await pageOf(shopApi));
    const shown = page.locator(".menu .sub li:visible");
    expect(await shown.count()).toBe(11);
    await page.getByLabel("Filter resources").fill("COFFEE paid");
    await expect.poll(() => shown.allTextContents()).toEqual(["brew$0.03"]);
    await expect.poll(() => page.locator("#found").textContent()).toBe("1 of 11");
    await shown.getByRole("link").click();
    await expect.poll(() => new URL(page.url()).hash).toBe("#brew");
    await close();
  });

  it("can be used with the keyboard alone, and keeps the theme that was chosen", async () => {
    const { page, close } = await opened(await pageOf(studioApi));
    await page.keyboard.press("Tab");
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("main");
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await ground()).toBe("rgb(255, 255, 255)");
    await page.getByRole("button", { name: "Switch to dark" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Switch to light" }).waitFor();
    await page.reload();
    expect(await ground()).toBe("rgb(16, 19, 21)");
    await page.getByRole("button", { name: "Switch to light" }).waitFor();
    await close();
  });

  it("has a table of contents on a phone, which a link or Escape closes", async () => {
    const { page, close } = await opened(await pageOf(studioApi), PHONE);
    const menu = page.getByRole("navigation", { name: "Contents" });
    const button = page.getByRole("button", { name: "Contents" });
    expect(await menu.isVisible()).toBe(false);
    await button.click();
    await menu.waitFor();
    await page.keyboard.press("Escape");
    await menu.waitFor({ state: "hidden" });
    await button.click();
    await menu.getByRole("link", { name: "palette" }).click();
    await menu.waitFor({ state: "hidden" });
    await expect.poll(() => new URL(page.url()).hash).toBe("#palette");
    await close();
  });

  it("can be read without a script, all of its examples included", async () => {
    const { page, close } = await opened(await pageOf(studioApi), { ...PHONE, javaScriptEnabled: false });
    for (const text of ["curl 'https://api.pixel.example/v1/caption'", "client.caption("]) {
      expect(await page.getByText(text).first().isVisible()).toBe(true);
    }
    expect(await page.getByRole("navigation", { name: "Contents" }).isVisible()).toBe(true);
    expect(await page.getByRole("button").filter({ visible: true }).count()).toBe(0);
    expect(await page.getByText("Try it").first().isVisible()).toBe(false);
    await close();
  });

  it("works from a disk, against any server that allows it", async () => {
    const { page, complaints, close } = await opened("");
    const file = join(folder, "index.html");
    writeFileSync(file, await pageOf(studioApi));
    await page.goto(pathToFileURL(file).href);
    const box = await form(page, "caption");
    expect(await box.getByLabel("Server").inputValue()).toBe("https://api.pixel.example");
    await box.getByLabel("Server").fill(`${studio.url}/`);
    await box.getByRole("button", { name: "Send without paying" }).click();
    await box.getByText("0.01 USDC").waitFor();
    expect(complaints).toEqual([]);
    await close();
  });
});
