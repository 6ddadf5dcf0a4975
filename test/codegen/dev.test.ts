import { rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createProject, type Project } from "./project.ts";

const definition = (summary = "Greet a person.", more = ""): string => `
import { defineApi, price, resource } from "resource402";
import { z } from "zod";
export default defineApi({
  title: "Greeter", version: "1.0.0", description: "For tests.",
  resources: {
    greet: resource({
      summary: ${JSON.stringify(summary)},
      input: z.object({ name: z.string().max(99).describe("Whom to greet.") }),
      output: z.object({ text: z.string().describe("What is said.") }),
      price: price.fixed("0.01", { per: "greeting" }),
      timeout: "5s",
    }),
    look: resource({
      summary: "Say who answers.",
      method: "GET",
      input: z.object({ ms: z.number().int().min(0).max(25_000).default(0).describe("How long it takes.") }),
      output: z.object({ said: z.string().describe("A word."), pid: z.number().describe("The process.") }),
      price: price.free(),
      timeout: "30s",
    }),
    knit: resource({
      summary: "Knit something.",
      input: z.object({ rows: z.number().int().min(1).max(9).describe("How many rows.") }),
      output: z.object({ scarf: z.string().describe("The scarf.") }),
      price: price.quoted({ min: "0.01", max: "0.10", per: "scarf" }),
      job: { timeout: "10s" },
      errors: { no_wool: "There is no wool." },
    }),
    ${more}
  },
});
`;
const look = (said: string): string => `import { setTimeout as pause } from "node:timers/promises";
import { word } from "../word.ts";
export const look = async ({ ms }: { ms: number }) => {
  await pause(ms);
  return { said: ${JSON.stringify(said)} + word, pid: process.pid };
};
`;
const files = {
  "resources.ts": definition(),
  "word.ts": 'export const word = "!";\n',
  "handlers/greet.ts": `export const greet = ({ name }: { name: string }, ctx: any) => {
  if (name === "end") process.exit(3);
  if (name === "throw") throw new Error("the handler's own");
  ctx.log.info({ name }, "greeting");
  return { text: "Hello, " + name };
};
`,
  "handlers/look.ts": look("first"),
  "handlers/knit.ts": `export const quote = ({ rows }: { rows: number }) => "0.0" + rows;
export const knit = async ({ rows }: { rows: number }, ctx: any) => {
  if (rows === 9) return ctx.fail("no_wool");
  ctx.progress(50, "half");
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { scarf: "#".repeat(rows) };
};
`,
};

