import { createServer } from "node:http";
import { env } from "node:process";
import { toNodeHandler } from "resource402/node";
import { openServer } from "../api/server.ts";

createServer(toNodeHandler(openServer(env))).listen(Number(env.PORT), "127.0.0.1");
