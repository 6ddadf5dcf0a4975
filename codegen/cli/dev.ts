import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { styleText } from "node:util";
import { privateKeyToAccount } from "viem/accounts";
import { findAnvil } from "../../src/testing/anvil.ts";
import { startWorld, type World } from "../../src/testing/world.ts";
import { answerDemo, withDemo } from "../dev/demo.ts";
import { type Front, openFront } from "../dev/front.ts";
import type { SellerOrder } from "../dev/order.ts";
import { type SellerProcess, startSeller } from "../dev/process.ts";
import { buy } from "../dev/wallet.ts";
import type { Mistake } from "../mistake.ts";
import type { ApiModel } from "../model.ts";
import { CommandError } from "./command.ts";
import { generate, type Outcome } from "./generate.ts";
import { sayDone, sayError, sayMistakes, sayWarning } from "./say.ts";
import { rerun } from "./watch.ts";

export interface DevOptions {
  /** Absolute path of the definition. */
  readonly file: string;
  /** Absolute path of the folder with the generated files and `handlers/`. @default the definition's folder */
  readonly out?: string;
  /** Absolute path of a file that exports `openServer(options)`. @default all of `handlers/` */
  readonly server?: string;
  readonly port: number;
  /** The file of the command line. */
  readonly entry: URL;
}

/**
 * The second and the third of anvil's accounts: their keys are published and guard nothing anywhere else. The same with
 * every start, so that a buyer's own program goes on working.
 */
const WALLET_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const SELLER_KEY = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const WALLET_USDC = "100";
/** Calls and jobs that run while the code changes may end in the process that has begun them. */
const RELOAD_GRACE_MS = 10_000;
const END_GRACE_MS = 500;
/** A process that ends sooner than this after its start would end again. */
const LIFE_MS = 1_000;

