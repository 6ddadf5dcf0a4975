import { relative } from "node:path";
import { styleText } from "node:util";
import type { ApiModel } from "../model.ts";

/** What `dev` prints after it has started. */
export interface Greeting {
  readonly model: ApiModel;
  readonly port: number;
  /** Absent when there is no chain. */
  readonly rpc: string | undefined;
  readonly wallet: { readonly address: string; readonly key: string; readonly balance: string };
  /** Path of the SQLite file. */
  readonly store: string;
}

export function greet({ model, port, rpc, wallet, store }: Greeting): void {
  const paint = (colour: Parameters<typeof styleText>[0], text: string): string =>
    styleText(colour, text, { stream: process.stdout });
  const row = (name: string, text: string): void => console.log(`  ${paint("dim", name.padEnd(8))}${text}`);
  const url = `http://localhost:${port}`;
  console.log(`\n${paint("bold", `${model.title} ${model.version}`)}\n`);
  row("address", paint("cyan", url));
  row("docs", paint("cyan", `${url}/docs`));
  if (rpc !== undefined) row("rpc", rpc);
  row("wallet", `${wallet.address} holds ${wallet.balance} USDC`);
  row("key", wallet.key);
  row("store", `${relative(process.cwd(), store)}, empty at every start, like the chain`);
  console.log();
  const width = Math.max(...model.resources.map(({ path }) => path.length));
  for (const { method, path, priceSentence } of model.resources) {
    const text = priceSentence.replace(/^Costs |\.$/g, "");
    console.log(`  ${method.padEnd(8)}${path.padEnd(width)}  ${paint("dim", text)}`);
  }
  console.log("\nThe wallet holds test money. dev reloads on every change. Press Ctrl-C to stop.\n");
}
