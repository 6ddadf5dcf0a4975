import { defineApi, price, resource } from "resource402";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { type Context, serve } from "resource402/server";
import { startWorld } from "resource402/testing";
import * as v from "valibot";
import { expect, it } from "vitest";
import * as z3 from "zod/v3";

const output = z3.object({ text: z3.string() });
const documents = {
  old: { method: "POST", path: "/v1/old", maxPrice: "0.02" },
  other: { method: "POST", path: "/v1/other", maxPrice: "0.01" },
} as const;

it("schemas of zod 3 and of other libraries validate, fill in defaults and price, as those of zod 4 do", async () => {
  await using world = await startWorld({ chain: false });
  const api = defineApi({
    title: "Schemas",
    version: "1.0.0",
    description: "Two libraries.",
    resources: {
      old: resource({
        summary: "Take zod 3.",
        input: z3.object({ text: z3.string().max(5), mode: z3.enum(["a", "b"]).default("b") }),
        output,
        price: price.byChoice("mode", { a: "0.01", b: "0.02" }, { per: "text" }),
      }),
      other: resource({
        summary: "Take valibot.",
        input: v.object({ text: v.pipe(v.string(), v.maxLength(5)), mode: v.optional(v.string(), "c") }),
        output: v.object({ text: v.string() }),
        price: price.fixed("0.01", { per: "text" }),
      }),
    },
  });
  const say = ({ text, mode }: { text: string; mode: string }, _: Context) => ({ text: `${text} ${mode}` });
  const server = serve(api, documents, {
    handlers: { old: say, other: say },
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: world.facilitator,
    },
  });
  const { resource: call } = connect({
    baseUrl: "http://schemas.test",
    payer: evmPayer(world.buyer),
    fetch: (input, init) => server.fetch(new Request(input, init)),
  });
  for (const [name, usd, mode] of [
    ["old", "0.02", "b"],
    ["other", "0.01", "c"],
  ] as const) {
    const buy = call<{ text: string }, { text: string }>({
      name,
      method: "POST",
      path: `/v1/${name}`,
      price: { kind: "fixed", usd, per: "text" },
    });
    expect(await buy({ text: "hi" })).toEqual({ text: `hi ${mode}` });
    const error = await buy({ text: "too long" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid_input", charged: "no", issues: [{ path: "text" }] });
  }
  expect(await world.balanceOf(world.seller.address)).toBe(30_000n);
});
