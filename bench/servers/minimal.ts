import { createHash } from "node:crypto";
import { serve } from "@hono/node-server";
import type { PaymentPayload, PaymentRequirements } from "@x402/core/types";
import { Hono } from "hono";
import { memoryStore } from "../../dist/server.js";
import { stubFacilitator } from "./facilitator.ts";
import { report } from "./report.ts";
import { INPUT, OUTPUT, PATH } from "./route.ts";
import { seller } from "./seller.ts";

/** Where a minimal seller keeps its calls. Each promise resolves when the write would survive what it must survive. */
export interface Notes {
  /** Before the money can move: the payment and the output. On the disk, where there is one. */
  intent(id: string, payment: string, output: string): Promise<void> | void;
  receipt(id: string, receipt: string): Promise<void> | void;
}

/**
 * The least that a seller of the one route can do, written for it alone: it parses the body, sends the same bytes of a
 * challenge as ours, decodes a payment and hashes it, verifies, settles, and keeps what it needs to answer again. It
 * has no validation, keys, jobs, limits, time-outs, evidence, logs or metrics. What it costs is the limit for ours.
 */
export async function sellMinimally(notes: Notes): Promise<void> {
  const challenge = await challengeOfOurs();
  const app = new Hono();
  app.post(PATH, async (c) => {
    const header = c.req.header("payment-signature");
    const input = (await c.req.json()) as typeof INPUT;
    if (typeof input.imageUrl !== "string") return c.json({ error: "invalid" }, 400);
    if (header === undefined) return c.body(challenge.body, 402, challenge.headers);
    const payload = JSON.parse(Buffer.from(header, "base64").toString()) as PaymentPayload;
    const requirements = payload.accepted as PaymentRequirements;
    const id = createHash("sha256").update(header).digest("base64url");
    const { isValid } = await stubFacilitator.verify(payload, requirements);
    if (!isValid) return c.body(challenge.body, 402, challenge.headers);
    const output = JSON.stringify(OUTPUT);
    await notes.intent(id, header, output);
    const settled = JSON.stringify(await stubFacilitator.settle(payload, requirements));
    await notes.receipt(id, settled);
    return c.body(output, 200, {
      "content-type": "application/json",
      "payment-response": Buffer.from(settled).toString("base64"),
    });
  });
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => report(port));
}

async function challengeOfOurs() {
  const server = await seller(memoryStore());
  const body = JSON.stringify(INPUT);
  const headers = { "content-type": "application/json" };
  const answer = await server.fetch(
    new Request(`http://127.0.0.1${PATH}`, { method: "POST", headers, body }),
  );
  const challenge = { body: await answer.text(), headers: Object.fromEntries(answer.headers) };
  await server.stop();
  return challenge;
}
