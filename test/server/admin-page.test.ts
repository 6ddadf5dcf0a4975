import type { Browser, Page } from "playwright-core";
import { listen } from "resource402/node";
import { memoryStore } from "resource402/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "../browser.ts";
import { openShop, type Shop } from "../flow/shop.ts";
import { isMissing } from "../missing.ts";
import { answer, call, job, refund } from "../store/records.ts";

const TOKEN = "an-operator-token-of-32-letters!";
const MARKUP = "<img src=x onerror=alert(1)>";

describe.skipIf(isMissing("browser"))("the operator page in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  /** A shop with a job at 40 %, one that waits, one that has failed and is refunded with a text that is markup. */
  async function opened(): Promise<{ shop: Shop; url: string; close(): Promise<void> }> {
    const store = memoryStore();
    const now = { createdAt: Date.now(), resource: "render" };
    for (const id of ["runs", "waits", "failed"]) {
      await store.begin(
        call(`call-${id}`, { ...now, jobId: `job-${id}`, answer, phase: "charged" }),
        job(`job-${id}`, `call-${id}`, { ...now, phase: "charged", runAt: Number.MAX_SAFE_INTEGER }),
        { durable: true },
      );
    }
    await store.attend("elsewhere", 3_600_000);
    const running = { work: "running", owner: "elsewhere", attempt: 1 } as const;
    await store.change({ durable: true, job: { id: "job-runs", set: { ...running, progress: 40 } } });
    const failure = { code: "refused", error: MARKUP };
    await store.change({
      durable: true,
      job: { id: "job-failed", set: { phase: "owed", work: "failed", failure } },
    });
    const owed = refund("ref-1", "call-failed", {
      ...now,
      problem: MARKUP,
      tries: 3,
      retryAt: Number.MAX_SAFE_INTEGER,
    });
    await store.change({ durable: true, refund: { add: owed } });
    const shop = await openShop({ store, admin: { token: TOKEN } });
    const listening = await listen(shop.server, { port: 0, hostname: "127.0.0.1" });
    const close = async (): Promise<void> => {
      await listening.close(0);
      await shop[Symbol.asyncDispose]();
    };
    return { shop, url: `${listening.url}/admin`, close };
  }

  /** The page, once it shows figures, and everything that the browser had to say against it. */
  async function looked(
    url: string,
    width: number,
    dark = false,
  ): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({
      httpCredentials: { username: "operator", password: TOKEN },
      viewport: { width, height: 900 },
      colorScheme: dark ? "dark" : "light",
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith("data:"))
        complaints.push(request.url());
    });
    await page.goto(url);
    await page.locator("#going tbody tr").first().waitFor();
    return { page, complaints };
  }

  it("shows what runs, waits, has ended and is owed, and goes on by itself without making anything again", async () => {
    const { shop, url, close } = await opened();
    const { page, complaints } = await looked(url, 1280);
    expect(await page.title()).toBe("Shop · operator");
    const going = page.locator("#going tbody tr");
    await expect.poll(() => going.count()).toBe(2);
    expect(await going.first().textContent()).toMatch(/^job-runsrenderrunning40 %/);
    expect(await page.locator("#ended tbody tr").textContent()).toContain("failed: refused");
    expect(await page.locator("#owed tbody tr").textContent()).toContain(`tried 3×: ${MARKUP}`);
    await expect.poll(() => page.locator("svg path.path, svg rect.bar").count()).toBeGreaterThan(2);
    // The row stays the same element while its figures change.
    const row = await going.first().elementHandle();
    await shop.store.change({ durable: true, job: { id: "job-runs", set: { progress: 75 } } });
    await expect.poll(() => row?.textContent()).toContain("75 %");
    await shop.store.change({
      durable: true,
      job: { id: "job-runs", set: { phase: "delivered", work: "done" } },
    });
    await page.locator("#ended").getByText("succeeded").waitFor();
    await expect.poll(() => going.count()).toBe(1);
    expect(complaints).toEqual([]);
    await page.context().close();
    await close();
  });

  it("says when it has lost the server, keeps what it shows, and goes on when the server is back", async () => {
    const { url, close } = await opened();
    const { page } = await looked(url, 1280);
    await page.route("**/admin/data*", (route) => route.abort());
    await page.getByText("No contact with the server.").waitFor();
    expect(await page.locator("#going tbody tr").count()).toBe(2);
    await page.unroute("**/admin/data*");
    await page.locator("#state:not(.lost)").waitFor();
    await page.context().close();
    await close();
  });

  it.each([
    ["a phone", 360, false],
    ["a phone in the dark", 390, true],
    ["a desk", 1600, true],
  ])("fits on %s", async (_, width, dark) => {
    const { url, close } = await opened();
    const { page, complaints } = await looked(url, width, dark);
    await page.getByRole("button", { name: "24 h" }).click();
    await page.getByRole("button", { name: "render" }).click();
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    const contrast = await page.evaluate(
      "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]",
    );
    expect(contrast).toEqual(
      dark ? ["rgb(228, 232, 236)", "rgb(16, 19, 23)"] : ["rgb(26, 30, 36)", "rgb(245, 246, 248)"],
    );
    expect(complaints).toEqual([]);
    await page.context().close();
    await close();
  });
});
