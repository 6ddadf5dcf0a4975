import express from "express";
import { toNodeHandler } from "resource402/node";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

const app = express();
app.use("/api", toNodeHandler(makeServer(setting)));
app.listen(port, "127.0.0.1");
