import type { SqliteFile, Statement } from "./sqlite-access.ts";
import { type CallRow, callOf, callRow, NEVER, NEVER_SQL } from "./sqlite-call-rows.ts";
import type { CallRecord } from "./store.ts";

/** Condition of a row whose server no longer lives. Takes `:now`. */
export const ORPHANED = "(owner IS NULL OR owner NOT IN (SELECT owner FROM servers WHERE until > :now))";
/** Condition of a row for whose call a refund is owed; append the column of the call and a bracket. */
export const OWED = "EXISTS (SELECT 1 FROM refunds WHERE state <> 'paid' AND refunds.call_id";

const COLUMNS = `id, resource, key, fingerprint, network, payer, nonce, valid_before, value, charge, phase, job_id,
  owner, tries, retry_at, created_at, ended_at, failed, sweep_at, held, rest`;
/** What nearly every step may change. */
const USUAL = ["phase", "owner", "tries", "retry_at", "ended_at", "failed", "rest"] as const;
/** What a step changes that frees a key or forgets a job. A call whose job is gone stays without it. */
const RARE = "key = :key, job_id = :job_id, held = min(held, :held)";
/** So many records are kept besides the file. */
const KEPT = 1_000;

/** The calls in a SQLite file. Each method is one or two statements. */
export interface SqliteCalls {
  insert(call: CallRecord): void;
  /** @param before The record as it stands in the file. */
  update(call: CallRecord, before: CallRecord): void;
  delete(id: string): void;
  /** The record of the job of this call is gone. */
  letGo(id: string): void;
  has(id: string): boolean;
  get(id: string): CallRecord | undefined;
  /** As `get`, inside of a transaction that writes. Reads no row that this process has just written. */
  current(id: string): CallRecord | undefined;
  /** To be called with a record once the transaction that wrote it is committed. */
  written(call: CallRecord): void;
  holder(by: Pick<CallRecord, "resource" | "identity" | "key">): CallRecord | undefined;
  lastAlike(call: CallRecord, since: number): CallRecord | undefined;
  outstanding(payer: string, settleableSince?: number): number;
  due(by: { now: number; own: string; limit: number }): CallRecord[];
  /** How many free calls are kept, counted up to a limit. */
  free(limit: number): number;
  /** Ids of what may be swept. */
  old(at: number, limit: number): string[];
}

export function sqliteCalls(file: SqliteFile, prepare: <Row>(sql: string) => Statement<Row>): SqliteCalls {
  const usual = USUAL.map((name) => `${name} = :${name}`).join(", ");
  const insert = prepare(`INSERT INTO calls (${COLUMNS}) VALUES (${COLUMNS.replaceAll(/\w+/g, ":$&")})`);
  const update = prepare(`UPDATE calls SET ${usual} WHERE id = :id`);
  const updateAll = prepare(`UPDATE calls SET ${usual}, ${RARE} WHERE id = :id`);
  const remove = prepare("DELETE FROM calls WHERE id = ?");
  const letGo = prepare("UPDATE calls SET held = 0 WHERE id = ?");
  const has = prepare("SELECT 1 FROM calls WHERE id = ?");
  const get = prepare<CallRow>("SELECT * FROM calls WHERE id = ?");
  const byPayment = prepare<CallRow>("SELECT * FROM calls WHERE network = ? AND payer = ? AND nonce = ?");
  const byKey = prepare<CallRow>("SELECT * FROM calls WHERE resource = ? AND payer = ? AND key = ?");
  const lastAlike = prepare<CallRow>(
    `SELECT * FROM calls WHERE payer = ? AND fingerprint = ? AND created_at >= ?
       AND NOT (job_id IS NULL AND (phase = 'void' OR (phase = 'delivered' AND network = '')))
     ORDER BY created_at DESC, id DESC LIMIT 1`,
  );
  const outstanding = prepare<{ value: number }>(
    `SELECT coalesce(sum(value), 0) AS value FROM calls
     WHERE payer = ? AND phase IN ('open', 'submitted') AND network <> '' AND valid_before * 1000 >= ?`,
  );
  const due = prepare<CallRow>(
    `SELECT * FROM calls WHERE retry_at < ${NEVER_SQL} AND retry_at <= :now AND (owner = :own OR ${ORPHANED})
     ORDER BY retry_at, created_at, id LIMIT :limit`,
  );
  const free = prepare<{ calls: number }>(
    `SELECT count(*) AS calls FROM (
       SELECT 1 FROM calls INDEXED BY calls_free WHERE network = '' AND job_id IS NULL LIMIT ?)`,
  );
  const old = prepare<Pick<CallRow, "id">>(
    `SELECT id FROM calls WHERE held = 0 AND phase <> 'submitted' AND retry_at >= ${NEVER_SQL} AND sweep_at <= :at
       AND NOT ${OWED} = calls.id) ORDER BY sweep_at LIMIT :limit`,
  );

  /**
   * Committed records that this process has written last. They are those in the file as long as no other connection has
   * committed since, which is looked up in each transaction before one is used. A write takes its record out, and puts
   * it in again only when it is committed: what is undone is read again.
   */
  const recent = new Map<string, CallRecord>();
  let version: unknown;

  function known(id: string): CallRecord | undefined {
    const now = file.version();
    if (now !== version) recent.clear();
    version = now;
    return recent.get(id);
  }

  const read = (id: string): CallRecord | undefined => decoded(get.get(id));

  return {
    insert(call) {
      insert.run(callRow(call));
    },
    update(call, before) {
      recent.delete(call.id);
      const { id, key, job_id, held, phase, owner, tries, retry_at, ended_at, failed, rest } = callRow(call);
      const row = { id, phase, owner, tries, retry_at, ended_at, failed, rest };
      if (call.key === before.key && call.jobId === before.jobId) update.run(row);
      else updateAll.run({ ...row, key, job_id, held });
    },
    delete(id) {
      recent.delete(id);
      remove.run(id);
    },
    letGo: (id) => void letGo.run(id),
    has: (id) => has.get(id) !== undefined,
    get: read,
    current: (id) => known(id) ?? read(id),
    written(call) {
      recent.set(call.id, call);
      if (recent.size <= KEPT) return;
      const [oldest] = recent.keys();
      if (oldest !== undefined) recent.delete(oldest);
    },
    holder({ identity: { network, payer, nonce }, resource, key }) {
      const row = byPayment.get(network, payer, nonce);
      return decoded(row ?? (key === undefined ? undefined : byKey.get(resource, payer, key)));
    },
    lastAlike: ({ identity, fingerprint }, since) =>
      decoded(lastAlike.get(identity.payer, fingerprint, since)),
    outstanding: (payer, settleableSince = -NEVER) => outstanding.get(payer, settleableSince)?.value ?? 0,
    due: (by) => due.all(by).map(callOf),
    free: (limit) => free.get(limit)?.calls ?? 0,
    old: (at, limit) => old.all({ at, limit }).map(({ id }) => id),
  };
}

function decoded(row: CallRow | undefined): CallRecord | undefined {
  return row === undefined ? undefined : callOf(row);
}
