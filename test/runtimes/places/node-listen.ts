import { env } from "node:process";
import { listen } from "resource402/node";
import { openServer } from "../api/server.ts";

await listen(openServer(env), { port: Number(env.PORT), hostname: "127.0.0.1" });
