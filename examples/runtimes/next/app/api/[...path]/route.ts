import { toNextHandlers } from "resource402/next";
import { openServer } from "../../../../server.ts";

export const dynamic = "force-dynamic";
// The first request creates the server, so that `next build` opens nothing.
export const { GET, HEAD, POST, DELETE, OPTIONS } = toNextHandlers(() => openServer(process.env));