/** Serves an API on a chain of its own, again after every change, until `signal` aborts. Returns the exit code. */
export async function dev(options: DevOptions, signal: AbortSignal): Promise<number> {
  const wallet = privateKeyToAccount(WALLET_KEY);
  let model: ApiModel | undefined;
  let world: World | undefined;
  const front: Front = await openFront({
    port: options.port,
    own: (request, response) =>
      answerDemo(request, response, {
        state: async () => ({
          ...{ wallet: wallet.address, balance: await balanceIn(world), network: world?.network },
          ...(world?.rpcUrl === undefined ? {} : { rpcUrl: world.rpcUrl }),
        }),
        buy: async (resource, input) => {
          await seller.ready();
          if (model === undefined) return { error: "The definition has mistakes.", code: "unavailable" };
          return buy({ baseUrl: `http://127.0.0.1:${front.port}`, account: wallet }, model, resource, input);
        },
      }),
    page: (_, html) => withDemo(html),
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new CommandError(
      `Port ${options.port} is in use by another process. End that one, or take another: resource402 dev --port ${options.port + 1}`,
    );
  });
  const seller = keepSeller(front, options.entry, signal);
  try {
    const generated = generatedWhenChanged(options);
    // The definition is compiled while the chain starts.
    const [opened, first] = await Promise.all([openWorld(), generated()]);
    world = opened;
    const [{ url: facilitator }, store] = await Promise.all([
      opened.startFacilitatorServer(),
      freshStore(options.file),
      opened.fund(wallet.address, WALLET_USDC),
    ]);
    const folder = options.out ?? dirname(options.file);
    const { rpcUrl, network } = opened;
    let outcome: Outcome | undefined = first;
    let greeted = false;

    /** What is written by the command itself is no change. */
    const watched = (paths: readonly string[]): readonly string[] =>
      paths.filter((path) => dirname(path) !== folder || !path.endsWith(".gen.ts"));
    const once = async (): Promise<Outcome> => {
      const started = performance.now();
      front.hold();
      outcome ??= await generated();
      const { model: compiled, files } = outcome;
      outcome = undefined;
      if (compiled === undefined) {
        seller.refuse("The definition has mistakes; see the terminal.");
        return { exitCode: 1, files: watched([...files, ...seller.files()]) };
      }
      const order: SellerOrder = {
        ...{ folder, store },
        ...(options.server === undefined ? {} : { server: options.server }),
        resources: compiled.resources.map(({ name, price }) => ({ name, isQuoted: price.kind === "quoted" })),
        payments: {
          network,
          facilitator,
          sellerKey: SELLER_KEY,
          ...(rpcUrl === undefined ? {} : { rpcUrl }),
        },
      };
      const isServed = await seller.replace(order);
      if (isServed) {
        model = compiled;
        if (greeted) sayDone(`Reloaded in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
        else greet(compiled, front.port, opened, wallet.address, store);
        greeted = true;
      }
      const handlers = compiled.resources.map(({ name }) => join(folder, "handlers", `${name}.ts`));
      const settings = join(process.cwd(), ".env");
      return {
        exitCode: isServed ? 0 : 1,
        files: watched([...files, ...handlers, ...seller.files(), settings]),
      };
    };
    if (signal.aborted) return 0;
    await rerun(once, signal);
    return 0;
  } finally {
    await seller.end();
    await front.close();
    await world?.stop();
  }
}

/** The seller's process, replaced by the next one only when that one listens. */
interface KeptSeller {
  /** True when the new code serves. */
  replace(order: SellerOrder): Promise<boolean>;
  /** Nothing new can be served: what was goes on. */
  refuse(why: string): void;
  /** What the code is made of, as far as is known. */
  files(): readonly string[];
  /** Resolves when nothing is being replaced. */
  ready(): Promise<void>;
  end(): Promise<void>;
}

function keepSeller(front: Front, entry: URL, signal: AbortSignal): KeptSeller {
  let current: SellerProcess | undefined;
  let made: readonly string[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  const leaving = new Set<Promise<void>>();

  const leave = (process: SellerProcess, graceMs: number): void => {
    const left = process.end(graceMs).finally(() => leaving.delete(left));
    leaving.add(left);
  };
  const refuse = (why: string): void => {
    if (current !== undefined) sayError("Until that is mended, the server goes on as it was.");
    front.release(why);
  };

  async function put(order: SellerOrder): Promise<boolean> {
    const { outcome, files } = await startSeller(entry, order);
    if (files.length > 0) made = files;
    if (!("port" in outcome)) {
      sayMistakes([outcome]);
      refuse(sentenceOf(outcome));
      return false;
    }
    const last = current;
    current = outcome;
    front.serve(outcome.port);
    if (last !== undefined) leave(last, RELOAD_GRACE_MS);
    void watchOver(outcome, order, performance.now());
    return true;
  }

  /** Code may end its process by mistake: then it is started again, unless it would do so at once. */
  async function watchOver(process: SellerProcess, order: SellerOrder, since: number): Promise<void> {
    const how = await process.ended;
    if (current !== process || signal.aborted) return;
    current = undefined;
    front.lose();
    if (performance.now() - since < LIFE_MS) {
      sayError(`The server has ended by itself (${how}). It is started again when a file changes.`);
      front.release(`The server has ended by itself (${how}).`);
      return;
    }
    sayError(`The server has ended by itself (${how}), and is started again.`);
    front.hold();
    turn = turn.then(() => (current === undefined && !signal.aborted ? put(order) : undefined));
  }

  return {
    replace(order) {
      const done = turn.then(() => put(order));
      turn = done;
      return done;
    },
    refuse,
    files: () => made,
    ready: async () => void (await turn),
    async end() {
      await turn;
      if (current !== undefined) leave(current, END_GRACE_MS);
      // Those that are still leaving had their time; who waits at a terminal has not.
      await Promise.race([Promise.all(leaving), pause(END_GRACE_MS + 1_000, undefined, { ref: false })]);
    },
  };
}

function sentenceOf({ path, problem, mend }: Mistake): string {
  return `${path}: ${problem} (mend: ${mend}).`;
}

/** Generates when the definition or what it imports has changed; else it is as it was. */
function generatedWhenChanged({ file, out, entry }: DevOptions): () => Promise<Outcome> {
  let last: { readonly outcome: Outcome; readonly state: string } | undefined;
  return async () => {
    const known = last?.outcome.files ?? [];
    const state = await stateOf(known);
    if (last?.state === state) return last.outcome;
    const outcome = await generate({ file, entry, ...(out === undefined ? {} : { out }) });
    const isKnown = outcome.files.join() === known.join();
    // As it was before it was read: what has changed meanwhile is seen next time.
    last = { outcome, state: isKnown ? state : await stateOf(outcome.files) };
    return outcome;
  };
}

async function stateOf(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ mtimeMs, size }) => `${file} ${mtimeMs} ${size}`,
        () => `${file} missing`,
      ),
    ),
  );
  return states.join("\n");
}

async function openWorld(): Promise<World> {
  try {
    findAnvil(undefined);
  } catch {
    sayWarning("anvil is not installed: payments are kept in memory, and there is no chain to look at.");
    sayWarning("For a chain: npm install --save-dev @foundry-rs/anvil");
    return startWorld({ chain: false });
  }
  return startWorld();
}

/** The chain is new with every start, and so is the record of what was paid on it. */
async function freshStore(definition: string): Promise<string> {
  const folder = join(dirname(definition), ".resource402");
  await mkdir(folder, { recursive: true });
  // Nothing in it is worth keeping.
  await writeFile(join(folder, ".gitignore"), "*\n");
  const store = join(folder, "dev.db");
  await Promise.all(["", "-wal", "-shm"].map((end) => rm(store + end, { force: true })));
  return store;
}

async function balanceIn(world: World | undefined): Promise<string | undefined> {
  const atomic = await world?.balanceOf(privateKeyToAccount(WALLET_KEY).address);
  return atomic === undefined ? undefined : (Number(atomic) / 1e6).toFixed(6).replace(/0{1,4}$/, "");
}

function greet(model: ApiModel, port: number, world: World, wallet: string, store: string): void {
  const url = `http://localhost:${port}`;
  const row = (name: string, text: string): void =>
    console.log(`  ${styleText("dim", name.padEnd(8), { stream: process.stdout })}${text}`);
  console.log(`\n${styleText("bold", `${model.title} ${model.version}`, { stream: process.stdout })}\n`);
  row("address", styleText("cyan", url, { stream: process.stdout }));
  row("docs", styleText("cyan", `${url}/docs`, { stream: process.stdout }));
  if (world.rpcUrl !== undefined) row("rpc", `${world.rpcUrl} (a chain of its own, as ${world.network})`);
  row("wallet", `${wallet} holds ${WALLET_USDC} USDC`);
  row("key", WALLET_KEY);
  row("store", relative(process.cwd(), store));
  console.log();
  const width = Math.max(...model.resources.map(({ path }) => path.length));
  for (const { method, path, price, priceBounds, per } of model.resources) {
    const { min, max } = priceBounds;
    const text = price.kind === "free" ? "free" : `$${min}${min === max ? "" : ` to $${max}`} ${per}`;
    console.log(
      `  ${method.padEnd(8)}${path.padEnd(width)}  ${styleText("dim", text, { stream: process.stdout })}`,
    );
  }
  console.log("\nThe wallet holds play money. Changes are taken up; Ctrl-C ends.\n");
}
