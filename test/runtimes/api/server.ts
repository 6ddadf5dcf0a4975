import type { ServerOptions } from "resource402/server";
import { privateKeyToAccount } from "viem/accounts";
import { createServer, type Handlers } from "./server.gen.ts";

/** What the runner tells a place. */
export interface Setting {
  readonly network: `eip155:${number}`;
  readonly payTo: string;
  readonly facilitator: string;
  readonly refundKey: `0x${string}`;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const handlers: Handlers = {
  ping: () => ({ open: true }),
  caption: ({ text }) => ({ text }),
  word: ({ word }) => ({ word }),
  render: async ({ text, stepMs }, ctx) => {
    if (text === "refuse") ctx.fail("refused");
    const step = { title: "drawing", run: () => pause(stepMs) };
    await ctx.steps([step, step, step, step]);
    return { text };
  },
};

/** The same API in every place. */
export function makeServer(setting: Setting, more: Partial<ServerOptions<Handlers>> = {}) {
  return createServer({
    handlers,
    payments: {
      accepts: [{ network: setting.network, payTo: setting.payTo }],
      facilitator: setting.facilitator,
      refunds: { account: privateKeyToAccount(setting.refundKey) },
    },
    log: "error",
    recovery: { everyMs: 200 },
    ...more,
  });
}
