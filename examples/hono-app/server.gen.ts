// Generated from resources.ts by `resource402 generate`. Do not edit.
import { type Documents, type Handler, type Server, type ServerOptions, serve } from "resource402/server";
import api from "./resources.ts";
import type { DayArgs, DayResult } from "./types.gen.ts";

/** One function for each resource. */
export interface Handlers {
  /**
   * Get the measured weather of one day.
   *
   * Charged only when it returns.
   */
  readonly day: Handler<DayArgs, DayResult, "not_measured">;
}

/** Serves Weather Archive. The options say how it is paid and where calls are kept. */
export function createServer(options: ServerOptions<Handlers>): Server {
  return serve(api, documents, options, () => import("./published.gen.ts"), definitionHash);
}

const documents: Documents = {
  day: {
    method: "GET",
    path: "/days/:date",
    maxPrice: "0.002",
    fields: { date: "string", station: "string" },
  },
};

/** Of the definition that this file was generated from. The server does not start with another one. */
const definitionHash = "13d367b37eeb4d6e6f60043d066564cfd751d65644536e0ad7efd4c3a8702345";
