import { env } from "node:process";
import { listen } from "resource402/node";
import { sqliteStore } from "resource402/sqlite";
import { openServer } from "../api/server.ts";

const store = sqliteStore(env.DATABASE ?? ":memory:");
await listen(openServer(env, { store }), { port: Number(env.PORT), hostname: "127.0.0.1" });
