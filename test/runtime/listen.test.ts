import { listen } from "resource402/node";
import { describe, expect, it } from "vitest";
import { latch } from "../flow/shop.ts";

const idle = { start: async () => {}, stop: async () => {} };

describe("listen", () => {
  it("serves over HTTP on a free port, and says where", async () => {
    const listening = await listen(
      { ...idle, fetch: async (request) => new Response(new URL(request.url).pathname) },
      { port: 0, hostname: "127.0.0.1" },
    );
    expect(await (await fetch(`${listening.url}/here`)).text()).toBe("/here");
    await listening.close();
    await expect(fetch(listening.url)).rejects.toThrow();
  });

  it("fails when the port is taken", async () => {
    const server = { ...idle, fetch: async () => new Response() };
    const first = await listen(server, { port: 0, hostname: "127.0.0.1" });
    await expect(listen(server, { port: first.port, hostname: "127.0.0.1" })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    await first.close();
  });

  it("lets a request that is being answered finish before it closes", async () => {
    const { opened, open } = latch();
    const entered = latch();
    const fetchSlowly = async () => {
      entered.open();
      await opened;
      return new Response("finished");
    };
    const listening = await listen({ ...idle, fetch: fetchSlowly }, { port: 0, hostname: "127.0.0.1" });
    const answer = fetch(listening.url);
    await entered.opened;
    const closing = listening.close();
    open();
    expect(await (await answer).text()).toBe("finished");
    await closing;
  });
});
