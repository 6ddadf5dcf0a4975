// A seller made with @faremeter/middleware: `node seller.mjs <hono|express> <facilitator> <payTo>`. Prints its port.

import { createMiddleware as expressMiddleware } from "@faremeter/middleware/express";
import { createMiddleware as honoMiddleware } from "@faremeter/middleware/hono";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { facilitatorBehind, listen, sellWithExpress, sellWithHono } from "../goods.mjs";

const [kind = "", url = "", payTo = ""] = process.argv.slice(2);
const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const accepts = [
  {
    ...{ scheme: "exact", network: "eip155:84532", asset: USDC, maxAmountRequired: "10000", payTo },
    ...{ maxTimeoutSeconds: 60, description: "A sample.", mimeType: "application/json" },
    extra: { name: "USDC", version: "2" },
  },
];

// Faremeter's facilitators complete offers at /accepts, which no other has, and get no version beside a payment.
const facilitatorURL = await facilitatorBehind(url, {
  asked: (body) => ({ x402Version: 2, ...body }),
  said: (path, answer, body) => (path === "/accepts" ? body : answer),
});
const options = {
  ...{ facilitatorURL, accepts },
  supportedVersions: { x402v1: true, x402v2: true },
};
await listen(
  kind === "hono"
    ? getRequestListener(sellWithHono(new Hono(), await honoMiddleware(options)).fetch)
    : sellWithExpress(express(), await expressMiddleware(options)),
);