interface Running {
  readonly url: string;
  /** What was printed until the server stood. */
  readonly greeting: string;
  readonly until: (text: string) => Promise<string>;
  look(ms?: number): Promise<{ status: number; said: string; pid: number }>;
  buy(resource: string, input: object, headers?: Record<string, string>): Promise<Record<string, unknown>>;
  /** Ends it as Ctrl-C does, or otherwise; returns its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

async function dev(project: Project, ...words: string[]): Promise<Running> {
  const { process: child, until } = project.start("dev", "--port", "0", ...words);
  const closed = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const greeting = await until("dev reloads on every change");
  const url = /http:\/\/localhost:\d+/.exec(greeting)?.[0] ?? "";
  return {
    url,
    greeting,
    until,
    async look(ms = 0) {
      const answer = await fetch(`${url}/v1/look?ms=${ms}`);
      return { status: answer.status, ...((await answer.json()) as { said: string; pid: number }) };
    },
    async buy(resource, input, headers = {}) {
      const body = JSON.stringify({ resource, input });
      const answer = await fetch(`${url}/_dev/call`, { method: "POST", body, headers });
      const lines = (await answer.text()).trimEnd().split("\n");
      const [end, ...before] = lines.map((line) => JSON.parse(line)).toReversed();
      return { status: answer.status, before, ...end };
    },
    end(signal = "SIGINT") {
      child.kill(signal);
      return closed;
    },
  };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

afterEach(() => vi.unstubAllEnvs());

describe("resource402 dev, while it serves", () => {
  let project: Project;
  let running: Running;

  beforeAll(async () => {
    project = createProject(files);
    running = await dev(project);
  });
  afterAll(async () => {
    await running?.end();
    project?.[Symbol.dispose]();
  });

  it("buys synchronous resources and jobs with its wallet, at a quoted price", async () => {
    const { url, buy, until } = running;
    expect(await buy("greet", { name: "Ann" })).toMatchObject({
      ...{ status: 200, output: { text: "Hello, Ann" }, usd: "0.01" },
      receipt: { amount: "0.01", transaction: expect.stringMatching(/^0x/) },
    });
    expect(await until("200 succeeded")).toMatch(
      /greet +402 challenged .*\n.*greet +greeting \{ name: 'Ann' \}\n.*greet +200 succeeded/,
    );
    expect(await buy("knit", { rows: 3 })).toMatchObject({
      ...{ output: { scarf: "###" }, usd: "0.03", jobId: expect.stringMatching(/^job_/) },
      before: expect.arrayContaining([{ progress: 50, message: "half" }]),
    });
    expect(await buy("knit", { rows: 9 })).toMatchObject({
      ...{ code: "no_wool", error: expect.stringContaining("There is no wool."), charged: "yes" },
    });
    expect(await until("a refund is owed")).toMatch(/knit +job failed: no_wool/);
    expect(await buy("greet", { name: 5 })).toMatchObject({ code: "invalid_input", charged: "no" });
    expect(await buy("gret", {})).toMatchObject({ code: "not_found" });
    const state = await (await fetch(`${url}/_dev`)).json();
    expect(state).toMatchObject({ wallet: expect.stringMatching(/^0x/), network: "eip155:84532" });
    expect(Number((state as { balance: string }).balance)).toBeLessThan(99.97);
  });

  it("buys only for its own pages", async () => {
    const { url, buy } = running;
    const name = { name: "Ann" };
    expect(await buy("greet", name, { origin: "https://else.example" })).toMatchObject({ status: 403 });
    expect(await buy("greet", name, { "sec-fetch-site": "same-site" })).toMatchObject({ status: 403 });
    expect(await buy("greet", name, { origin: url, "sec-fetch-site": "same-origin" })).toMatchObject({
      status: 200,
      output: { text: "Hello, Ann" },
    });
    const page = await (await fetch(`${url}/docs`)).text();
    expect(page).toContain('<html lang="en" data-demo="/_dev/call"');
  });

  it("refuses to serve the same API twice", async () => {
    const second = await project.run("dev", "--port", "0");
    expect(second).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^Process \d+ already serves this API with resource402 dev\./),
    });
  });
});

describe("resource402 dev", () => {
  it("serves on a local chain, and stops everything that it started", async () => {
    using project = createProject(files);
    const { url, greeting, look, end } = await dev(project);
    expect(greeting).toMatch(/Greeter 1\.0\.0\n\n {2}address http:\/\/localhost:\d+\n/);
    expect(greeting).toContain(`docs    ${url}/docs\n`);
    expect(greeting).toContain("POST    /v1/greet  $0.01 per greeting\n");
    expect(greeting).toContain("GET     /v1/look   Free of charge\n");
    const rpc = /rpc {5}(\S+)/.exec(greeting)?.[1] ?? "";
    const block = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
    const headers = { "content-type": "application/json" };
    const ask = () => fetch(rpc, { method: "POST", body: block, headers }).then(async (one) => one.json());
    expect(await ask()).toMatchObject({ result: "0x14a34" });
    const { said, pid } = await look();
    expect(said).toBe("first!");
    expect(isAlive(pid)).toBe(true);

    expect(await end()).toBe(0);
    expect(isAlive(pid)).toBe(false);
    await expect(ask()).rejects.toThrow();
    await expect(look()).rejects.toThrow();
  });

  it("reloads a changed handler during requests without rejecting any", async () => {
    using project = createProject(files);
    const { look: ask, until, end } = await dev(project);
    const answers: { status: number; said: string }[] = [];
    const slow = ask(1500);
    let going = true;
    const visitors = Array.from({ length: 4 }, async () => {
      while (going) answers.push(await ask(5));
    });
    // Writing a file in several steps can reload more than once.
    const reloaded = async (said: string): Promise<void> => {
      for (let last = ""; last !== said; ) {
        await until("Reloaded in");
        const answer = await ask();
        answers.push(answer);
        last = answer.said;
      }
    };
    await expect.poll(() => answers.length).toBeGreaterThan(0);
    for (const text of ["second", "third"]) {
      project.write("handlers/look.ts", look(text));
      await reloaded(`${text}!`);
    }
    project.write("word.ts", 'export const word = "?";\n');
    await reloaded("third?");
    going = false;
    await Promise.all(visitors);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect([...new Set(answers.map(({ said }) => said))]).toEqual(["first!", "second!", "third!", "third?"]);
    expect(await slow).toMatchObject({ status: 200, said: "first!" });
    await end();
  });

  it("reports mistakes of a definition, keeps serving, and reloads when they are fixed", async () => {
    using project = createProject(files);
    const { url, look: ask, until, end } = await dev(project);
    project.write("resources.ts", definition(""));
    await until("resources.greet.summary  is missing or empty");
    await until("goes on as it was");
    expect(await ask()).toMatchObject({ status: 200, said: "first!" });
    const more = `wave: resource({
      summary: "Wave.", method: "GET", price: price.free(), timeout: "5s",
      input: z.object({}), output: z.object({ seen: z.boolean().describe("Whether it was seen.") }),
    }),`;
    project.write("resources.ts", definition("Greet.", more));
    expect(await until("Reloaded in")).toContain("1 new handler to fill in: handlers/wave.ts");
    expect((await fetch(`${url}/v1/wave`)).status).toBe(501);
    project.write("handlers/wave.ts", "export const wave = () => ({ seen: true });\n");
    // Writing the stub is also a change, and can reload first.
    await expect.poll(async () => (await fetch(`${url}/v1/wave`)).json()).toEqual({ seen: true });
    await end();
  });

  it("reports what is wrong with a handler, keeps serving, and reloads when it is fixed", async () => {
    using project = createProject(files);
    const { look: ask, until, end } = await dev(project);
    for (const [text, told] of [
      ["export const look = (;\n", "handlers/look.ts:1  "],
      ["export const lok = 1;\n", 'handlers/look.ts  exports no function "look"'],
      ["throw new Error('not set');\n", "handlers/look.ts:1  not set"],
      ['import "../else.ts";\n', "handlers/look.ts:1  cannot find else.ts"],
    ] as const) {
      project.write("handlers/look.ts", text);
      // It may reload twice, and then report twice.
      await until(told);
      await until("goes on as it was");
      expect((await ask()).said).toBe("first!");
    }
    // The missing file comes, and is watched already; of what the handler lacks then, it is told next.
    project.write("else.ts", "export {};\n");
    await until('exports no function "look"');
    await until("goes on as it was");
    project.write("handlers/look.ts", look("fixed"));
    await expect.poll(async () => (await ask()).said).toBe("fixed!");
    await end();
  });

  it("reports a deleted handler, and reloads when it is restored", async () => {
    using project = createProject(files);
    const { look: ask, until, end } = await dev(project);
    rmSync(join(project.folder, "handlers/look.ts"));
    expect(await until("goes on as it was")).toContain(
      "error  handlers/look.ts  is not there\n" +
        "       fix: restore it, or run `npx resource402 generate`, which writes a stub\n",
    );
    expect((await ask()).said).toBe("first!");
    project.write("handlers/look.ts", look("back"));
    await expect.poll(async () => (await ask()).said).toBe("back!");
    await until("Reloaded in");

    // The folder as a whole, as another branch may have it.
    rmSync(join(project.folder, "handlers"), { recursive: true });
    expect(await until("goes on as it was")).toContain("is not there");
    for (const name of ["greet", "knit"] as const) {
      project.write(`handlers/${name}.ts`, files[`handlers/${name}.ts`]);
    }
    project.write("handlers/look.ts", look("again"));
    await until("Reloaded in");
    project.write("handlers/look.ts", look("and again"));
    await until("Reloaded in");
    await vi.waitFor(async () => expect((await ask()).said).toBe("and again!"), 30_000);
    await end();
  });

  it("waits when the definition is broken at the start", async () => {
    using project = createProject({ ...files, "resources.ts": definition("") });
    const { process: child, until } = project.start("dev", "--port", "0");
    const closed = new Promise((resolve) => child.once("close", resolve));
    expect(await until("Waiting for changes; Ctrl-C ends.")).toMatch(
      /resources\.greet\.summary {2}is missing or empty\n.*\n1 mistake\. Nothing was written\.\nNothing is served yet: http:\/\/localhost:\d+ answers 503\./,
    );
    project.write("resources.ts", definition());
    expect(await until("dev reloads on every change")).toContain("Greeter 1.0.0");
    child.kill("SIGINT");
    expect(await closed).toBe(0);
  });

  it("reports what a custom server lacks", async () => {
    using project = createProject({
      ...files,
      "open.ts": `import { createServer } from "./server.gen.ts";
import { greet } from "./handlers/greet.ts";
import { knit, quote } from "./handlers/knit.ts";
export const openServer = (options: any) =>
  createServer({ ...options, handlers: { greet, knit }, quotes: { knit: quote } });
`,
    });
    const { process: child, until } = project.start("dev", "--port", "0", "--server", "open.ts");
    const closed = new Promise((resolve) => child.once("close", resolve));
    expect(await until("Waiting for changes")).toMatch(
      /open\.ts:5 {2}createServer: missing handlers\.look\n +fix: add look to handlers in open\.ts, with import \{ look \} from "\.\/handlers\/look\.ts";\n/,
    );
    child.kill("SIGINT");
    expect(await closed).toBe(0);
  });

  it("answers 503 with the mistake until it can serve", async () => {
    using project = createProject({ ...files, "handlers/look.ts": "export const look = 1;\n" });
    const { process: child, until } = project.start("dev", "--port", "0");
    await until("exports no function");
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("close", resolve));

    // The port is not known before the server stands, so it is one that was free.
    const free = createServer().listen(0);
    await new Promise((resolve) => free.once("listening", resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const second = project.start("dev", "--port", String(port));
    await second.until("exports no function");
    const answer = await fetch(`http://localhost:${port}/v1/look`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining('handlers/look.ts: exports no function "look"'),
    });
    project.write("handlers/look.ts", look("good"));
    await second.until("dev reloads on every change");
    expect((await fetch(`http://localhost:${port}/v1/look`)).status).toBe(200);
  });

  it("restarts code that exits, and prints errors of handlers", async () => {
    using project = createProject(files);
    const { look: ask, buy, until, end } = await dev(project);
    const stood = performance.now();
    const before = await ask();
    await buy("greet", { name: "throw" });
    expect(await until("failed: internal_error")).toMatch(
      /Error: the handler's own\n +at .*greet .*greet\.ts/s,
    );
    // What ends as soon as it has started is not started again at once.
    await vi.waitFor(async () => expect(performance.now() - stood).toBeGreaterThan(1000), 30_000);
    // Its payment may have been taken, so the wallet goes on asking what has become of it.
    const buying = buy("greet", { name: "end" }).catch(() => "ended");
    await until("has ended by itself (exit code 3), and is started again");
    const after = await ask();
    expect(after).toMatchObject({ status: 200, said: "first!" });
    expect(after.pid).not.toBe(before.pid);
    await end();
    await buying;
  });

  it("creates the server with openServer of a custom file", async () => {
    using project = createProject({
      ...files,
      "open.ts": `import { createServer } from "./server.gen.ts";
export const openServer = (options: any) => {
  const server = createServer({
    ...options,
    handlers: { look: () => ({ said: "mine", pid: 1 }), greet: () => ({ text: "" }), knit: () => ({ scarf: "" }) },
    quotes: { knit: () => "0.05" },
  });
  return { ...server, fetch: async (request: Request) => new URL(request.url).pathname === "/own" ? new Response("own") : server.fetch(request) };
};
`,
    });
    const { url, look: ask, end } = await dev(project, "--server", "open.ts");
    expect((await ask()).said).toBe("mine");
    expect(await (await fetch(`${url}/own`)).text()).toBe("own");
    await end();
  });

  it("stops at once while a call still runs in replaced code", async () => {
    using project = createProject(files);
    const { look: ask, until, end } = await dev(project);
    const { pid } = await ask();
    const slow = ask(25_000);
    await vi.waitFor(() => ask(), 30_000);
    project.write("handlers/look.ts", look("second"));
    await until("Reloaded in");
    expect(isAlive(pid)).toBe(true);
    expect(await end()).toBe(0);
    expect(isAlive(pid)).toBe(false);
    expect(await slow).toMatchObject({ status: 503, code: "unavailable" });
  });

  it("stops at once while code never finishes loading", async () => {
    using project = createProject({
      ...files,
      "word.ts":
        'export const word = "";\nconsole.log("loading");\nawait new Promise((resolve) => setTimeout(resolve, 60_000));\n',
    });
    const { process: child, until } = project.start("dev", "--port", "0");
    await until("loading");
    child.kill("SIGINT");
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
  });

  it("leaves no process running when it is killed", async () => {
    using project = createProject(files);
    const { greeting, look: ask, end } = await dev(project);
    const { pid } = await ask();
    await end("SIGKILL");
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 30_000 });
    const rpc = /rpc {5}(\S+)/.exec(greeting)?.[1] ?? "";
    await vi.waitFor(() => expect(fetch(rpc)).rejects.toThrow(), { timeout: 30_000 });
    // And nothing that keeps the next one from starting.
    expect(await (await dev(project)).end()).toBe(0);
  });

  it("runs without a chain when anvil is missing, and reports it", async () => {
    vi.stubEnv("RESOURCE402_ANVIL", "/nowhere/anvil");
    using project = createProject(files);
    const { greeting, buy, end } = await dev(project);
    expect(greeting).toContain("anvil is not installed: payments are kept in memory");
    expect(greeting).not.toContain("rpc ");
    expect(await buy("greet", { name: "Ann" })).toMatchObject({ output: { text: "Hello, Ann" } });
    expect(await end()).toBe(0);
  });

  it("reports a port that is in use, with the fix", async () => {
    using project = createProject(files);
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as AddressInfo;
    const { code, err } = await project.run("dev", "--port", String(port));
    expect(code).toBe(1);
    expect(err).toBe(
      `Port ${port} is in use by another process. Stop that process, or choose another port: npx resource402 dev --port ${port + 1}\n`,
    );
    await new Promise((resolve) => taken.close(resolve));
    expect((await project.run("dev", "--port", "x")).code).toBe(2);
  });
});
