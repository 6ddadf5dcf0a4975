import { dirname, join } from "node:path";
import { privateKeyToAccount } from "viem/accounts";
import { findAnvil } from "../../src/testing/anvil.ts";
import { startWorld, type World } from "../../src/testing/world.ts";
import { whenChanged } from "../dev/changed.ts";
import { answerDemo, type DemoOptions, withDemo } from "../dev/demo.ts";
import { claimFolder, type DevFolder } from "../dev/folder.ts";
import { type Front, openFront } from "../dev/front.ts";
import { buy } from "../dev/wallet.ts";
import type { ApiModel } from "../model.ts";
import { CommandError } from "./command.ts";
import { greet } from "./dev-greeting.ts";
import { type KeptSeller, keepSeller } from "./dev-seller.ts";
import { type GenerateOutcome, generate } from "./generate.ts";
import { createReader } from "./load.ts";
import { sayDone, sayWarning } from "./say.ts";
import { typed } from "./typed.ts";
import { rerun } from "./watch.ts";

export interface DevOptions {
  /** Absolute path of the definition. */
  readonly file: string;
  /** Absolute path of the folder with the generated files and `handlers/`. @default the definition's folder */
  readonly out?: string;
  /** Absolute path of a file that exports `openServer(options)`. @default all of `handlers/` */
  readonly server?: string;
  /** Port on 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  /** The entry file of the command line. */
  readonly entry: URL;
}

/**
 * The second and the third account of anvil. Their keys are public and hold nothing on other chains. They are the same at
 * every start, so that a buyer's program keeps working.
 */
const WALLET_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const SELLER_KEY = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const WALLET = privateKeyToAccount(WALLET_KEY);
const WALLET_USDC = "100";

/**
 * Serves an API on a local chain and reloads after every change, until `signal` aborts. Returns the exit code.
 * @throws CommandError when the port is in use, or another `dev` serves this API
 */
export async function dev(options: DevOptions, signal: AbortSignal): Promise<number> {
  /** The API and its wallet, once both have started. */
  let model: ApiModel | undefined;
  let world: World | undefined;
  const front: Front = await frontAt(options.port, {
    async state() {
      const atomic = await world?.balanceOf(WALLET.address);
      const balance = atomic === undefined ? undefined : usdc(atomic);
      return { wallet: WALLET.address, balance, network: world?.network, rpcUrl: world?.rpcUrl };
    },
    async buy(resource, input, onProgress) {
      await seller.ready();
      if (model === undefined) return { error: "Nothing is served yet.", code: "unavailable" };
      const baseUrl = `http://127.0.0.1:${front.port}`;
      return buy({ baseUrl, account: WALLET, signal, onProgress }, model, resource, input);
    },
  });
  const seller = keepSeller(front, options.entry, signal);
  const reader = createReader(options.entry);
  let place: DevFolder | undefined;
  try {
    place = await claimed(dirname(options.file));
    const { file, out, entry } = options;
    const compile = whenChanged(() =>
      generate({ file, entry, reader, ...(out === undefined ? {} : { out }) }),
    );
    // Compiles the definition while the chain starts, so the first round does not wait.
    [world] = await Promise.all([openWorld(), compile()]);
    const serve = await orderIn(world, place, options);
    if (signal.aborted) return 0;
    const { rpcUrl: rpc } = world;
    const { store } = place;
    const wallet = { address: WALLET.address, key: WALLET_KEY, balance: WALLET_USDC };
    await rerun(async () => {
      const started = performance.now();
      front.hold();
      const compiled = await compile();
      const isServed = await serve(seller, compiled);
      const files = filesOf(options, compiled, seller);
      const { model: now } = compiled;
      if (!isServed || now === undefined) return { exitCode: 1, files };
      const isFirst = model === undefined;
      model = now;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const say = (): void => {
        if (isFirst) greet({ model: now, port: front.port, rpc, wallet, store });
        else sayDone(`Reloaded in ${seconds} s.`);
      };
      return { exitCode: 0, files, say };
    }, signal);
    return 0;
  } finally {
    reader.close();
    await seller.end();
    await front.close();
    await world?.stop();
    await place?.leave();
  }
}

async function frontAt(port: number, demo: DemoOptions): Promise<Front> {
  return openFront({
    port,
    own: (request, response) => answerDemo(request, response, demo),
    page: withDemo,
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new CommandError(
      `Port ${port} is in use by another process. Stop that process, or choose another port: ${typed(`dev --port ${port + 1}`)}`,
    );
  });
}

async function claimed(beside: string): Promise<DevFolder> {
  const place = await claimFolder(beside);
  if (typeof place !== "number") return place;
  throw new CommandError(`Process ${place} already serves this API with resource402 dev. Stop it first.`);
}

async function openWorld(): Promise<World> {
  try {
    findAnvil(undefined);
  } catch {
    sayWarning("anvil is not installed: payments are kept in memory, without a chain.");
    sayWarning("For a chain: npm install --save-dev @foundry-rs/anvil");
    return startWorld({ chain: false });
  }
  return startWorld();
}

/** Serves what was compiled. Returns true when it is served. */
async function orderIn(
  world: World,
  { store }: DevFolder,
  options: DevOptions,
): Promise<(seller: KeptSeller, compiled: GenerateOutcome) => Promise<boolean>> {
  const { rpcUrl, network } = world;
  const [{ url: facilitator }] = await Promise.all([
    world.startFacilitatorServer(),
    world.fund(WALLET.address, WALLET_USDC),
  ]);
  return async (seller, { model }) => {
    if (model === undefined) {
      seller.refuse("The definition has mistakes; see the terminal.");
      return false;
    }
    return seller.replace({
      folder: folderOf(options),
      ...(options.server === undefined ? {} : { server: options.server }),
      resources: model.resources.map(({ name, price }) => ({ name, isQuoted: price.kind === "quoted" })),
      payments: {
        ...{ network, facilitator, sellerKey: SELLER_KEY },
        ...(rpcUrl === undefined ? {} : { rpcUrl }),
      },
      store,
    });
  };
}

function folderOf({ file, out }: DevOptions): string {
  return out ?? dirname(file);
}

/** The files to watch, without those that this command writes itself. */
function filesOf(
  options: DevOptions,
  { files, model }: GenerateOutcome,
  seller: KeptSeller,
): readonly string[] {
  const folder = folderOf(options);
  const handlers = (model?.resources ?? []).map(({ name }) => join(folder, "handlers", `${name}.ts`));
  const settings = join(process.cwd(), ".env");
  return [...files, ...handlers, ...seller.files(), settings].filter(
    (path) => dirname(path) !== folder || !path.endsWith(".gen.ts"),
  );
}

/** At least two decimals, without further trailing zeros. */
function usdc(atomic: bigint): string {
  return (Number(atomic) / 1e6).toFixed(6).replace(/0{1,4}$/, "");
}
