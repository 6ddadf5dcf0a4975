import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, dirname } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it, vi } from "vitest";
import { findAnvil } from "../../src/testing/anvil.ts";
import { startChain } from "../../src/testing/index.ts";
import { isMissing } from "../missing.ts";

afterEach(() => vi.unstubAllEnvs());

const answers = (rpcUrl: string) =>
  fetch(rpcUrl, { method: "POST", body: "{}" }).then(
    () => true,
    () => false,
  );

describe("a chain", () => {
  it("is Base Sepolia with our token at the address of its USDC", async () => {
    const chain = await startChain();
    expect(await chain.publicClient.getChainId()).toBe(84532);
    expect(chain).toMatchObject({ chainId: 84532, network: "eip155:84532" });
    const holder = "0x00000000000000000000000000000000000000AA";
    await Promise.all(Array.from({ length: 20 }, () => chain.mint(holder, 3n)));
    expect(await chain.balanceOf(holder)).toBe(60n);
    await chain.stop();
  });

  it("ends with stop(), which may be called again", async () => {
    const chain = await startChain();
    expect(await answers(chain.rpcUrl)).toBe(true);
    await Promise.all([chain.stop(), chain.stop()]);
    expect(await answers(chain.rpcUrl)).toBe(false);
    await chain.stop();
  });

  it.skipIf(isMissing("signals"))("ends with its process, even if that is killed", async () => {
    const parent = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `import { startChain } from ${JSON.stringify(import.meta.resolve("../../src/testing/index.ts"))};
         console.log((await startChain()).rpcUrl);
         setInterval(() => {}, 1000);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [rpcUrl] = (await once(createInterface(parent.stdout), "line")) as [string];
    expect(await answers(rpcUrl)).toBe(true);
    parent.kill("SIGKILL");
    await vi.waitFor(async () => expect(await answers(rpcUrl)).toBe(false), { timeout: 30_000 });
  });

  it("does not keep alive a process that forgot to stop it", async () => {
    const script = `import { startChain } from ${JSON.stringify(import.meta.resolve("../../src/testing/index.ts"))};
      await startChain();`;
    const forgetful = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: "inherit",
    });
    expect(await once(forgetful, "exit")).toEqual([0, null]);
  });

  it("mines by the clock if told so", async () => {
    const chain = await startChain({ blockTime: 0.2 });
    const before = await chain.publicClient.getBlockNumber();
    await vi.waitFor(
      async () => expect(await chain.publicClient.getBlockNumber()).toBeGreaterThan(before + 1n),
      { timeout: 30_000 },
    );
    await chain.stop();
  });

  it("says in anvil's own words why it did not start", async () => {
    const chain = await startChain();
    const port = Number(new URL(chain.rpcUrl).port);
    await expect(startChain({ port })).rejects.toThrow(/anvil ended before it listened.*in use/is);
    await chain.stop();
  });

  it("takes the anvil that it is told to take, or says that there is none", async () => {
    await expect(startChain({ anvil: "/nowhere/anvil" })).rejects.toThrow(
      "There is no anvil at /nowhere/anvil (from the option).",
    );
    vi.stubEnv("RESOURCE402_ANVIL", "/nowhere/either");
    await expect(startChain()).rejects.toThrow(
      "There is no anvil at /nowhere/either (from RESOURCE402_ANVIL).",
    );
  });

  it("falls back on the PATH, or says what was looked for", async () => {
    const anvil = findAnvil(undefined);
    const arch = Object.getOwnPropertyDescriptor(process, "arch") as PropertyDescriptor;
    Object.defineProperty(process, "arch", { ...arch, value: "pdp11" });
    try {
      vi.stubEnv("PATH", `/nowhere${delimiter}${dirname(anvil)}`);
      expect(findAnvil(undefined)).toBe(anvil);
      vi.stubEnv("PATH", "/nowhere");
      expect(() => findAnvil(undefined)).toThrow(/-pdp11 is not installed.*PATH.*chain: false/);
    } finally {
      Object.defineProperty(process, "arch", arch);
    }
  });
});
