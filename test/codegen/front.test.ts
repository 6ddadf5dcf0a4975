import { Agent, request } from "node:http";
import { listen } from "resource402/node";
import { afterEach, expect, it } from "vitest";
import { openFront } from "../../codegen/dev/front.ts";
import { openShop } from "../flow/shop.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** One request on a connection that is kept. */
function post(agent: Agent, port: number, body: string, headers: object = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ agent, host: "127.0.0.1", port, method: "POST", path: "/v1/render" },
        headers: { "content-type": "application/json", "content-length": body.length, ...headers },
      },
      (answer) => answer.resume().once("end", () => resolve(answer.statusCode)),
    );
    sent.once("error", reject).end(body);
  });
}

it("an answer that comes before the whole body reaches the buyer, and the connection serves the next request", async () => {
  await using shop = await openShop();
  const served = await listen(shop.server, { port: 0, hostname: "127.0.0.1" });
  const front = await openFront({ port: 0, own: () => false, page: (html) => html });
  front.serve(Number(new URL(served.url).port));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  closing.push(async () => agent.destroy(), front.close, served.close);
  const large = JSON.stringify({ prompt: "x".repeat(2 * 1024 * 1024) });
  for (let round = 0; round < 20; round += 1) {
    expect(await post(agent, front.port, large)).toBe(413);
    expect(await post(agent, front.port, '{"prompt":"x"}', { "payment-signature": "" })).toBeLessThan(500);
    expect(await post(agent, front.port, '{"prompt":"x"}')).toBe(402);
  }
});
