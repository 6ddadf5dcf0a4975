import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import type { Listening } from "resource402/node";
import { startWorld, type World } from "resource402/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSite } from "../../examples/browser-wallet/site.ts";
import { openStudio } from "../../examples/studio/server.ts";
import { openBrowser } from "../browser.ts";
import { isMissing } from "../missing.ts";

/** What a wallet's user has been asked for, and whether they agree. */
interface Wallet {
  readonly asked: string[];
  agrees: boolean;
}

describe.skipIf(isMissing("browser"))("examples/browser-wallet", () => {
  let browser: Browser;
  let world: World;
  let studio: Listening;
  let site: Awaited<ReturnType<typeof openSite>>;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "resource402-wallet-"));
    world = await startWorld({ chain: false });
    studio = await openStudio(
      { accepts: [{ network: world.network, payTo: world.seller.address }], facilitator: world.facilitator },
      join(folder, "studio.db"),
    );
    [site, browser] = await Promise.all([openSite(studio.url), openBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    site.close();
    await studio.close(0);
    await world.stop();
    await rm(folder, { recursive: true });
  });

  /** Injects a wallet as an extension does (EIP-1193). It signs with the buyer's key, outside the page. */
  async function inject(page: Page): Promise<Wallet> {
    const wallet: Wallet = { asked: [], agrees: true };
    let chainId = "0x1";
    const answers: Record<string, (params: string[]) => unknown> = {
      eth_requestAccounts: () => [world.buyer.address],
      eth_chainId: () => chainId,
      wallet_switchEthereumChain: ([chain]) => {
        ({ chainId } = chain as unknown as { chainId: string });
        return null;
      },
      eth_signTypedData_v4: ([, typedData = ""]) => {
        if (!wallet.agrees) return { refused: 4001 };
        const { domain, types, primaryType, message } = JSON.parse(typedData);
        if (BigInt(domain.chainId) !== BigInt(chainId)) throw new Error("the chain is not selected");
        return world.buyer.signTypedData({ domain, types, primaryType, message });
      },
    };
    await page.exposeFunction("askWallet", (method: string, params: string[]) => {
      wallet.asked.push(method);
      return answers[method]?.(params);
    });
    await page.addInitScript(() => {
      const { askWallet } = window as unknown as {
        askWallet(method: string, params: unknown): Promise<{ refused?: number }>;
      };
      const request = async ({ method, params = [] }: { method: string; params?: unknown }) => {
        const answer = await askWallet(method, params);
        if (answer?.refused) throw { code: answer.refused, message: "User rejected the request." };
        return answer;
      };
      Object.assign(window, { ethereum: { request } });
    });
    return wallet;
  }

  it("buys with an injected wallet, and resumes a purchase after a reload", async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (new URL(request.url()).hostname !== "127.0.0.1") complaints.push(request.url());
    });
    const wallet = await inject(page);
    const signed = () => wallet.asked.filter((method) => method === "eth_signTypedData_v4").length;
    const earned = () => world.balanceOf(world.seller.address);
    await page.goto(site.url);
    await page.getByText("Colors: #").waitFor();
    const buy = page.getByRole("button", { name: "Buy for $0.02" });
    expect(await buy.isDisabled()).toBe(true);
    expect(wallet.asked).toEqual([]);
    await page.getByRole("button", { name: "Connect wallet" }).click();
    await page.getByText(`Wallet: ${world.buyer.address}`).waitFor();

    wallet.agrees = false;
    await buy.click();
    await page.getByRole("alert").waitFor();
    expect(await earned()).toBe(0n);

    wallet.agrees = true;
    await buy.click();
    await page.getByRole("img").waitFor();
    expect([signed(), await earned()]).toEqual([2, 20_000n]);

    // The same order again: the seller gives the same image, and nothing is signed.
    await Promise.all([page.waitForResponse((response) => response.url().includes("/v1/")), buy.click()]);
    await page.getByRole("img").waitFor();
    expect([signed(), await earned()]).toEqual([2, 20_000n]);

    await page.getByLabel("Prompt").fill("a calm harbor");
    await buy.click();
    await page.getByRole("status").getByText("sketching").waitFor();
    await page.reload();
    // Without a connected wallet: the purchase is paid already.
    await page.getByRole("img").waitFor();
    expect([signed(), await earned()]).toEqual([3, 40_000n]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
