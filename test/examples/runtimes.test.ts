import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { evmPayer } from "resource402/evm";
import { startWorld } from "resource402/testing";
import { describe, expect, it, vi } from "vitest";
import { createClient } from "../../examples/runtimes/client.gen.ts";
import { GET, POST } from "../../examples/runtimes/next/app/api/[...path]/route.ts";
import { PLACES } from "../runtimes/places.ts";

const folder = fileURLToPath(new URL("../../examples/runtimes/", import.meta.url));

describe("examples/runtimes", () => {
  it("has one file for each place, which test:runtimes runs and the README lists", async () => {
    const files = globSync(["*.ts", "next/**/*.ts"], { cwd: folder });
    const shared = /^(resources|server|.+\.gen)\.ts$/;
    const own = files.filter((file) => !shared.test(file)).toSorted();
    expect(PLACES.flatMap(({ example }) => example ?? []).toSorted()).toEqual(own);
    const readme = await readFile(`${folder}README.md`, "utf8");
    expect(own.filter((file) => !readme.includes(`\`${file}\``))).toEqual([]);
  });

  it("sells from a Next route: a synchronous call and a job", async () => {
    await using world = await startWorld({ chain: false });
    vi.stubEnv("PAY_TO", world.seller.address);
    vi.stubEnv("FACILITATOR_URL", (await world.startFacilitatorServer()).url);
    const baseUrl = "https://text.example/api";
    const client = createClient({
      baseUrl,
      payer: evmPayer(world.buyer),
      // As Next calls the handlers of a catch-all route.
      fetch: async (url, init) => {
        const request = new Request(url, init);
        const path = new URL(request.url).pathname.split("/").slice(2);
        const handler = request.method === "POST" ? POST : GET;
        return handler(request, { params: Promise.resolve({ path }) });
      },
    });
    expect(await client.countWords({ text: "a calm harbor" })).toEqual({ words: 3 });
    expect(await client.shorten({ text: "It rains. Stay in." })).toEqual({ text: "It rains." });
    expect(await world.balanceOf(world.seller.address)).toBe(21_000n);
    vi.unstubAllEnvs();
  });
});
