import { setTimeout as pause } from "node:timers/promises";
import { evmPayer } from "resource402/evm";
import type { LocalAccount } from "viem";
import { createClient } from "./api/client.gen.ts";

/** A place under test. */
export interface Place {
  /** Where buyers reach the API, without a slash at its end. */
  readonly url: string;
  readonly buyer: LocalAccount;
  /** Atomic units. */
  readonly balance: () => Promise<bigint>;
}

export interface Check {
  readonly name: string;
  /** @throws what is wrong */
  readonly run: (place: Place) => Promise<void>;
}

const CENT = 10_000n;

function expect(actual: unknown, wanted: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what}: expected ${should}, got ${is}`);
}

async function until<T>(
  what: string,
  ask: () => Promise<T>,
  done: (value: T) => boolean,
  ms = 15_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await ask();
    if (done(value)) return value;
    if (performance.now() > end)
      throw new Error(`${what}: not within ${ms} ms, got ${JSON.stringify(value)}`);
    await pause(50);
  }
}

const clientOf = ({ url, buyer }: Place) => createClient({ baseUrl: url, payer: evmPayer(buyer) });

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

const refunded = (statusUrl: string) =>
  until(
    "refund",
    async () => ((await (await fetch(statusUrl)).json()) as { paymentState: string }).paymentState,
    (state) => state === "refunded",
  );

/** What a buyer needs of every place, in the order in which they run. */
export const CHECKS: readonly Check[] = [
  {
    name: "free",
    run: async (place) => expect(await clientOf(place).ping(), { open: true }, "output"),
  },
  {
    name: "unpaid 402",
    run: async ({ url }) => {
      const answer = await fetch(`${url}/v1/caption`, post({ text: "x" }));
      expect(answer.status, 402, "status");
      const header = answer.headers.get("payment-required") ?? "";
      const { resource } = JSON.parse(atob(header)) as { resource: { url: string } };
      expect(resource.url, `${url}/v1/caption`, "address in the challenge");
    },
  },
  {
    name: "paid sync",
    run: async (place) => {
      const before = await place.balance();
      expect(await clientOf(place).caption({ text: "ü" }), { text: "ü" }, "output");
      expect(String(before - (await place.balance())), String(CENT), "paid");
    },
  },
  {
    name: "paid GET",
    run: async (place) => {
      const word = "Grüße/ 日本 %2F?&";
      expect(await clientOf(place).word({ word }), { word }, "output");
    },
  },
  {
    name: "job",
    run: async (place) => {
      const job = await clientOf(place).render.start({ text: "x", stepMs: 100 });
      const seen: number[] = [];
      for await (const { progress } of job) seen.push(progress);
      expect(await job.result(), { text: "x" }, "result");
      if (new Set(seen).size < 3) throw new Error(`progress: expected several steps, got ${seen.join(", ")}`);
    },
  },
  {
    name: "events",
    run: async (place) => {
      const job = await clientOf(place).render.start({ text: "x", stepMs: 400 });
      const answer = await fetch(`${job.statusUrl}/events`);
      expect(answer.headers.get("content-type")?.split(";")[0], "text/event-stream", "type");
      const at: number[] = [];
      for await (const _ of answer.body ?? []) at.push(performance.now());
      const spread = (at.at(-1) ?? 0) - (at[0] ?? 0);
      if (at.length < 2 || spread < 400)
        throw new Error(`expected chunks over time, got ${at.length} in ${spread} ms`);
    },
  },
  {
    name: "cancel",
    run: async (place) => {
      const job = await clientOf(place).render.start({ text: "x", stepMs: 2_000 });
      expect((await fetch(job.statusUrl, { method: "DELETE" })).status, 200, "status");
      const document = await (await fetch(job.statusUrl)).json();
      expect((document as { status: string }).status, "cancelled", "job");
      // Otherwise its refund arrives in the middle of a later check, which compares balances.
      await refunded(job.statusUrl);
    },
  },
  {
    name: "wait",
    run: async (place) => {
      const job = await clientOf(place).render.start({ text: "x", stepMs: 150 });
      const answer = await fetch(job.statusUrl, { headers: { prefer: "wait=10" } });
      expect(((await answer.json()) as { status: string }).status, "succeeded", "job");
    },
  },
  {
    name: "preflight",
    run: async ({ url }) => {
      const headers = { origin: "https://page.example", "access-control-request-method": "POST" };
      const answer = await fetch(`${url}/v1/caption`, { method: "OPTIONS", headers });
      expect(answer.headers.get("access-control-allow-origin"), "*", "origin");
      if (!answer.headers.get("access-control-allow-headers")?.includes("payment-signature")) {
        throw new Error("the payment header is not allowed");
      }
    },
  },
  {
    name: "413",
    run: async ({ url }) => {
      for (let round = 0; round < 5; round += 1) {
        const large = await fetch(`${url}/v1/caption`, post({ text: "x".repeat(300_000) }));
        expect(large.status, 413, "status");
        await large.text();
        for (let next = 0; next < 6; next += 1) {
          const answer = await fetch(`${url}/v1/ping`);
          expect([answer.status, await answer.json()], [200, { open: true }], "the next request");
        }
      }
    },
  },
  {
    name: "invalid",
    run: async ({ url }) => {
      expect((await fetch(`${url}/v1/caption`, post({ text: 1 }))).status, 400, "status");
      expect((await fetch(`${url}/v1/nothing`)).status, 404, "an unknown address");
    },
  },
  {
    name: "pages",
    run: async ({ url }) => {
      const openapi = (await (await fetch(`${url}/openapi.json`)).json()) as { servers: { url: string }[] };
      expect(openapi.servers[0]?.url, url, "server in openapi.json");
      const docs = await (await fetch(`${url}/docs`)).text();
      if (!docs.includes(`${url}/v1/`)) throw new Error("the examples of /docs call another address");
      const home = await fetch(`${url}/`, { headers: { accept: "text/html" }, redirect: "manual" });
      if (![301, 302, 307, 308].includes(home.status)) throw new Error(`/: status ${home.status}`);
    },
  },
  {
    name: "refund",
    run: async (place) => {
      const before = await place.balance();
      const job = await clientOf(place).render.start({ text: "refuse", stepMs: 0 });
      await refunded(job.statusUrl);
      expect(String(await place.balance()), String(before), "balance");
    },
  },
  {
    name: "restart",
    run: async (place) => {
      const job = await clientOf(place).render.start({ text: "kept", stepMs: 500 });
      await until(
        "progress",
        () => job.status(),
        ({ status }) => status === "running",
      );
      await place.restart();
      expect(await job.result(), { text: "kept" }, "output");
    },
  },
];
