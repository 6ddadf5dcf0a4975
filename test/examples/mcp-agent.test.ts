import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { startWorld } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { describe, expect, it, onTestFinished } from "vitest";
import { runAgent } from "../../examples/mcp-agent/agent.ts";
import { openStudio } from "../../examples/studio/server.ts";

const command = fileURLToPath(new URL("../../codegen/cli/main.ts", import.meta.url));

describe("examples/mcp-agent", () => {
  it("reads prices, buys within its budget, and is refused above it", async () => {
    await using world = await startWorld({ chain: false });
    const key = generatePrivateKey();
    await world.fund(privateKeyToAccount(key).address, "1");
    const folder = await mkdtemp(join(tmpdir(), "resource402-agent-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const studio = await openStudio(
      {
        accepts: [{ network: world.network, payTo: world.seller.address }],
        facilitator: world.facilitator,
      },
      join(folder, "studio.db"),
    );
    const report = await runAgent(
      new StdioClientTransport({
        command: process.execPath,
        args: [command, "mcp", studio.url, "--budget", "0.05"],
        env: { PATH: "", RESOURCE402_WALLET_KEY: key },
        stderr: "ignore",
      }),
    );
    await studio.close(0);

    expect(report.prices).toEqual({
      ...{ caption: "0.01", generateImage: "0.10", palette: undefined },
      ...{ resource402_spending: undefined, resource402_resume: undefined },
    });
    expect(report.colors).toHaveLength(4);
    expect(report.bought).toMatchObject({ width: 128 });
    expect(report.refusal).toContain("Nothing was charged. $0.03 of the budget is left.");
    expect(report.spending).toMatchObject({ budgetUsd: "0.05", leftUsd: "0.03", paymentCount: 1 });
    expect(await world.balanceOf(world.seller.address)).toBe(20_000n);
  });
});
