import { env } from "node:process";
import Koa from "koa";
import { toNodeHandler } from "resource402/node";
import { openServer } from "./server.ts";

const app = new Koa();
app.use(toNodeHandler(openServer(env)));
app.listen(Number(env.PORT), "127.0.0.1");
