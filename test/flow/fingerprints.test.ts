import { defineApi, price, resource } from "resource402";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { serve } from "resource402/server";
import { startWorld } from "resource402/testing";
import { expect, it } from "vitest";
import { z } from "zod";

const nothing = () => {};
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const documents = { word: { method: "POST", path: "/v1/word", maxPrice: "0.01" } } as const;

it("inputs that differ only in what JSON cannot say are not answered by one another's output", async () => {
  await using world = await startWorld({ chain: false });
  const text = z.string().describe("What.");
  const api = defineApi({
    title: "Words",
    version: "1.0.0",
    description: "One word.",
    resources: {
      word: resource({
        summary: "A word.",
        // As JSON, every regular expression is {}.
        input: z.object({ text: text.transform((source) => new RegExp(source)) }),
        output: z.object({ text }),
        price: price.fixed("0.01", { per: "word" }),
        cache: "1h",
      }),
    },
  });
  const server = serve(api, documents, {
    handlers: { word: ({ text }: { text: RegExp }) => ({ text: text.source }) },
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: world.facilitator,
    },
    log: silent,
  });
  const word = connect({
    baseUrl: "http://words.test",
    payer: evmPayer(world.buyer),
    fetch: (input, init) => server.fetch(new Request(input, init)),
  }).resource<{ text: string }, { text: string }>({
    name: "word",
    method: "POST",
    path: "/v1/word",
    price: { kind: "fixed", usd: "0.01", per: "word" },
  });
  expect(await word({ text: "a" })).toEqual({ text: "a" });
  expect(await word({ text: "b" })).toEqual({ text: "b" });
  expect(await world.balanceOf(world.seller.address)).toBe(20_000n);
});
