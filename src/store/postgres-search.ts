import type { Value } from "./postgres-connection.ts";
import { callTable, toText } from "./postgres-rows.ts";
import { byAge } from "./rules.ts";
import { isCallNamed, searchFor } from "./search.ts";
import type { CallRecord, Store } from "./store.ts";

const NEWEST = "ORDER BY created_at DESC, id DESC";

/** The search for operators in a Postgres schema. */
export function postgresSearch(
  schema: string,
  read: (text: string, values: readonly Value[]) => Promise<object[]>,
): Pick<Store, "searchCalls"> {
  async function calls(where: string, values: readonly Value[], most = ""): Promise<CallRecord[]> {
    const text = `SELECT ${callTable.columns} FROM ${schema}.calls WHERE ${where} ${NEWEST} ${most}`;
    const rows = await read(text, values);
    return rows.map(callTable.record);
  }
  return {
    async searchCalls(given, limit) {
      const search = searchFor(given);
      if (!search || limit <= 0) return [];
      const text = toText(search.text);
      const hex = search.hex === undefined ? null : toText(search.hex);
      const indexed = await calls(
        `payer = $1::text OR id IN (
           SELECT $2::text UNION ALL SELECT call_id FROM ${schema}.jobs WHERE id = $2
           UNION ALL SELECT call_id FROM ${schema}.refunds WHERE id = $2)`,
        [hex, text, limit],
        "LIMIT $3::int8",
      );
      if (indexed.length > 0) return indexed;
      // As text: the records hold U+0000, which no JSON type of Postgres reads. A buyer can write the same words in its payment.
      const settledBy = `position('"transaction":"' || $1::text || '"' IN lower(rest)) > 0`;
      const scanned = await calls(`job_id = $2::text OR key = $2 OR nonce IN ($1, $2) OR ${settledBy}`, [
        hex,
        text,
      ]);
      const refunded = await calls(`id IN (SELECT call_id FROM ${schema}.refunds WHERE ${settledBy})`, [hex]);
      const ids = new Set(refunded.map(({ id }) => id));
      const others = scanned.filter((call) => !ids.has(call.id) && isCallNamed(call, search));
      return [...others, ...refunded].sort((a, b) => byAge(b, a)).slice(0, limit);
    },
  };
}
