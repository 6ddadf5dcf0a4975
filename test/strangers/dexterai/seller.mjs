// A seller made with @dexterai/x402: `node seller.mjs express <facilitator> <payTo>`. Prints its port.
import { x402Middleware } from "@dexterai/x402/server";
import express from "express";
import { facilitatorBehind, listen, sellWithExpress } from "../goods.mjs";

const [, url = "", payTo = ""] = process.argv.slice(2);
const asset = { address: "0x036CbD53842c5426634e7929541eC2318f3dCF7e", decimals: 6 };
// Its facilitator names the domain of the token among what it supports.
const domain = { name: "USDC", version: "2", decimals: 6 };
const facilitatorUrl = await facilitatorBehind(url, {
  said: (path, answer) =>
    path === "/supported"
      ? { ...answer, kinds: answer.kinds.map((kind) => ({ ...kind, extra: { ...domain, ...kind.extra } })) }
      : answer,
});
const middleware = x402Middleware({
  ...{ payTo, amount: "0.01", network: "eip155:84532", asset, facilitatorUrl },
  description: "A sample.",
});
await listen(sellWithExpress(express(), middleware));
