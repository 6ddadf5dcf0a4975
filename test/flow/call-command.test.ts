import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text as streamText } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { serve as serveNode } from "@hono/node-server";
import { x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware } from "@x402/hono";
import { Hono } from "hono";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isMissing, TERMINAL, WITHOUT_ROOT_RIGHTS } from "../missing.ts";
import { type ServedShop, serveShop, stateOf } from "./served.ts";
import { latch, openShop } from "./shop.ts";

const main = fileURLToPath(new URL("../../codegen/cli/main.ts", import.meta.url));
const KEY = "RESOURCE402_WALLET_KEY";
let served: ServedShop;
let through: ServedShop["shop"]["network"];
let before: bigint;

beforeAll(async () => {
  served = await serveShop();
  through = served.shop.network;
  process.env.XDG_STATE_HOME = stateOf(served.project);
});

beforeEach(async () => {
  process.env[KEY] = served.key;
  before = await served.paid();
});

afterEach(() => {
  served.shop.network = through;
});

afterAll(async () => {
  delete process.env[KEY];
  delete process.env.XDG_STATE_HOME;
  await served[Symbol.asyncDispose]();
});

const words = (given: readonly string[]) => ["call", ...given, "--base-url", served.url];
const call = (...given: readonly string[]) => served.project.run(...words(given));
const paid = async () => (await served.paid()) - before;

