import { listen } from "resource402/node";
import { sqliteStore } from "resource402/sqlite";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

const store = sqliteStore(process.env.STORE ?? ":memory:");
await listen(makeServer(setting, { store }), { port, hostname: "127.0.0.1" });
