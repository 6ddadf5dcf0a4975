import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/** What the agent has seen and done, in order. */
export interface Report {
  /** By tool: the most that one call costs, in US dollars. Absent for a free tool. */
  readonly prices: Readonly<Record<string, string | undefined>>;
  readonly colors: unknown;
  readonly bought: unknown;
  /** Why the second purchase was refused, in words for the model. */
  readonly refusal: string;
  readonly spending: { readonly budgetUsd: string; readonly leftUsd: string; readonly paymentCount: number };
}

/**
 * Does what an agent with a language model does, as a script: lists the tools, reads their prices, buys one image, and
 * tries to buy another that its budget does not cover.
 */
export async function runAgent(
  transport: Transport,
  say: (text: string) => void = () => {},
): Promise<Report> {
  const agent = new Client({ name: "scripted-agent", version: "1.0.0" });
  await agent.connect(transport);
  try {
    say(`told by the server: ${agent.getInstructions()}`);
    const { tools } = await agent.listTools();
    const prices = Object.fromEntries(tools.map(({ name, description = "" }) => [name, mostOf(description)]));
    for (const [name, usd] of Object.entries(prices)) say(`${name}: ${usd ? `at most $${usd}` : "free"}`);

    const palette = await call("palette", { name: "ember" });
    const image = await call("generateImage", { prompt: "a lighthouse", quality: "draft" });
    say(`bought: ${image.text}`);
    const second = await call("generateImage", { prompt: "a lighthouse", quality: "high" });
    say(`refused: ${second.text}`);
    const spending = await call("resource402_spending", {});
    return {
      prices,
      colors: palette.structured?.colours,
      bought: image.structured,
      refusal: second.isError ? second.text : "",
      spending: JSON.parse(spending.text) as Report["spending"],
    };
  } finally {
    await agent.close();
  }

  async function call(name: string, input: Record<string, unknown>) {
    const onprogress = ({ progress, message }: { progress: number; message?: string | undefined }) =>
      say(`${name}: ${progress} % ${message ?? ""}`);
    const result = await agent.callTool({ name, arguments: input }, undefined, { onprogress });
    const content = result.content as { type: string; text?: string }[];
    return {
      text: content.map(({ text = "" }) => text).join("\n"),
      structured: result.structuredContent as Record<string, unknown> | undefined,
      isError: result.isError === true,
    };
  }
}

/** Each description of a paid tool states the price and the most that a call costs. */
function mostOf(description: string): string | undefined {
  return /never costs more than \$([0-9.]+[0-9])/.exec(description)?.[1];
}
