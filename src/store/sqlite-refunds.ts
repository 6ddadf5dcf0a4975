import type { Statement } from "./sqlite-access.ts";
import { putSql, type RefundRow } from "./sqlite-rows.ts";

/** The statements about refunds in a SQLite file. */
export function sqliteRefunds(prepare: <Row>(sql: string) => Statement<Row>) {
  return {
    put: prepare<never>(
      putSql("refunds", "id, call_id, resource, state, currency, value, retry_at, created_at, rest", [
        "state",
        "retry_at",
        "rest",
      ]),
    ),
    delete: prepare("DELETE FROM refunds WHERE id = ?"),
    get: prepare<RefundRow>("SELECT * FROM refunds WHERE id = ?"),
    list: prepare<RefundRow>(
      `SELECT * FROM refunds WHERE :state IS NULL OR state = :state ORDER BY created_at, id LIMIT :limit`,
    ),
    due: prepare<RefundRow>(
      `SELECT * FROM refunds WHERE state <> 'paid' AND retry_at <= :dueAt
         AND (:state IS NULL OR state = :state) ORDER BY created_at, id LIMIT :limit`,
    ),
    old: prepare<Pick<RefundRow, "id">>(
      "SELECT id FROM refunds WHERE state = 'paid' AND created_at <= :at ORDER BY created_at LIMIT :limit",
    ),
  };
}
