import { env } from "node:process";
import express from "express";
import { toNodeHandler } from "resource402/node";
import { openServer } from "./server.ts";

const app = express();
app.get("/", (_, response) => {
  response.send("An Express app.");
});
// Before or after express.json(). The server knows the path under which it is mounted.
app.use("/api", toNodeHandler(openServer(env)));
app.listen(Number(env.PORT), "127.0.0.1");