describe("resource402 call", () => {
  it("says the price, pays it, and prints the output alone to standard output", async () => {
    const said = await call("echo", "--input", '{"text": "hello"}', "--yes");
    expect(said).toMatchObject({ code: 0, out: '{\n  "text": "hello"\n}\n' });
    expect(said.err).toContain("echo costs $0.01 (per text).");
    expect(said.err).toMatch(/Paid 0\.01 USDC on eip155:84532 to 0x\w{40}, transaction 0x\w{64}\./);
    expect(await paid()).toBe(10_000n);
  });

  it("runs a job from flags, and prints one JSON object", async () => {
    const said = await call("render", "-f", "prompt=a lighthouse", "-f", "size=large", "-y", "--json");
    expect(said.code).toBe(0);
    expect(JSON.parse(said.out)).toEqual({
      resource: "render",
      output: { url: "https://pictures.test/large", note: "a lighthouse" },
      usd: "0.10",
      signedUsd: "0.10",
      receipt: expect.objectContaining({ amount: "0.10", transaction: expect.stringMatching(/^0x/) }),
      jobId: expect.stringMatching(/^job_/),
      idempotencyKey: expect.stringMatching(/^pay_/),
    });
    expect(await paid()).toBe(100_000n);
  });

  it("calls what is free without a wallet and without a question", async () => {
    process.env[KEY] = "";
    expect(await call("ping")).toMatchObject({ code: 0, out: '{\n  "open": true\n}\n' });
  });

  it("reads numbers, booleans and lists from flags, and the rest of the input from a file", async () => {
    served.project.write("order.json", '{"symbol": "USDC", "days": 1}');
    const flags = ["-f", "days=3", "-f", "verbose=true", "-f", "fields=open", "-f", "fields=close"];
    const said = await call("quoteOf", "--input", "@order.json", ...flags, "--yes", "--output", "out.json");
    expect(said).toMatchObject({ code: 0, out: "" });
    expect(JSON.parse(served.project.read("out.json"))).toEqual({
      ...{ symbol: "USDC", days: 3, verbose: true, fields: ["open", "close"] },
    });
  });

  it.each([
    ["a folder that is not there", "missing/out.json", "missing does not exist."],
    ["a folder", "node_modules", "node_modules is a folder; expected a file."],
    ["a file taken for a folder", "resources.ts/out.json", "resources.ts is a file; expected a folder."],
  ])("pays nothing when the output is to be written to %s", async (_, file, problem) => {
    const said = await call("echo", "-f", "text=hello", "-y", "-o", file);
    expect(said).toMatchObject({ code: 2, out: "", err: expect.stringContaining(problem) });
    expect(await paid()).toBe(0n);
  });

  it("leaves no file behind, and changes none, for a call that fails", async () => {
    served.project.write("kept.json", "{}");
    for (const file of ["fresh.json", "kept.json"]) {
      expect((await call("render", "-f", "prompt=x", "-y", "--max", "0.01", "-o", file)).code).toBe(1);
    }
    expect(served.project.has("fresh.json")).toBe(false);
    expect(served.project.read("kept.json")).toBe("{}");
  });

  it("gives a named pipe the whole output, to who reads it already", async () => {
    const pipe = join(served.project.folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = spawn("cat", [pipe]);
    const read = streamText(reader.stdout);
    try {
      expect((await call("echo", "-f", "text=hello", "-y", "-o", "pipe")).code).toBe(0);
      expect(JSON.parse(await read)).toEqual({ text: "hello" });
    } finally {
      reader.kill();
    }
  });

  it("writes through a link to a file that is not there yet, and leaves none for a call that fails", async () => {
    const at = (name: string): string => join(served.project.folder, name);
    mkdirSync(at("far"));
    symlinkSync("far/target.json", at("link.json"));
    symlinkSync("link.json", at("chain.json"));
    expect((await call("render", "-f", "prompt=x", "-y", "--max", "0.01", "-o", "chain.json")).code).toBe(1);
    expect(readdirSync(at("far"))).toEqual([]);
    expect((await call("echo", "-f", "text=hello", "-y", "-o", "chain.json")).code).toBe(0);
    expect(JSON.parse(served.project.read("far/target.json"))).toEqual({ text: "hello" });
    expect(lstatSync(at("link.json")).isSymbolicLink()).toBe(true);
  });

  it("pays nothing when the output is a link into a folder that is not there, and names the folder", async () => {
    symlinkSync("gone/target.json", join(served.project.folder, "lost.json"));
    const said = await call("echo", "-f", "text=hello", "-y", "-o", "lost.json");
    expect(said).toMatchObject({ code: 2, err: expect.stringContaining("gone does not exist.") });
    expect(await paid()).toBe(0n);
  });

  it.skipIf(isMissing("unreadable files"))("writes to a file that it may write but not read", async () => {
    served.project.write("blind.json", "");
    chmodSync(join(served.project.folder, "blind.json"), 0o200);
    const command = [...WITHOUT_ROOT_RIGHTS, process.execPath, main];
    const [program = "", ...args] = [
      ...command,
      ...words(["echo", "-f", "text=hello", "-y", "-o", "blind.json"]),
    ];
    const child = spawn(program, args, { cwd: served.project.folder, stdio: "inherit" });
    expect(await once(child, "close")).toEqual([0, null]);
    chmodSync(join(served.project.folder, "blind.json"), 0o600);
    expect(JSON.parse(served.project.read("blind.json"))).toEqual({ text: "hello" });
  });

  it.each([[[]], [["--json"]]])(
    "prints the output and the receipt when the output can no longer be written, with %j",
    async (flags) => {
      const { echo } = served.shop.handlers;
      const folder = join(served.project.folder, "out");
      mkdirSync(folder);
      served.shop.handlers.echo = (input, ctx) => {
        rmSync(folder, { recursive: true });
        return echo(input, ctx);
      };
      const said = await call("echo", "-f", "text=hello", "-y", "-o", "out/a.json", ...flags);
      served.shop.handlers.echo = echo;
      const printed = JSON.parse(said.out);
      expect(flags.length === 0 ? printed : printed.output).toEqual({ text: "hello" });
      expect(said.code).toBe(1);
      expect(said.err).toMatch(/Paid 0\.01 USDC on .*, transaction 0x\w{64}\. Key pay_/);
      expect(said.err).toContain("The output was printed instead of written. out/a.json does not exist.");
      expect(await paid()).toBe(10_000n);
    },
  );

  it("says the price of what the seller prices, and pays what was asked for", async () => {
    const said = await call("estimate", "-f", "load=7", "-y", "--json");
    expect(said.err).toContain("estimate is priced by the seller: at most $0.50 (per run).");
    expect(said.err).toContain("Signing a payment of 0.07 USDC on eip155:84532");
    expect(JSON.parse(said.out)).toMatchObject({ usd: "0.07" });
    expect(await paid()).toBe(70_000n);
  });

  it("neither pays nor sends a request when it cannot ask for confirmation", async () => {
    const asked: string[] = [];
    served.shop.network = (request) => {
      asked.push(request.url);
      return through(request);
    };
    const said = await call("echo", "-f", "text=hello");
    expect(said).toMatchObject({ code: 2, out: "", err: expect.stringContaining("Add --yes") });
    expect(said.err).toContain("echo costs $0.01");
    expect(asked).toEqual([]);
  });

  it("says without a wallet what the call costs, and how to pay", async () => {
    process.env[KEY] = "";
    const said = await call("echo", "-f", "text=hello", "--yes");
    expect(said).toMatchObject({ code: 2, out: "" });
    expect(said.err).toContain("echo: costs $0.01, and there is no wallet. Set RESOURCE402_WALLET_KEY");
  });

  it("does not repeat a key that is none", async () => {
    process.env[KEY] = "secret";
    const said = await call("ping");
    expect(said).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${KEY} is not a valid private key`),
    });
    expect(said.err).not.toContain("secret");
    process.env[KEY] = `0x${"0".repeat(64)}`;
    expect(await call("ping")).toMatchObject({
      code: 2,
      err: expect.stringContaining("is not a valid private key"),
    });
  });

  it("names the nearest of the resources when there is none of that name", async () => {
    const said = await call("rendr", "-y");
    expect(said).toMatchObject({ code: 2, out: "" });
    expect(said.err).toContain('has no resource "rendr" (did you mean "render"?)');
    expect(said.err).toContain("  echo  Say a text back.");
  });

  it.each([
    ["a field is missing", ["-f", "tone=loud"], 'echo needs "text".'],
    ["a field is unknown", ["-f", "txt=hello"], 'echo has no field "txt" (did you mean "text"?).'],
    [
      "a field of the JSON is unknown",
      ["-i", '{"text": "hello", "tne": "loud"}'],
      'echo has no field "tne" (did you mean "tone"?).',
    ],
    ["the input is not valid JSON", ["-i", "hello"], "The input is not valid JSON"],
    ["the seller refuses the input", ["-f", "text=hello", "-f", "tone=soft"], "tone: "],
  ])("lists the fields when %s, and nothing is charged", async (_, flags, problem) => {
    const said = await call("echo", ...flags, "--yes");
    expect(said).toMatchObject({ code: 2, out: "", err: expect.stringContaining(problem) });
    expect(said.err).toMatch(/text {2}string, at most 200 characters, required\n +What to say\./);
    expect(said.err).toMatch(/tone {2}"plain" \| "loud", default "plain"\n +How to say it\./);
    expect(said.err.match(/tone: /g)?.length ?? 0).toBeLessThan(2);
    expect(await paid()).toBe(0n);
  });

  it("does not pay more than --max, and says so as JSON too", async () => {
    const said = await call("render", "-f", "prompt=x", "-f", "size=large", "-y", "--max", "0.05", "--json");
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining("Raise --max to allow this price.") });
    expect(JSON.parse(said.out)).toMatchObject({
      error: { code: "payment_refused", reason: "over_ceiling", charged: "no" },
    });
    expect(await call("ping", "--max", "much")).toMatchObject({ code: 2 });
    expect(await paid()).toBe(0n);
  });

  it("reports why a job failed, and what became of the money", async () => {
    const { render } = served.shop.handlers;
    served.shop.handlers.render = (_, ctx) => ctx.fail("refused");
    const said = await call("render", "-f", "prompt=fails", "-y", "--json");
    served.shop.handlers.render = render;
    expect(said.code).toBe(1);
    expect(said.err).toContain("The prompt was refused.");
    expect(said.err).toContain("The payment was charged. The seller owes a refund.");
    const { error } = JSON.parse(said.out);
    expect(error).toMatchObject({ code: "failed", failure: "refused", paymentState: "refund_owed" });
  });

  it("stops waiting on Ctrl-C, says how to come back, and comes back to the same job", async () => {
    const { opened: gone, open: go } = latch();
    served.shop.network = async (request) => {
      // The job ends, and the first process does not hear of it.
      if (new URL(request.url).pathname.startsWith("/v1/jobs/")) await gone;
      return through(request);
    };
    const started = served.project.start(...words(["render", "-f", "prompt=slow", "--yes"]));
    await started.until("Job job_");
    const ended = once(started.process, "close");
    started.process.kill("SIGINT");
    const said = await started.until("--resume job_");
    go();
    expect(await ended).toEqual([130, null]);
    expect(said).toContain("Stopped. 0.02 USDC was paid. The job continues.");
    const [, line = ""] = /resource402 (call render .*)/.exec(said) ?? [];
    const back = await served.project.run(...line.trim().split(" "));
    expect(back).toMatchObject({ code: 0, out: expect.stringContaining('"note": "slow"') });
    expect(await paid()).toBe(20_000n);
  });

  it.skipIf(isMissing("terminal")).each([
    ["y", 0, 10_000n, "Paid 0.01 USDC"],
    ["n", 1, 0n, "Not paid."],
    ["\u0003", 130, 0n, "Stopped. Nothing was paid."],
    ["\u0004", 1, 0n, "Not paid."],
  ])("asks on a terminal what the seller asks for, and is told %j", async (answer, exitCode, sum, end) => {
    const command = [process.execPath, main, ...words(["echo", "-f", "text=asked"])].join(" ");
    const child = spawn(TERMINAL, ["-qec", command, "/dev/null"], { cwd: served.project.folder });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (!said.includes("[y/N]") && (said + text).includes("[y/N]"))
        child.stdin.write(answer < " " ? answer : `${answer}\n`);
      said += text;
    });
    const [code] = await once(child, "close");
    expect(said).toMatch(/Pay 0\.01 USDC on eip155:84532 to 0x\w{40}\? \[y\/N\]/);
    expect(said).toContain(end);
    expect(code).toBe(exitCode);
    expect(await paid()).toBe(sum);
  });

  it("does not pay twice when the answer was lost and the same command is given again", async () => {
    const { opened: isPaid, open } = latch();
    let isLost = true;
    served.shop.network = async (request) => {
      const answer = await through(request);
      if (!isLost || !request.headers.has("payment-signature")) return answer;
      open();
      return new Promise(() => {});
    };
    const lost = served.project.start(...words(["translate", "-f", "words=ink", "--yes"]));
    await isPaid;
    const ended = once(lost.process, "close");
    lost.process.kill("SIGTERM");
    const stopped = await lost.until("--idempotency-key pay_");
    expect(stopped).toContain("A payment of 0.0015 USDC was signed. It is not known whether it was charged.");
    expect(stopped).toContain("without paying again");
    expect(await ended).toEqual([143, null]);
    isLost = false;
    const again = await call("translate", "-f", "words=ink", "--json");
    expect(again.err).toContain("It is resumed without paying again");
    expect(JSON.parse(again.out)).toMatchObject({ output: { count: 1 }, usd: "0.0015" });
    expect(await paid()).toBe(1_500n);
    // What has ended is bought again.
    expect((await call("translate", "-f", "words=ink", "--yes")).code).toBe(0);
    expect(await paid()).toBe(3_000n);
  });

  it("resumes a job that its seller has lost until it is told to forget it, and then buys again", async () => {
    // Started again with an empty store, as dev is: it knows nothing of the job.
    await using other = await openShop({ world: served.shop.world });
    served.shop.network = async (request) =>
      new URL(request.url).pathname.startsWith("/v1/jobs/") ? other.network(request) : through(request);
    const order = ["render", "-f", "prompt=lost"] as const;
    const first = await call(...order, "--yes");
    expect(first).toMatchObject({ code: 1, err: expect.stringContaining("The payment was charged.") });
    const again = await call(...order);
    expect(again).toMatchObject({
      code: 1,
      err: expect.stringContaining("It is resumed without paying again"),
    });
    const [, job = ""] = /forget the call: `npx resource402 calls forget (job_[\w-]+)`/.exec(again.err) ?? [];
    expect(job).not.toBe("");

    const listed = await served.project.run("calls", "list");
    expect(listed.out).toMatch(
      new RegExp(
        `${job} +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d +render +0\\.02 USDC +eip155:84532 +${served.url}`,
      ),
    );
    const published = JSON.parse((await served.project.run("calls", "list", "--json")).out);
    expect(published).toEqual([expect.objectContaining({ resource: "render", jobId: job, usd: "0.02" })]);
    expect(JSON.stringify(published)).not.toContain("header");

    const unasked = await served.project.run("calls", "forget", job);
    expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining("Add --yes") });
    expect(unasked.err).toContain(
      "Forgetting does not revoke the signed payment (0.02 USDC). The same command will pay again. " +
        "The result of a job can still be fetched with its id: `npx resource402 call <resource> --from <seller> --resume <job>`.",
    );
    expect(await served.project.run("calls", "forget")).toMatchObject({ code: 2 });
    expect(await served.project.run("calls", "forget", "job_none", "-y")).toMatchObject({
      ...{ code: 1, err: expect.stringContaining("No open call has the key or job id job_none.") },
    });
    expect(await served.project.run("calls", "forget", job, "--yes")).toMatchObject({
      ...{ code: 0, out: expect.stringMatching(/render +0\.02 USDC.*Forgot 1 call\.\n$/s) },
    });
    expect((await served.project.run("calls", "list")).out).toBe("No call is open.\n");
    served.shop.network = through;
    expect((await call(...order, "--yes")).code).toBe(0);
    expect(await paid()).toBe(40_000n);
  });

  it("gives the result of a job by its id when its call was forgotten", async () => {
    served.shop.network = async (request) => {
      const isStatus = new URL(request.url).pathname.startsWith("/v1/jobs/");
      return isStatus ? new Response(null, { status: 403 }) : through(request);
    };
    const started = served.project.start(...words(["render", "-f", "prompt=kept", "--yes"]));
    const [job = ""] = /job_[\w-]+/.exec(await started.until("Job job_")) ?? [];
    const ended = once(started.process, "close");
    started.process.kill("SIGINT");
    await ended;
    served.shop.network = through;
    expect((await served.project.run("calls", "forget", job, "--yes")).code).toBe(0);
    const resumed = await served.project.run("call", "render", "--from", served.url, "--resume", job);
    expect(resumed).toMatchObject({ code: 0, out: expect.stringContaining('"note": "kept"') });
    expect(await paid()).toBe(20_000n);
  });

  it.each([
    [404, "job_unknown", "render: The seller does not know the job job_unknown, or no longer keeps it."],
    [410, "job_deleted", "render: Its result has been deleted."],
  ])(
    "reports what the seller of a job answered %s knows of it, and does not advise to ask again",
    async (status, job, text) => {
      served.shop.network = async (request) =>
        status === 410 && request.url.endsWith(job)
          ? Response.json({ code: "gone", detail: "Its result has been deleted." }, { status })
          : through(request);
      const said = await call("render", "--resume", job);
      expect(said).toMatchObject({ code: 1, out: "", err: expect.stringContaining(text) });
      expect(said.err).not.toContain("--resume");
    },
  );

  it("reports what an account needs that holds too little, where, and what it holds", async () => {
    const key = generatePrivateKey();
    process.env[KEY] = key;
    const { address } = privateKeyToAccount(key);
    const { world } = served.shop;
    await world.fund(address, "0.004");
    const bare = await call("echo", "-f", "text=poor", "--yes");
    expect(bare.code).toBe(1);
    expect(bare.err).toContain(
      `${address} does not hold enough: 0.01 USDC is needed on eip155:84532. Send it USDC (the token 0x`,
    );
    expect(bare.err).toContain("Nothing was charged.");
    const known = await call("echo", "-f", "text=poor", "--yes", "--rpc", world.rpcUrl ?? "");
    expect(known.err).toContain(`${address} holds 0.004 USDC, which is not enough: 0.01 USDC is needed`);
    expect(await call("echo", "-f", "text=x", "--yes", "--rpc", "node")).toMatchObject({ code: 2 });
  });

  it("charges once for what is called twice under one key", async () => {
    const key = ["--idempotency-key", "order-0123456789-abc"];
    for (let time = 0; time < 2; time += 1) {
      expect(await call("echo", "-f", "text=key", "--yes", ...key)).toMatchObject({ code: 0 });
    }
    expect(await paid()).toBe(10_000n);
  });
});

describe("resource402 call, for an API of another make", () => {
  it("buys by the published document alone, at the price of its x-payment-info", async () => {
    const { world } = served.shop;
    const app = new Hono();
    const core = new x402ResourceServer(world.facilitator).register(world.network, new ExactEvmScheme());
    const accepts = {
      scheme: "exact",
      price: "$0.02",
      network: world.network,
      payTo: world.seller.address,
    } as const;
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const json = { "application/json": { schema } };
    app.get("/openapi.json", (context) =>
      context.json({
        openapi: "3.0.3",
        info: { title: "Weather", version: "1" },
        paths: {
          "/weather": {
            post: {
              operationId: "get-weather",
              summary: "Weather of a city.",
              "x-payment-info": { price: { mode: "fixed", currency: "USD", amount: "0.02" } },
              requestBody: { content: json },
              responses: { 200: { description: "It.", content: json } },
            },
          },
        },
      }),
    );
    app.use(paymentMiddleware({ "POST /weather": { accepts, description: "Weather." } }, core));
    app.post("/weather", async (context) => context.json(await context.req.json()));
    const listening = serveNode({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    await once(listening, "listening");
    const address = listening.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const said = await served.project.run(
      "call",
      "getWeather",
      "--from",
      url,
      "-f",
      "city=Oslo",
      "-y",
      "--json",
    );
    listening.close();
    expect(said.err).toContain("getWeather costs $0.02 (per call).");
    expect(JSON.parse(said.out)).toMatchObject({
      ...{ output: { city: "Oslo" }, usd: "0.02", receipt: { amount: "0.02" } },
    });
    expect(await paid()).toBe(20_000n);
  });
});
