import { x402Client, x402HTTPClient } from "@x402/core/client";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import {
  extractDiscoveryInfo,
  extractDiscoveryInfoV1,
  isDiscoverableV1,
  validateDiscoveryExtension,
} from "@x402/extensions/bazaar";
import { defineApi, price, resource } from "resource402";
import { serve } from "resource402/server";
import { startWorld } from "resource402/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { descriptions } from "../../codegen/discovery.ts";
import { readDocument } from "../../codegen/read/document.ts";
import { identify } from "../../src/ledger/payment.ts";
import { decodeHeader, encodeHeader, type PaymentPayload } from "../../src/protocol/index.ts";
import { apiWith, modelOf } from "../codegen/definitions.ts";
import shopApi from "../fixtures/shop/resources.ts";
import { BASE_URL, openShop, post, signedHeaders } from "./shop.ts";

const challengeOf = (answer: Response) =>
  // biome-ignore lint/suspicious/noExplicitAny: what a stranger reads of it is checked below
  decodeHeader(answer.headers.get("payment-required") ?? "") as any;

describe("a challenge", () => {
  it("carries the bazaar extension, which the official reader takes for each kind of resource", async () => {
    await using shop = await openShop();
    const probes = [
      ["/v1/render", post({ prompt: "x" })],
      ["/v1/translate", post({ words: ["a"] })],
      ["/v1/prices/BTC", {}],
    ] as const;
    for (const [path, init] of probes) {
      const answer = await shop.fetch(path, init);
      expect(answer.status, path).toBe(402);
      const { extensions, accepts, resource } = challengeOf(answer);
      expect(validateDiscoveryExtension(extensions.bazaar), path).toEqual({ valid: true });
      const info = extractDiscoveryInfo(
        { x402Version: 2, resource, accepted: accepts[0], payload: {}, extensions },
        accepts[0],
      );
      const method = "method" in init ? "POST" : "GET";
      expect(info?.discoveryInfo, path).toMatchObject({ input: { type: "http", method } });
    }
  });

  it("describes fields with the names of keywords", async () => {
    const named = z.object({ $ref: z.string().describe("A name."), default: z.int().describe("A number.") });
    const model = await modelOf(apiWith({ input: named.extend({ properties: named.describe("More.") }) }));
    const described = descriptions(model) as Record<string, { readonly bazaar: never }>;
    const { bazaar } = described.caption ?? Object.values(described)[0] ?? {};
    expect(validateDiscoveryExtension(bazaar as never)).toEqual({ valid: true });
    // The official validator takes a member named $ref for a reference, so it is left out.
    expect(JSON.stringify(bazaar)).not.toContain("A name.");
    expect(JSON.stringify(bazaar)).toContain('"default":{"description":"A number."');
  });

  it("carries version 1's outputSchema, which the official reader takes as well", async () => {
    await using shop = await openShop();
    const { accepts } = await (await shop.fetch("/v1/render", post({ prompt: "x" }))).json();
    expect(isDiscoverableV1(accepts[0])).toBe(true);
    expect(extractDiscoveryInfoV1(accepts[0])).toMatchObject({
      input: { type: "http", method: "POST", bodyType: "json", body: { prompt: { required: true } } },
    });
  });

  it.each([
    [3, 40],
    [25, 120],
    [60, 150],
    [60, 2_000],
    [400, 300],
  ])(
    "of %i fields described in %i characters stays under 8 kB, and so does the payment of a stock buyer",
    async (count, length) => {
      const fields = Array.from({ length: count }, (_, index) => [
        `field${index}`,
        z
          .string()
          .max(100)
          .default("none")
          .describe(`Number ${index}: ${"why ".repeat(length / 4)}`),
      ]);
      const api = defineApi({
        title: "Wide",
        version: "1.0.0",
        description: "Many fields.",
        resources: {
          wide: resource({
            summary: "Take it all.",
            input: z.object(Object.fromEntries(fields)),
            output: z.object({ ok: z.boolean().describe("Whether.") }),
            price: price.fixed("0.01", { per: "call" }),
          }),
        },
      });
      const model = await modelOf(api);
      await using world = await startWorld({ chain: false });
      const server = serve(
        api,
        {
          wide: {
            method: "POST",
            path: "/v1/wide",
            maxPrice: "0.01",
          },
        },
        {
          handlers: { wide: () => ({ ok: true }) },
          payments: {
            accepts: [
              { network: world.network, payTo: world.seller.address },
              { network: "eip155:8453", payTo: world.seller.address },
            ],
            facilitator: {
              ...world.facilitator,
              getSupported: async () => {
                const supported = await world.facilitator.getSupported();
                const [kind] = supported.kinds;
                if (!kind) throw new Error("nothing is supported");
                return {
                  ...supported,
                  kinds: [...supported.kinds, { ...kind, x402Version: 2, network: "eip155:8453" }],
                };
              },
            },
          },
          log: "error",
        },
        async () => ({ openapi: "", llms: "", docs: "", described: JSON.stringify(descriptions(model)) }),
      );
      const answer = await server.fetch(new Request("http://wide.test/v1/wide", post({})));
      expect(answer.status).toBe(402);
      const header = answer.headers.get("payment-required") ?? "";
      expect(header.length).toBeLessThanOrEqual(8_000);
      const challenge = challengeOf(answer);
      if (count <= 60) {
        expect(validateDiscoveryExtension(challenge.extensions.bazaar)).toEqual({ valid: true });
        const { body } = challenge.extensions.bazaar.schema.properties.input.properties;
        expect(Object.keys(body.properties)).toHaveLength(count);
      }
      const buyer = new x402Client().register(world.network, new ExactEvmScheme(world.buyer));
      const http = new x402HTTPClient(buyer);
      const payment = await http.createPaymentPayload(challenge);
      expect(encodeHeader(payment).length).toBeLessThanOrEqual(8_000);
      // The whole is in the body, which has room.
      const { accepts } = await answer.json();
      expect(Object.keys(accepts[0].outputSchema.input.bodyFields)).toHaveLength(count);
    },
  );

  it("stays under 8 kB with the longest address that is taken, and a summary without end", async () => {
    await using world = await startWorld({ chain: false });
    const say = resource({
      summary: "Say it again. ".repeat(500),
      method: "GET",
      path: "/v1/say/:text",
      input: z.object({ text: z.string().max(20_000).describe("What.") }),
      output: z.object({ ok: z.boolean().describe("Whether.") }),
      price: price.fixed("0.01", { per: "call" }),
    } as never);
    const server = serve(
      defineApi({ title: "Say", version: "1.0.0", description: "One.", resources: { say } }),
      {
        say: { method: "GET", path: "/v1/say/:text", maxPrice: "0.01", fields: { text: "string" } },
      } as never,
      {
        handlers: { say: () => ({ ok: true }) },
        payments: {
          accepts: [{ network: world.network, payTo: world.seller.address }],
          facilitator: world.facilitator,
        },
        log: "silent",
      } as never,
    );
    const ask = (text: string) => server.fetch(new Request(`http://say.test/v1/say/${text}`));
    const asked = await ask("x".repeat(1_900));
    expect(asked.status).toBe(402);
    expect(asked.headers.get("payment-required")?.length).toBeLessThanOrEqual(8_000);
    expect((await asked.json()).accepts[0].description).toHaveLength(7_000);
    expect((await ask("x".repeat(2_000))).status).toBe(413);
  });

  it.each(["sync", "job"])(
    "is echoed to the facilitator with the payment, and forgotten once a %s call is settled",
    async (kind) => {
      await using shop = await openShop();
      const told: unknown[] = [];
      const { verify, settle } = shop.facilitator;
      shop.facilitator.verify = (payload, ...rest) => {
        told.push(payload.extensions?.bazaar);
        return verify(payload, ...rest);
      };
      shop.facilitator.settle = (payload, ...rest) => {
        told.push(payload.extensions?.bazaar);
        return settle(payload, ...rest);
      };
      const [path, input] = kind === "job" ? ["/v1/render", { prompt: "x" }] : ["/v1/echo", { text: "x" }];
      const headers = await signedHeaders(shop, (client) =>
        kind === "job" ? client.render({ prompt: "x" }) : client.echo({ text: "x" }),
      );
      const { payload, accepted, extensions } = decodeHeader(
        headers["payment-signature"] ?? "",
      ) as PaymentPayload;
      const bought = await shop.fetch(path, post(input, headers));
      expect(bought.ok).toBe(true);
      expect(told).toEqual([extensions?.bazaar, extensions?.bazaar]);
      expect(extensions?.bazaar).toBeDefined();
      const identity = identify({ version: 2, payload: { x402Version: 2, accepted, payload }, bytes: "" });
      const call = await shop.store.findCall({ resource: "", identity, key: undefined });
      expect(["charged", "delivered"]).toContain(call?.phase);
      expect(call).toMatchObject({
        payment: { payload: { x402Version: 2, accepted, payload } },
      });
      expect(call?.payment?.payload).not.toHaveProperty("extensions");
      const again = await shop.fetch(path, post(input, headers));
      expect(await again.text()).toBe(await bought.text());
      expect(shop.asked.settle).toBe(1);
    },
  );

  it("goes without a description when what is generated cannot be read, and says so in the log", async () => {
    await using world = await startWorld({ chain: false });
    const said: string[] = [];
    const line = (_: object, message: string) => void said.push(message);
    const log = { debug: line, info: line, warn: line, error: line };
    const shape = z.object({ text: z.string().describe("A text.") });
    const echo = resource({
      ...{ summary: "Say it again.", input: shape, output: shape },
      price: price.fixed("0.01", { per: "call" }),
    });
    const server = serve(
      defineApi({ title: "Echo", version: "1.0.0", description: "One.", resources: { echo } }),
      { echo: { method: "POST", path: "/v1/echo", maxPrice: "0.01" } },
      {
        handlers: { echo: (input: object) => input },
        payments: {
          accepts: [{ network: world.network, payTo: world.seller.address }],
          facilitator: world.facilitator,
        },
        log,
      },
      () => Promise.reject(new Error("Cannot find module published.gen.ts")),
    );
    const answer = await server.fetch(new Request("http://echo.test/v1/echo", post({ text: "x" })));
    expect(answer.status).toBe(402);
    expect(challengeOf(answer)).toMatchObject({ accepts: [{ amount: "10000" }] });
    expect(challengeOf(answer).extensions).not.toHaveProperty("bazaar");
    expect(said).toContain("challenges go without a description of their resource");
  });
});

