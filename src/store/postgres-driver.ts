import type pg from "pg";
import { loadPeer } from "../peer.ts";

/** The Postgres driver, an optional peer dependency. */
export const { Client, DatabaseError, Pool } = await loadPeer(
  "resource402/postgres",
  ["pg"],
  () => import("pg"),
);
export type Client = pg.Client;
