import type { SqliteFile, Statement } from "./sqlite-access.ts";
import { MAX_QUOTES, newSecret, type Store } from "./store.ts";

/** How often the number of quotes is looked at. */
const QUOTES_A_CHECK = 1_000;

/** Quoted prices, and the secret with which quotes are signed. */
export function sqliteQuotes(
  file: SqliteFile,
  prepare: <Row>(sql: string) => Statement<Row>,
  now: () => number,
) {
  const secrets = {
    get: prepare<{ value: string }>("SELECT value FROM secrets WHERE name = 'quotes'"),
    put: prepare("INSERT OR IGNORE INTO secrets (name, value) VALUES ('quotes', ?)"),
  };
  const quotes = {
    put: prepare("INSERT OR REPLACE INTO quotes (id, value, until) VALUES (?, ?, ?)"),
    get: prepare<{ value: string }>("SELECT value FROM quotes WHERE id = ? AND until > ?"),
    expire: prepare("DELETE FROM quotes WHERE until <= ?"),
    bound: prepare(
      `DELETE FROM quotes WHERE id IN (
         SELECT id FROM quotes ORDER BY until DESC LIMIT -1 OFFSET ${MAX_QUOTES})`,
    ),
  };
  let kept = 0;
  const methods: Pick<Store, "secret" | "keepQuote" | "quote"> = {
    async secret() {
      const known = await file.read(() => secrets.get.get());
      if (known) return known.value;
      // Of servers that make one at the same time, the first one counts.
      await file.write(true, () => secrets.put.run(newSecret()));
      return (await file.read(() => secrets.get.get()))?.value ?? "";
    },

    async keepQuote({ id, value, until }) {
      await file.write(false, () => {
        quotes.put.run(id, value, until);
        kept += 1;
        if (kept % QUOTES_A_CHECK === 0) quotes.bound.run();
      });
    },

    quote(id) {
      return file.read(() => quotes.get.get(id, now())?.value);
    },
  };
  return { methods, expire: () => void quotes.expire.run(now()) };
}
