import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "../../dist/sqlite.js";
import { sell } from "./seller.ts";

const folder = mkdtempSync(join(tmpdir(), "resource402-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
await sell(sqliteStore(join(folder, "ledger.db")));
