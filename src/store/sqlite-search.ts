import { searchFor } from "./search.ts";
import type { SqliteFile, Statement } from "./sqlite-access.ts";
import { type CallRow, callOf } from "./sqlite-call-rows.ts";
import type { Store } from "./store.ts";

const NEWEST = "ORDER BY created_at DESC, id DESC LIMIT :limit";

/** The search for operators in a SQLite file. */
export function sqliteSearch(
  file: SqliteFile,
  prepare: <Row>(sql: string) => Statement<Row>,
): Pick<Store, "searchCalls"> {
  const indexed = prepare<CallRow>(
    `SELECT * FROM calls WHERE payer = :hex OR id IN (
       SELECT :text UNION ALL SELECT call_id FROM jobs WHERE id = :text
       UNION ALL SELECT call_id FROM refunds WHERE id = :text) ${NEWEST}`,
  );
  // Reads the whole table: prepared at its first use, which no server makes.
  let scanned: Statement<CallRow> | undefined;
  const scan = () =>
    prepare<CallRow>(
      `SELECT * FROM calls WHERE job_id = :text OR key = :text OR nonce IN (:text, :hex)
         OR lower(rest ->> '$.receipt.transaction') = :hex
         OR id IN (SELECT call_id FROM refunds WHERE lower(rest ->> '$.transaction') = :hex) ${NEWEST}`,
    );
  return {
    async searchCalls(given, limit) {
      const search = searchFor(given);
      if (!search) return [];
      const by = { text: search.text, hex: search.hex ?? null, limit };
      return file.read(() => {
        const found = indexed.all(by);
        if (found.length > 0) return found.map(callOf);
        scanned ??= scan();
        return scanned.all(by).map(callOf);
      });
    },
  };
}
