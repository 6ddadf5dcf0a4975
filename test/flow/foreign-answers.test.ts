import { stream as streamed } from "hono/streaming";
import { isResourceError, type ServerSentEvent } from "resource402/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHostile, receipt } from "./hostile.ts";
import { openStranger, operation, type Stranger } from "./stranger.ts";

const caught = (thrown: unknown) => thrown;
/** No text in UTF-8. */
const BYTES = Uint8Array.from([0x50, 0x4b, 3, 4, 0xff, 0xfe, 0x80, 0]);
const PAGE = "<!doctype html><title>Sign in</title>";

describe("an answer of a seller made with @x402/hono, on the chain", () => {
  let seller: Stranger;
  beforeAll(async () => {
    seller = await openStranger((app) => {
      app.post("/paid/created", (c) => c.json({ orderId: "o1" }, 201));
      app.post("/paid/accepted", (c) => c.json({ id: "r1", status_url: "/renders/r1" }, 202));
      app.post("/paid/nothing", (c) => c.body(null, 204));
      app.post("/paid/image", (c) => c.body(BYTES, 200, { "content-type": "image/png" }));
      app.post("/paid/misnamed", () => new Response(BYTES));
      app.post("/paid/text", (c) => c.text("42"));
      app.post("/paid/latin", (c) =>
        c.body(Uint8Array.from([0xfc]), 200, { "content-type": "text/plain; charset=iso-8859-1" }),
      );
      app.post("/paid/page", (c) => c.html(PAGE));
      app.post("/paid/chat", (c) => {
        c.header("content-type", "text/event-stream");
        return streamed(c, async (out) => {
          await out.write("event: token\nid: 1\ndata: a\n\n");
          await out.write("data: b\n\n");
        });
      });
      app.post("/paid/broken", (c) => c.json({ error: "no model", detail: "try another" }, 500));
    });
  });
  afterAll(() => seller[Symbol.asyncDispose]());

  const buy = (name: string, more: object = {}) =>
    seller.connect({ retries: 0 }).resource<object, unknown>(operation(name, more))({});

  it.each([
    ["201", "created", { orderId: "o1" }],
    ["202 that is not called a job", "accepted", { id: "r1", status_url: "/renders/r1" }],
    ["204 without a body", "nothing", undefined],
  ])("%s is the output that was paid for", async (_, name, output) => {
    const before = await seller.paid();
    expect(await buy(name)).toEqual(output);
    expect((await seller.paid()) - before).toBe(10_000n);
  });

  it.each(["image", "misnamed"])("of bytes (%s) comes back as these bytes", async (name) => {
    const blob = await buy(name);
    expect(blob).toBeInstanceOf(Blob);
    expect((blob as Blob).type).toBe(name === "image" ? "image/png" : "text/plain");
    expect(new Uint8Array(await (blob as Blob).arrayBuffer())).toEqual(BYTES);
  });

  it("of text is kept as text where text is published, and read as JSON elsewhere", async () => {
    expect(await buy("text", { produces: ["text/plain"] })).toBe("42");
    expect(await buy("text")).toBe(42);
    expect(await buy("latin")).toBe("ü");
  });

  it("of server-sent events is a stream", async () => {
    const events: ServerSentEvent[] = [];
    for await (const event of (await buy("chat")) as AsyncIterable<ServerSentEvent>) events.push(event);
    expect(events).toEqual([
      { event: "token", id: "1", data: "a" },
      { id: "1", data: "b" },
    ]);
  });

  it("that is a web page is an output where pages are sold, and an error with the page elsewhere", async () => {
    expect(await buy("page", { produces: ["text/html"] })).toBe(PAGE);
    const error = await buy("page").catch(caught);
    expect(error).toMatchObject({ code: "protocol", reason: "html", charged: "yes" });
    expect(error).toMatchObject({ response: { status: 200, body: PAGE } });
  });

  it("that is an error is in error.response, with status, headers and body", async () => {
    const error = await buy("broken").catch(caught);
    if (!isResourceError(error)) throw error;
    expect(error.response).toMatchObject({
      status: 500,
      headers: { "content-type": "application/json" },
      body: { error: "no model", detail: "try another" },
    });
  });
});

it("a charged answer that is too large leaves its beginning in error.response", async () => {
  await using seller = await openStranger((app) => app.post("/paid/long", (c) => c.text("x".repeat(5_000))), {
    chain: false,
  });
  const client = seller.connect({ maxAnswerBytes: 1_000, retries: 0 });
  const error = await client.resource<object, unknown>(operation("long"))({}).catch(caught);
  expect(error).toMatchObject({ reason: "too_large", charged: "yes", response: { status: 200 } });
  expect((error as { response: { body: string } }).response.body).toBe("x".repeat(1_000));
});

it("a stream that breaks off after the payment is an error that says that it was charged", async () => {
  const type = { "content-type": "text/event-stream" };
  const body = () =>
    new ReadableStream<Uint8Array>({
      start: (out) => out.enqueue(new TextEncoder().encode("data: a\n\n")),
      pull: (out) => out.error(new Error("gone")),
    });
  const seller = await openHostile(() => new Response(body(), { headers: { ...receipt(), ...type } }));
  const read: unknown[] = [];
  const reading = async () => {
    for await (const event of (await seller.echo()({})) as AsyncIterable<unknown>) read.push(event);
  };
  expect(await reading().catch(caught)).toMatchObject({ code: "network", charged: "yes" });
  expect(read).toEqual([{ data: "a" }]);
});
