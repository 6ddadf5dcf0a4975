import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "resource402/node";
import { notImplemented } from "resource402/server";
import { startWorld } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { describe, expect, it, onTestFinished } from "vitest";
import { createServer } from "../../examples/studio/server.gen.ts";
import { startProgram } from "./program.ts";

describe("examples/budget-script", () => {
  it("resumes after kill -9 without paying twice, and stops at its budget", async () => {
    await using world = await startWorld({ chain: false });
    const key = generatePrivateKey();
    await world.fund(privateKeyToAccount(key).address, "1");
    const drawn: string[] = [];
    const studio = createServer({
      handlers: {
        ...{ caption: notImplemented, palette: notImplemented },
        generateImage: ({ prompt, quality }) => {
          drawn.push(`${prompt}, ${quality}`);
          return { imageUrl: "https://api.pixel.example/images/1.png", width: 128 };
        },
      },
      payments: {
        accepts: [{ network: world.network, payTo: world.seller.address }],
        facilitator: world.facilitator,
      },
      log: "error",
    });
    /** Called with each paid request after the server has charged it, before the buyer gets the response. */
    let onCharged = (_: string | null): void => {};
    const fetch = async (request: Request) => {
      const isPaid = request.headers.has("payment-signature");
      const response = await studio.fetch(request);
      if (isPaid) onCharged(request.headers.get("idempotency-key"));
      return response;
    };
    await using served = await (async () => {
      const listening = await listen(
        { ...studio, fetch },
        { port: 0, hostname: "127.0.0.1", signals: false },
      );
      return { url: listening.url, [Symbol.asyncDispose]: () => listening.close(0) };
    })();
    const folder = await mkdtemp(join(tmpdir(), "resource402-budget-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const run = (BUDGET: string) =>
      startProgram("budget-script/buy.ts", {
        ...{ API_URL: served.url, WALLET_KEY: key, FOLDER: folder, BUDGET },
      });

    const first = run("0.25");
    onCharged = (name) => name?.includes("poster/back") && first.child.kill("SIGKILL");
    expect(await first.ended()).toBe("SIGKILL");
    expect(first.lines).toContain("bought cover");
    expect(first.lines).not.toContain("bought back");
    // Charged for the second image, whose response was lost.
    expect(await world.balanceOf(world.seller.address)).toBe(120_000n);

    const second = run("0.12");
    expect(await second.ended()).toBe(1);
    expect(second.lines).toEqual([
      "$0.02 left, 1 open payments",
      "bought back",
      "stopped at spine: payment_refused over_budget",
      "paid $0.12",
    ]);

    const third = run("0.25");
    expect(await third.ended()).toBe(0);
    expect(third.lines).toEqual([
      "$0.13 left, 0 open payments",
      "signed poster/spine for $0.02",
      "bought spine",
      "paid $0.14",
    ]);
    expect(await world.balanceOf(world.seller.address)).toBe(140_000n);
    expect(await world.transfers()).toHaveLength(3);
    expect(drawn).toEqual(["a lighthouse in a storm, high", "a calm harbor, draft", "waves, draft"]);
  });
});
