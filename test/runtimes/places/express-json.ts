import { env } from "node:process";
import express from "express";
import { toNodeHandler } from "resource402/node";
import { openServer } from "../api/server.ts";

const app = express();
app.use(express.json({ limit: "2mb" }));
app.use("/api", toNodeHandler(openServer(env)));
app.listen(Number(env.PORT), "127.0.0.1");
