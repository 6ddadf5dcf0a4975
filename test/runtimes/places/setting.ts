import { env } from "node:process";
import type { Setting } from "../api/server.ts";

/** From the runner. */
export const setting = JSON.parse(env.SETTING ?? "{}") as Setting;
export const port = Number(env.PORT);