describe("a server", () => {
  it("publishes its document, with itself as the server, from which the same model can be read", async () => {
    await using shop = await openShop();
    const answer = await shop.fetch("/openapi.json");
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=300");
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    const document = await answer.json();
    expect(document.servers[0]).toEqual({ url: BASE_URL });
    const { model, baseUrl } = readDocument(document, { source: "x" });
    expect(baseUrl).toBe(BASE_URL);
    const names = (await modelOf(shopApi)).resources.map(({ name }) => name);
    expect(model.resources.map(({ name }) => name)).toEqual(names);
    const again = await shop.fetch("/openapi.json", {
      headers: { "if-none-match": answer.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });

  it("publishes a page for agents and one for people, and lists what it sells for marketplaces", async () => {
    await using shop = await openShop({ publicUrl: "https://shop.example/api/" });
    const llms = await (await shop.fetch("/llms.txt")).text();
    expect(llms).toContain("Base URL: https://shop.example/api\n");
    expect(llms).toContain("POST /v1/render");
    const docs = await shop.fetch("/docs");
    expect(docs.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const page = await docs.text();
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain("https://shop.example/api/v1/render");
    expect(page).not.toContain("https://api.example.com");
    const listed = await (await shop.fetch("/.well-known/x402")).json();
    expect(listed).toMatchObject({ version: 1 });
    expect(listed.resources).toContain("https://shop.example/api/v1/render");
    expect(listed.resources.join()).not.toContain("ping");
  });

  it("publishes nothing when it is told not to", async () => {
    await using shop = await openShop({ publish: false });
    for (const path of ["/openapi.json", "/llms.txt", "/docs", "/.well-known/x402"]) {
      expect((await shop.fetch(path)).status, path).toBe(404);
    }
  });
});
