import { evmPayer } from "resource402/evm";
import { describe, expect, it, vi } from "vitest";
import { decodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { toNextHandlers } from "../../src/runtime/next.ts";
import { createClient } from "../fixtures/shop/client.gen.ts";
import { openShop, post } from "../flow/shop.ts";

/** As `next start` calls a catch-all route under /api: the URL says localhost, the headers tell the host. */
function calling(handlers: ReturnType<typeof toNextHandlers>) {
  return async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const { host, pathname } = url;
    const inner = new Request(request.url.replace(`https://${host}`, "http://localhost:3000"), request);
    inner.headers.set("x-forwarded-host", host);
    inner.headers.set("x-forwarded-proto", "https");
    const path = pathname
      .split("/")
      .slice(2)
      .map((part) => decodeURIComponent(part));
    return handlers[request.method as keyof typeof handlers](inner, { params: Promise.resolve({ path }) });
  };
}

describe("toNextHandlers", () => {
  it("makes no server before the first request, and then sells at the public address under its path", async () => {
    await using shop = await openShop();
    const make = vi.fn(() => shop.server);
    const handle = calling(toNextHandlers(make, { name: "sells" }));
    expect(make).not.toHaveBeenCalled();
    const client = createClient({
      baseUrl: "https://shop.example/api",
      payer: evmPayer(shop.world.buyer),
      fetch: (input, init) => handle(new Request(input, init)),
    });
    expect(await client.echo({ text: "hi" })).toEqual({ text: "hi" });
    expect(await client.quoteOf({ symbol: "Ü/x" })).toMatchObject({ symbol: "Ü/x" });
    expect(await client.render({ prompt: "x" })).toMatchObject({ note: "x" });
    const unpaid = await handle(new Request("https://shop.example/api/v1/echo", post({ text: "x" })));
    const { resource } = decodeHeader(unpaid.headers.get("payment-required") ?? "") as PaymentRequired;
    expect(resource.url).toBe("https://shop.example/api/v1/echo");
    expect(make).toHaveBeenCalledOnce();
    expect(shop.logged.filter(({ level }) => level !== "info" && level !== "debug")).toEqual([]);
  });

  it("stops the server of a module that is loaded again", async () => {
    await using one = await openShop();
    await using two = await openShop();
    const request = () => new Request("https://shop.example/api/v1/ping");
    await calling(toNextHandlers(() => one.server, { name: "reload" }))(request());
    const stop = vi.spyOn(one.server, "stop");
    const handle = calling(toNextHandlers(() => two.server, { name: "reload" }));
    await vi.waitFor(() => expect(stop).toHaveBeenCalledOnce());
    expect((await handle(request())).status).toBe(200);
    expect([one.runs, two.runs]).toEqual([{ ping: 1 }, { ping: 1 }]);
  });

  it("tries again when a server could not be made", async () => {
    await using shop = await openShop();
    const make = vi
      .fn(() => shop.server)
      .mockImplementationOnce(() => {
        throw new Error("no database");
      });
    const handle = calling(toNextHandlers(make, { name: "again" }));
    const request = () => new Request("https://shop.example/api/v1/ping");
    await expect(handle(request())).rejects.toThrow("no database");
    expect((await handle(request())).status).toBe(200);
  });
});
