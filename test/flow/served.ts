import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listen } from "resource402/node";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { createProject, type Project } from "../codegen/project.ts";
import { openShop, type Shop, type ShopOptions } from "./shop.ts";

const definition = fileURLToPath(new URL("../fixtures/shop/resources.ts", import.meta.url));

/** The shop behind a real address, with its definition in a folder, for commands that are run as processes. */
export interface ServedShop {
  readonly shop: Shop;
  readonly url: string;
  readonly project: Project;
  /** Private key of an account with 10 USDC. */
  readonly key: `0x${string}`;
  /** Atomic units that have left that account. */
  paid(): Promise<bigint>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function serveShop(options: ShopOptions = {}): Promise<ServedShop> {
  const shop = await openShop({ chain: true, ...options });
  const fetch = (request: Request) => shop.network(request);
  const listening = await listen(
    { ...shop.server, fetch },
    { port: 0, hostname: "127.0.0.1", signals: false },
  );
  const project = createProject({ "resources.ts": readFileSync(definition, "utf8") });
  const key = generatePrivateKey();
  const { address } = privateKeyToAccount(key);
  await shop.world.fund(address, "10");
  return {
    ...{ shop, url: listening.url, project, key },
    paid: async () => 10_000_000n - (await shop.world.balanceOf(address)),
    async [Symbol.asyncDispose]() {
      project[Symbol.dispose]();
      await listening.close(0);
      await shop[Symbol.asyncDispose]();
    },
  };
}

/** Where calls of the commands are kept in a test: not with the user. */
export function stateOf({ folder }: Project): string {
  return join(folder, "state");
}
