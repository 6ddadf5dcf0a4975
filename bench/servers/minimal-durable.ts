import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sellMinimally } from "./minimal.ts";

const folder = mkdtempSync(join(tmpdir(), "resource402-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = new DatabaseSync(join(folder, "minimal.db"));
file.exec("PRAGMA journal_mode = WAL");
file.exec("CREATE TABLE calls (id TEXT PRIMARY KEY, payment TEXT, output TEXT, receipt TEXT) WITHOUT ROWID");
const insert = file.prepare("INSERT INTO calls (id, payment, output) VALUES (?, ?, ?)");
// Once it is settled, no facilitator needs the payment again.
const update = file.prepare("UPDATE calls SET receipt = ?, payment = NULL WHERE id = ?");

interface Write {
  readonly durable: boolean;
  readonly run: () => void;
  readonly done: () => void;
}
let waiting: Write[] = [];

/** Writes of one turn of the event loop share a commit. It flushes once when one of them must be durable. */
function commit(): void {
  const group = waiting;
  waiting = [];
  file.exec(`PRAGMA synchronous = ${group.some(({ durable }) => durable) ? "FULL" : "NORMAL"}`);
  file.exec("BEGIN IMMEDIATE");
  for (const { run } of group) run();
  file.exec("COMMIT");
  for (const { done } of group) done();
}

function write(durable: boolean, run: () => void): Promise<void> {
  return new Promise((done) => {
    if (waiting.length === 0) setImmediate(commit);
    waiting.push({ durable, run, done });
  });
}

await sellMinimally({
  intent: (id, payment, output) => write(true, () => void insert.run(id, payment, output)),
  receipt: (id, receipt) => write(false, () => void update.run(receipt, id)),
});
