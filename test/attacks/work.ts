import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { decodeHeader, encodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { signTransfer } from "../../src/protocol/transfer.ts";
import { type Attack, crowd, post, statusText, type Target } from "./attack.ts";

/** How long another buyer's callback is waited for. */
const CALLBACK_MS = 20_000;

/** Payment headers of an account for a request, each with a nonce of its own. */
async function signed(target: Target, usdc: string, count: number, path: string, init: RequestInit) {
  const account = await target.world.account({ usdc });
  const asked = await target.send(path, init);
  const required = decodeHeader(asked.headers.get("payment-required") ?? "") as PaymentRequired;
  const [accepted] = required.accepts;
  if (!accepted) throw new Error(`no offer for ${path}: ${asked.status}`);
  const { name, version } = accepted.extra as { name: string; version: string };
  const sign = async () => {
    const payload = await signTransfer(account, {
      network: accepted.network,
      asset: accepted.asset,
      domain: { name, version },
      to: accepted.payTo,
      atomicAmount: accepted.amount,
      nonce: `0x${randomBytes(32).toString("hex")}`,
      validBefore: Math.floor(Date.now() / 1_000) + accepted.maxTimeoutSeconds,
    });
    const payment = { x402Version: 2, resource: required.resource, accepted, payload };
    return { "payment-signature": encodeHeader(payment) };
  };
  return Promise.all(Array.from({ length: count }, sign));
}

export const WORK: readonly Attack[] = [
  {
    name: 'one cent signed away 100 times at once (`maxOutstanding: "0.05"`)',
    unpaid: 5,
    async run(target) {
      const headers = await signed(target, "0.01", 100, "/v1/caption", post('{"text":"x"}'));
      const statuses: number[] = [];
      await crowd(100, 100, async (index) => {
        statuses.push((await target.send("/v1/caption", post('{"text":"x"}', headers[index]))).status);
      });
      const { mostHandlers } = await target.seller.stats();
      return {
        text: `${mostHandlers} handlers at once; ${statusText(statuses)}`,
        isBounded: mostHandlers <= 5,
      };
    },
  },
  {
    name: "2,000 payments of an account without money",
    async run(target) {
      const headers = await signed(target, "0", 2_000, "/v1/caption", post('{"text":"x"}'));
      const statuses: number[] = [];
      await crowd(2_000, 50, async (index) => {
        statuses.push((await target.send("/v1/caption", post('{"text":"x"}', headers[index]))).status);
      });
      return { text: statusText(statuses), isBounded: true };
    },
  },
  {
    name: "HEAD with a payment",
    async run(target) {
      const [headers = {}] = await signed(target, "1", 1, "/v1/items/x", {});
      const before = (await target.world.transfers()).length;
      const { status } = await target.send("/v1/items/x", { method: "HEAD", headers });
      const paid = (await target.world.transfers()).length - before;
      return { text: `${status}; ${paid === 0 ? "not charged" : "charged"}`, isBounded: paid === 0 };
    },
  },
  {
    name: "600 free calls of 500 kB, each with a key",
    async run(target) {
      const body = JSON.stringify({ text: "x".repeat(500_000) });
      await crowd(600, 20, (index) =>
        target.send("/v1/echo", post(body, { "idempotency-key": `key-${index}` })),
      );
      return { text: "300 MB sent", isBounded: true };
    },
  },
  {
    name: "600 free jobs (`maxQueued: 500`), then a paid job",
    async run(target) {
      await crowd(600, 20, () => target.send("/v1/draft", post('{"name":"stuck"}')));
      const [headers = {}] = await signed(target, "1", 1, "/v1/image", post('{"name":"x"}'));
      const { status } = await target.send("/v1/image", post('{"name":"x"}', headers));
      return { text: `the paid job gets ${status}`, isBounded: status === 202 };
    },
  },
  {
    name: "200 callback receivers that never answer, then another buyer's callback",
    async run(target) {
      let called: (() => void) | undefined;
      const arrived = new Promise<string>((resolve) => {
        called = () => resolve("arrived");
      });
      const receiver = createServer((request, response) => {
        if (request.url === "/hangs") return;
        called?.();
        response.end();
      }).listen(0, "127.0.0.1");
      await once(receiver, "listening");
      const { port } = receiver.address() as { port: number };
      const draft = (host: string, path: string) =>
        target.send("/v1/draft", post('{"name":"x"}', { "callback-url": `http://${host}:${port}/${path}` }));
      await crowd(200, 20, () => draft("127.0.0.1", "hangs"));
      const begun = performance.now();
      await draft("localhost", "honest");
      const outcome = await Promise.race([arrived, pause(CALLBACK_MS, "late", { ref: false })]);
      receiver.closeAllConnections();
      receiver.close();
      const ms = Math.round(performance.now() - begun);
      return {
        text: outcome === "late" ? `not within ${CALLBACK_MS / 1_000} s` : `after ${ms} ms`,
        isBounded: ms < 5_000,
      };
    },
  },
];
