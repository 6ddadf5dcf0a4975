import Koa from "koa";
import { toNodeHandler } from "resource402/node";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

const app = new Koa();
app.use(toNodeHandler(makeServer(setting)));
app.listen(port, "127.0.0.1");
