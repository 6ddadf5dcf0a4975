import { toNextHandlers } from "resource402/next";
import { makeServer, type Setting } from "../../../lib/server";

export const dynamic = "force-dynamic";
export const { GET, HEAD, POST, DELETE, OPTIONS } = toNextHandlers(() =>
  makeServer(JSON.parse(process.env.SETTING ?? "{}") as Setting),
);
