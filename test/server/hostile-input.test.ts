import { defineApi, price, resource } from "resource402";
import { type Server, serve } from "resource402/server";
import { startWorld, type World } from "resource402/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { encodeHeader } from "../../src/protocol/index.ts";

const line = z.object({ from: z.string(), to: z.string(), amount: z.number() });
const tree: z.ZodType = z.lazy(() => z.object({ child: tree.optional() }));
const output = z.object({ ok: z.boolean() });
const checks: string[] = [];
const inputs = {
  ledger: z.object({ entries: z.array(line) }),
  short: z.object({ entries: z.array(line).max(1_000) }),
  record: z.object({ values: z.record(z.string(), z.number()) }),
  strict: z.strictObject({ text: z.string().optional() }),
  caption: z.object({ text: z.string().max(100), tags: z.array(z.string()).max(3).optional() }),
  recursive: z.object({ tree }),
  anything: z.object({ value: z.any() }),
  thrower: z.object({ text: z.string().transform(() => Promise.reject(new Error("no"))) }),
  checker: z.object({
    text: z.string().refine((text) => {
      checks.push(text);
      return Promise.reject(new Error("no"));
    }),
  }),
} as const;

describe("an input that is made to hurt", () => {
  let world: World;
  let server: Server;
  const runs: string[] = [];
  const warned: string[] = [];
  beforeAll(async () => {
    world = await startWorld({ chain: false });
    const common = { summary: "Take it.", output };
    const paid = price.fixed("0.01", { per: "call" });
    const api = defineApi({
      title: "Inputs",
      version: "1.0.0",
      description: "Inputs of all kinds.",
      resources: {
        ...Object.fromEntries(
          Object.entries(inputs).map(([name, input]) => [name, resource({ ...common, input, price: paid })]),
        ),
        item: resource({ ...common, input: z.object({ id: z.string() }), price: paid }),
        open: resource({ ...common, input: inputs.anything, price: price.free() }),
      },
    });
    const names = [...Object.keys(inputs), "item", "open"];
    const document = (name: string) =>
      name === "item"
        ? { method: "GET", path: "/v1/items/:id", maxPrice: "0.01", fields: { id: "string" } }
        : { method: "POST", path: `/v1/${name}`, maxPrice: name === "open" ? "0" : "0.01" };
    const handler = (name: string) => () => {
      runs.push(name);
      return { ok: true };
    };
    server = serve(api, Object.fromEntries(names.map((name) => [name, document(name)])) as never, {
      handlers: Object.fromEntries(names.map((name) => [name, handler(name)])),
      payments: {
        accepts: [{ network: world.network, payTo: world.seller.address }],
        facilitator: world.facilitator,
      },
      log: {
        debug: () => {},
        info: () => {},
        warn: (_, message) => void warned.push(message),
        error: (fields, message) => {
          throw new Error(`${message} ${JSON.stringify(fields)}`);
        },
      },
    });
  });
  afterAll(async () => {
    await server.stop(0);
    await world.stop();
  });

  const send = async (name: string, body: string, headers: Record<string, string> = {}) => {
    const begun = process.threadCpuUsage();
    const answer = await server.fetch(
      new Request(`http://inputs.test/v1/${name}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      }),
    );
    const text = await answer.text();
    return {
      status: answer.status,
      text,
      ms: process.threadCpuUsage(begun).user / 1000,
      document: JSON.parse(text),
    };
  };
  const filled = (part: string, end: string, length = 1_048_576): string => {
    const count = Math.floor((length - end.length - 20) / (part.length + 1));
    return Array.from({ length: count }, () => part).join(",");
  };

  it.each([
    ["a list of empty objects", "ledger", `{"entries":[${filled("{}", "]}")}]}`, 413],
    ["a list of numbers", "ledger", `{"entries":[${filled("1", "]}")}]}`, 413],
    ["a list that its schema limits", "short", `{"entries":[${filled("{}", "]}", 60_000)}]}`, 413],
    [
      "as many empty objects as the schema allows",
      "short",
      `{"entries":[${filled("{}", "]}", 3_000)}]}`,
      400,
    ],
    ["long values of a list", "ledger", `{"entries":[${filled(`{"a":"${"x".repeat(60)}"}`, "]}")}]}`, 400],
    ["a record of bad values", "record", `{"values":{${filled('"key":"x"', "}}")}}}`, 413],
    ["long unknown keys", "strict", `{${filled(`"${"k".repeat(500)}":1`, "}", 60_000)}}`, 400],
    ["a key of 50,000 characters", "record", `{"values":{"${"ü".repeat(25_000)}":"x"}}`, 400],
  ])("%s is answered in little time and space (%s)", async (_, name, body, status) => {
    const answer = await send(name, body);
    expect(answer.status).toBe(status);
    expect(new TextEncoder().encode(answer.text).length).toBeLessThan(8 * 1024);
    expect(answer.document.details?.length ?? 0).toBeLessThanOrEqual(20);
    // Generous: 2.9 seconds before.
    expect(answer.ms).toBeLessThan(1_000);
  });

  it("is told how many issues were left out", async () => {
    const { document } = await send("short", `{"entries":[${filled("{}", "]}", 3_000)}]}`);
    expect(document.details).toHaveLength(20);
    expect(document.detail).toMatch(/and \d{4} more/);
  });

  it.each([
    ["an object with a length, for a text", "caption", '{"text":{"length":{"toString":1}}}'],
    ["an object with a length, for a list", "caption", '{"text":"x","tags":{"length":{"valueOf":1}}}'],
    ["what a transform throws at", "thrower", '{"text":"x"}'],
  ])("%s is the sender's mistake", async (_, name, body) => {
    expect(await send(name, body)).toMatchObject({ status: 400, document: { code: "invalid_input" } });
  });

  it("runs an asynchronous step of a schema once, and handles its rejection", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    checks.length = 0;
    expect(await send("checker", '{"text":"x"}')).toMatchObject({ status: 400 });
    // Rejections are reported after the microtasks of a turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
    expect(checks).toEqual(["x"]);
  });

  it.each(["recursive", "anything", "open"])("nested without end for %s", async (name) => {
    const member = { recursive: "tree", anything: "value", open: "value" }[name];
    const deep = `${'{"child":'.repeat(3_000)}{}${"}".repeat(3_000)}`;
    expect(await send(name, `{"${member}":${deep}}`)).toMatchObject({ status: 413 });
    const lists = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    expect(await send(name, `{"${member}":${lists}}`)).toMatchObject({ status: 413 });
  });

  it("does not take brackets in a text for structure", async () => {
    const text = `${"[{".repeat(1_000)}\\"${",".repeat(20_000)}`;
    expect(await send("anything", `{"value":"${text}"}`)).toMatchObject({ status: 402 });
  });

  it.each(["constructor", "__proto__", "toString", "valueOf", "hasOwnProperty"])(
    "a query that names %s asks for the price",
    async (name) => {
      const query = `${name}=1&${name}=2&${name}=3`;
      const answer = await server.fetch(new Request(`http://inputs.test/v1/items/x?${query}`));
      expect(answer.status).toBe(402);
    },
  );

  const nested = (levels: number): unknown =>
    JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`) as unknown;
  const accepted = {
    scheme: "exact",
    network: "eip155:84532",
    asset: "0x00",
    amount: "1",
    payTo: "0x00",
    maxTimeoutSeconds: 60,
  };
  it.each([
    ["a validBefore that is an object", { authorization: { validBefore: { toString: 1 } } }, {}],
    ["a validBefore that is a list", { authorization: { validBefore: ["1"] } }, {}],
    ["a deadline that is an object", { permit2Authorization: { deadline: { valueOf: 1 } } }, {}],
    ["a payload without known members", nested(3_000), {}],
    ["a nested authorization", { permit2Authorization: nested(3_000) }, {}],
    ["a nested extra", { authorization: {} }, { accepted: { ...accepted, extra: { a: nested(2_000) } } }],
    ["a nested extension", { authorization: {} }, { extensions: nested(2_000) }],
  ])("a payment with %s is malformed", async (_, payload, more) => {
    for (const [header, document] of [
      ["payment-signature", { x402Version: 2, accepted, payload, ...more }],
      ["x-payment", { x402Version: 1, scheme: "exact", network: "base-sepolia", payload, ...more }],
    ] as const) {
      const answer = await send("caption", '{"text":"x"}', { [header]: encodeHeader(document) });
      // Version 1 has no `accepted`: what stands there is not looked at.
      expect([400, 402]).toContain(answer.status);
    }
  });

  it("starts no handler", () => {
    expect(runs).toEqual([]);
    expect(warned.filter((message) => message !== "the schema threw at an input")).toEqual([]);
  });
});
