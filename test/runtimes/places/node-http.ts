import { createServer } from "node:http";
import { toNodeHandler } from "resource402/node";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

createServer(toNodeHandler(makeServer(setting))).listen(port, "127.0.0.1");
