import { once } from "node:events";
import { createServer } from "node:net";
import { startWorld, type World } from "resource402/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createProject } from "../codegen/project.ts";
import { BROKEN } from "./broken/faults.ts";
import { openSeller } from "./broken/seller.ts";
import { parseXml } from "./xml.ts";

const KEY = "RESOURCE402_WALLET_KEY";

let world: World;

beforeAll(async () => {
  world = await startWorld({ chain: false });
});
afterAll(() => world.stop());
afterEach(() => {
  delete process.env[KEY];
});

function fault(name: string) {
  const broken = BROKEN.find((one) => one.name === name);
  if (!broken) throw new Error(`no server ${name}`);
  return broken.fault;
}

describe("resource402 doctor", () => {
  it("exits with 0 when there are no findings, and lists what it examined", async () => {
    using project = createProject({});
    await using seller = await openSeller(world);
    const { code, out, err } = await project.run("doctor", seller.url);
    expect(err).toBe("");
    expect(out).toMatch(/^Examined 2 resources at http:/);
    expect(out).toContain("passed    challenge, challenge-v2,");
    expect(out).toContain("paid-conflict: the doctor pays nothing without --pay");
    expect(out).toContain("left out  GET /v1/jobs/{jobId}: it is free");
    expect(out).toMatch(/Nothing found in \d+ checks \(\d+ requests, [\d.]+ s\)\.\n$/);
    expect(code).toBe(0);
  });

  it("exits with 1 when there is an error, and prints the finding, the reason, the evidence and the fix", async () => {
    using project = createProject({});
    await using seller = await openSeller(world, fault("charges ten times its readable price"));
    const { code, out } = await project.run("doctor", `${seller.url}/v1/echo`);
    expect(code).toBe(1);
    expect(out).toContain(`error     price-agrees  POST /v1/echo
          The offer says 0.001 but charges 0.01.
          why       Otherwise the buyer agrees to one price and signs another.
          source    practice: extra.pricing; x402 v2 §5.1 amount
          evidence  pricing.amount: 0.001
                    amount: 10000 (6 places)
          fix       Compute both from one number: amount must be pricing.amount in the asset's smallest units.
`);
    expect(out).toMatch(/\n1 error \(\d+ requests/);
  });

  it("exits with 0 when all findings are of severity info", async () => {
    using project = createProject({});
    await using seller = await openSeller(world, fault("lists no resources"));
    const { code, out } = await project.run("doctor", `${seller.url}/v1/echo`);
    expect(out).toContain("info      discovery-well-known  ");
    expect(code).toBe(0);
  });

  it("prints nothing but the report with --json", async () => {
    using project = createProject({});
    await using seller = await openSeller(world, fault("lets caches store errors"));
    const { code, out, err } = await project.run("doctor", `${seller.url}/v1/echo`, "--json");
    expect([code, err]).toEqual([1, ""]);
    const report = JSON.parse(out);
    expect(report).toMatchObject({
      resources: ["POST /v1/echo"],
      findings: [{ check: "cache-errors", severity: "warning", resource: "POST /v1/echo" }],
      spent: [],
    });
    expect(Object.keys(report.findings[0]).sort()).toEqual([
      ...["check", "evidence", "fix", "resource", "severity", "source", "title", "what", "why"],
    ]);
    expect(report.passed[0]).toEqual({
      check: "challenge",
      title: expect.any(String),
      resource: "POST /v1/echo",
    });
    expect(report.skipped[0].reason).toEqual(expect.any(String));
  });

  it("writes a JUnit report that parses, with a case for each check", async () => {
    using project = createProject({});
    await using seller = await openSeller(world, fault("shows a stack trace in a refusal"));
    const words = [`${seller.url}/v1/echo`, "--junit", "doctor.xml", "--json"];
    const { code, out } = await project.run("doctor", ...words);
    expect(code).toBe(1);
    const suites = parseXml(project.read("doctor.xml"));
    const report = JSON.parse(out);
    const cases = suites.children.flatMap(({ children }) => children);
    const having = (name: string) =>
      cases.filter(({ children }) => children.some((one) => one.name === name));
    expect(cases).toHaveLength(report.passed.length + report.skipped.length + 1);
    expect(having("skipped")).toHaveLength(report.skipped.length);
    const [failed] = having("failure");
    expect(failed?.attributes).toEqual({
      classname: "POST /v1/echo",
      name: "errors-leak: Errors do not reveal internals",
    });
    expect(failed?.children[0]?.text).toContain("at check (check.js:12:5)");
    expect(suites.children.map(({ attributes }) => attributes.failures)).toEqual(["1", "0"]);
  });

  it("pays from the account in the environment, and never more than --max", async () => {
    using project = createProject({});
    await using seller = await openSeller(world);
    const key = generatePrivateKey();
    const { address } = privateKeyToAccount(key);
    await world.fund(address, "1");
    process.env[KEY] = key;
    const { code, out, err } = await project.run("doctor", seller.url, "--pay", "--max", "0.02");
    expect(code).toBe(0);
    expect(out).toContain("Paid $0.01 for POST /v1/echo.\n");
    expect(out.replace(/\n +/g, " ")).toContain(
      "it costs $0.02, but only $0.01 is left of --max (POST /v1/render)",
    );
    expect(err).toMatch(/\n {2}POST \/v1\/render: it costs \$0\.02, but only \$0\.01 is left of --max\n$/);
    expect(await world.balanceOf(address)).toBe(990_000n);
  });

  it("exits with 2 when --pay bought nothing, and reports the reason for each resource", async () => {
    using project = createProject({});
    await using seller = await openSeller(world);
    const key = generatePrivateKey();
    const { address } = privateKeyToAccount(key);
    await world.fund(address, "1");
    process.env[KEY] = key;
    const pay = ["doctor", seller.url, "--pay", "--max", "0.001"];
    const unbought = [
      { resource: "POST /v1/echo", reason: "it costs $0.01, but only $0.001 is left of --max" },
      { resource: "POST /v1/render", reason: "it costs $0.02, but only $0.001 is left of --max" },
    ];
    const lines = unbought.map(({ resource, reason }) => `  ${resource}: ${reason}\n`).join("");
    const said = expect.stringContaining(lines);

    const told = await project.run(...pay);
    expect({ code: told.code, err: told.err }).toEqual({ code: 2, err: said });
    expect(told.out).toMatch(/Nothing found in \d+ checks of the unpaid part \(/);

    const { code, out, err } = await project.run(...pay, "--json", "--junit", "doctor.xml");
    expect({ code, err }).toEqual({ code: 2, err: said });
    expect(JSON.parse(out)).toMatchObject({ findings: [], spent: [], unbought });
    const cases = parseXml(project.read("doctor.xml")).children.flatMap(({ children }) => children);
    const reasons = cases
      .filter(({ attributes }) => attributes.name?.startsWith("paid-answer:"))
      .map(({ children }) => children[0]?.attributes.message);
    expect(reasons).toEqual(unbought.map(({ reason }) => reason));
    expect(await world.balanceOf(address)).toBe(1_000_000n);
  });

  it("exits with 2 when the balance is too low to buy anything, and reports no finding", async () => {
    using project = createProject({});
    await using seller = await openSeller(world);
    process.env[KEY] = generatePrivateKey();
    const { code, out, err } = await project.run("doctor", seller.url, "--pay", "--json");
    const short = (usd: string) =>
      `the balance is too low: ${usd} USDC is needed on ${world.network} (the seller's reason: invalid_exact_evm_insufficient_balance)`;
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining(
        `  POST /v1/echo: ${short("0.01")}\n  POST /v1/render: ${short("0.02")}\n`,
      ),
    });
    expect(JSON.parse(out)).toMatchObject({ findings: [], spent: [{ charged: "no" }, { charged: "no" }] });
  });

  it("explains how to give another input when the resource refuses the paid one", async () => {
    using project = createProject({});
    await using seller = await openSeller(world, async (call, real) =>
      call.headers.has("payment-signature")
        ? { status: 422, headers: { "content-type": "application/problem+json" }, body: "{}" }
        : real(call),
    );
    const key = generatePrivateKey();
    process.env[KEY] = key;
    const { err } = await project.run("doctor", seller.url, "--pay");
    const fix =
      "put a valid input first in its `examples` in the definition, or pass --input with the address of this resource alone";
    for (const name of ["POST /v1/echo", "POST /v1/render"]) {
      expect(err).toContain(
        `  ${name}: the resource refuses this input with 422 after payment, without charging; ${fix}\n`,
      );
    }
    const given = await project.run("doctor", `${seller.url}/v1/echo`, "--input", '{"none":1}');
    expect(given.out.replace(/\n +/g, " ")).toContain(`(the server answers 400 to the --input); ${fix}`);
    expect(await project.run("doctor", seller.url, "--input", "{}")).toMatchObject({
      code: 1,
      err: expect.stringContaining("--input is for one resource: use it with the address of that resource."),
    });
  });

  it("reports an address where no server answers", async () => {
    using project = createProject({});
    const port = await freePort();
    expect(await project.run("doctor", `http://127.0.0.1:${port}/v1/echo`)).toEqual({
      code: 1,
      out: "",
      err: `http://127.0.0.1:${port} does not answer: the connection was refused.\n`,
    });
  });

  it("reports an address without a paid resource", async () => {
    using project = createProject({});
    await using seller = await openSeller(world);
    const { code, err } = await project.run("doctor", `${seller.url}/elsewhere`);
    expect(code).toBe(1);
    expect(err).toBe(
      `There is no x402 resource at ${seller.url}/elsewhere: the server does not answer 402 to an unpaid GET or POST. Name a resource and its method: --method POST\n`,
    );
  });

  it("stops when it is interrupted", async () => {
    using project = createProject({});
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const asked = once(silent, "connection");
    const { port } = silent.address() as { port: number };
    const { process: child, until } = project.start("doctor", `http://127.0.0.1:${port}/`);
    const [socket] = await asked;
    const closed = once(child, "close");
    child.kill("SIGINT");
    await until("Interrupted. No more requests are sent.\n");
    expect(await closed).toEqual([130, null]);
    socket.destroy();
    silent.close();
  });

  it.each<[string, string[], string]>([
    ["a URL that is not valid", ["pixel.example"], '"pixel.example"'],
    ["an input that is not JSON", ["http://x.test/", "--input", "{"], "--input"],
    ["a duration that is not valid", ["http://x.test/", "--timeout", "soon"], '--timeout "soon"'],
    ["a limit that is not valid", ["http://x.test/", "--max-requests", "0"], '--max-requests "0"'],
    ["a ceiling without payment", ["http://x.test/", "--max", "1"], "Add --pay."],
    ["an amount that is not valid", ["http://x.test/", "--pay", "--max", "much"], '--max "much"'],
    ["payment without a wallet", ["http://x.test/", "--pay"], "RESOURCE402_WALLET_KEY"],
  ])("refuses %s with exit code 2", async (_, words, err) => {
    using project = createProject({});
    expect(await project.run("doctor", ...words)).toEqual({
      code: 2,
      out: "",
      err: expect.stringContaining(err),
    });
  });

  it("prints its usage", async () => {
    using project = createProject({});
    const { code, out } = await project.run("doctor", "--help");
    expect(code).toBe(0);
    expect(out).toContain("Usage: resource402 doctor [options] <url>");
    expect(out).toContain("$ resource402 doctor https://api.example.com --pay --max 0.25");
    expect(out).toContain("Exit codes: 0 no errors or warnings,");
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
