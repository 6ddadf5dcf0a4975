import { listen } from "resource402/node";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

await listen(makeServer(setting), { port, hostname: "127.0.0.1" });
