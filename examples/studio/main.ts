import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, styleText } from "node:util";
import { type ClientEvent, isResourceError } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { startWorld, type World } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { createClient } from "./client.gen.ts";
import { openStudio } from "./server.ts";

const HELP = `Runs the whole of resource402 on this machine: a local chain, a seller, and a buyer with its generated client.

  npm start                    buy an image and its caption, have one refunded, check the balances, end
  npm start -- --serve         keep the studio open for buyers of your own
  npm start -- --serve --port 4020

  LOG=info npm start           with the server's log lines
`;

const { values } = parseArgs({
  options: {
    serve: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const OUT = fileURLToPath(new URL("./out/", import.meta.url));
const LEDGER = join(OUT, "ledger");

const say = (text = "") => process.stdout.write(`${text}\n`);
const strong = (text: string) => styleText("bold", text);
const row = (name: string, text: string) => say(`   ${styleText("dim", name.padEnd(9))}${text}`);
const usdc = (atomic: bigint) =>
  `${atomic / 1_000_000n}.${String(atomic % 1_000_000n).padStart(6, "0")} USDC`;

if (values.help) {
  say(HELP);
} else {
  await main();
}

async function main(): Promise<void> {
  const world = await startWorld();
  const key = generatePrivateKey();
  const buyer = privateKeyToAccount(key);
  await world.fund(buyer.address, "100");
  // The chain is new with every start, and so is the ledger of what was paid on it.
  await rm(LEDGER, { recursive: true, force: true });
  await mkdir(LEDGER, { recursive: true });
  const rpcUrl = world.rpcUrl === undefined ? {} : { rpcUrl: world.rpcUrl };
  const studio = await openStudio(
    {
      accepts: [{ network: world.network, payTo: world.seller.address, ...rpcUrl }],
      facilitator: (await world.startFacilitatorServer()).url,
      refunds: { account: world.seller },
    },
    join(LEDGER, "ledger.db"),
    Number(values.port),
  );
  const close = async () => {
    await studio.close(0);
    await world.stop();
  };
  process.once("SIGINT", () => void close().then(() => process.exit(130)));

  say(strong("A priced API, bought by its generated client, on a local chain"));
  say();
  row("chain", `anvil at ${world.rpcUrl}, ${world.network}, token ${world.asset}`);
  row("seller", `${world.seller.address} serves ${studio.url}`);
  row("buyer", `${buyer.address} holds ${usdc(await world.balanceOf(buyer.address))}`);
  say();

  if (values.serve) {
    row("wallet", `private key ${key} (a throw-away one, of this chain only)`);
    row("try", `curl -i -X POST ${studio.url}/v1/generate-image -d '{"prompt":"a lighthouse"}'`);
    say("\n   Serving. Ctrl-C ends it.");
    return;
  }

  const paid = await buy(world, studio.url, buyer);
  await close();
  if (!paid) process.exitCode = 1;
}

/** Buys one of each. True when exactly the sum of the prices has moved. */
async function buy(
  world: World,
  baseUrl: string,
  buyer: ReturnType<typeof privateKeyToAccount>,
): Promise<boolean> {
  const before = await balances();
  const client = createClient({
    baseUrl,
    payer: evmPayer(buyer),
    budget: { perCall: "0.25", total: "5.00" },
    onEvent: show,
  });

  say(strong('1. palette({ name: "ember" })'));
  const { colours } = await client.palette({ name: "ember" });
  row("free", colours.join(" "));
  say();

  const order = { prompt: "a lighthouse in a storm", quality: "high", palette: "ember" } as const;
  say(strong(`2. generateImage(${JSON.stringify(order)})`));
  row("quote", `$${client.generateImage.quote(order)}, computed by the client before any request`);
  const { imageUrl, width } = await client.generateImage(order, { onProgress: () => {} });
  const png = new Uint8Array(await (await fetch(imageUrl)).arrayBuffer());
  const file = join(OUT, "lighthouse.png");
  await writeFile(file, png);
  row("result", `${relative(process.cwd(), file)}: ${width} by ${width} pixels, ${png.byteLength} bytes`);
  say();

  const question = { imageUrl, tone: "witty" } as const;
  say(strong('3. caption({ imageUrl, tone: "witty" })'));
  row("quote", `$${client.caption.quote(question)}`);
  const { caption } = await client.caption(question);
  row("result", `"${caption}"`);
  say();

  const refused = { prompt: "something forbidden", quality: "draft" } as const;
  say(strong(`4. generateImage(${JSON.stringify(refused)})`));
  row("quote", `$${client.generateImage.quote(refused)}, charged when the job is accepted`);
  const job = await client.generateImage.start(refused);
  try {
    await job.result();
  } catch (error) {
    if (!isResourceError(error)) throw error;
    row("failed", `${error.failure}: ${error.message}`);
    row("money", `charged: ${error.charged}, ${error.paymentState}`);
  }
  const refunded = await refundOf(job.statusUrl);
  row("money", refunded ? "refunded: the amount has been sent back" : "not refunded in time");
  say();

  const after = await balances();
  const price = 100_000n + 10_000n;
  const exact = refunded && before.buyer - after.buyer === price && after.seller - before.seller === price;
  say(strong("Balances"));
  row("buyer", `${usdc(before.buyer)} → ${usdc(after.buyer)}`);
  row("seller", `${usdc(before.seller)} → ${usdc(after.seller)}`);
  say(
    exact
      ? `   ${styleText("green", `Exactly the sum of the two prices has moved, and the third is back: ${usdc(price)}.`)}`
      : `   ${styleText("red", `The balances have not moved by the sum of the prices, ${usdc(price)}.`)}`,
  );
  return exact;

  /** Asks for the job until what it cost has been sent back; at most ten seconds. */
  async function refundOf(statusUrl: string): Promise<boolean> {
    for (let tries = 0; tries < 50; tries += 1) {
      const { paymentState } = (await (await fetch(statusUrl)).json()) as { paymentState?: string };
      if (paymentState === "refunded") return true;
      await pause(200);
    }
    return false;
  }

  async function balances(): Promise<{ buyer: bigint; seller: bigint }> {
    return {
      buyer: await world.balanceOf(buyer.address),
      seller: await world.balanceOf(world.seller.address),
    };
  }
}

function show(event: ClientEvent): void {
  if (event.type === "challenged") {
    const { pricing } = event.offer.extra as { pricing: { description: string } };
    row("402", `asks for ${event.usd} ${event.currency} ${pricing.description}, to ${event.offer.payTo}`);
  } else if (event.type === "signed") {
    row(
      "signed",
      `one authorization of ${event.usd} ${event.currency}, under the key ${event.idempotencyKey}`,
    );
  } else if (event.type === "settled") {
    row("settled", `transaction ${event.receipt.transaction}`);
  } else if (event.type === "accepted") {
    row("job", `${event.jobId} is accepted and paid`);
  } else {
    progress(event.update.progress, event.update.message ?? event.update.status);
  }
}

/** One line that is drawn again in a terminal; a line for each update elsewhere. */
function progress(percent: number, message: string): void {
  const filled = Math.round(percent / 5);
  const bar = `${"█".repeat(filled)}${"░".repeat(20 - filled)}`;
  const line = `   ${" ".repeat(9)}${bar} ${String(percent).padStart(3)} %  ${message}`;
  if (!process.stdout.isTTY) say(line);
  else process.stdout.write(`\r${line.padEnd(70)}${percent === 100 ? "\n" : ""}`);
}
