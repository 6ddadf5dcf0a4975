import type { ServerOptions } from "resource402/server";
import { privateKeyToAccount } from "viem/accounts";
import { createServer, type Handlers } from "./server.gen.ts";

/** `PAY_TO`, `FACILITATOR_URL` and `REFUND_KEY`, from the runner: environment variables or bindings. */
export type Settings = Readonly<Record<string, string | undefined>>;

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

/** The same API in every place. The files of examples/runtimes are run with this server in the place of their own. */
export function openServer(settings: Settings, more: Partial<ServerOptions<Handlers>> = {}) {
  const { PAY_TO = "", FACILITATOR_URL = "", REFUND_KEY } = settings;
  return createServer({
    handlers,
    payments: {
      accepts: [{ network: "eip155:84532", payTo: PAY_TO }],
      facilitator: FACILITATOR_URL,
      refunds: { account: privateKeyToAccount(REFUND_KEY as `0x${string}`) },
    },
    log: "error",
    recovery: { everyMs: 200, leaseMs: 2_000 },
    ...more,
  });
}
