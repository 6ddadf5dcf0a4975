import { connectPostgres, type PostgresConnection } from "./postgres-connection.ts";
import { migrate } from "./postgres-migrations.ts";

/** The clock that all who use a schema go by. */
interface Clock {
  /** SQL for its time in milliseconds, whose parameter `$1` is what {@link time} says. */
  readonly sql: string;
  /** The time of a test's clock; `null` when it is the database's. */
  time(): number | null;
}

/** A schema of ours that is ready to be used. */
export interface Opened {
  readonly schema: string;
  readonly db: PostgresConnection;
  readonly clock: Clock;
}

/** A schema that is opened when it is first needed. */
export interface Opening {
  readonly db: PostgresConnection;
  readonly clock: Clock;
  /** Opens the schema, then runs the work. After a failure the next call opens it again. */
  use<T>(work: (opened: Opened) => Promise<T>): Promise<T>;
  /** Waits for running work, then closes all connections. Later work is rejected. */
  close(): Promise<void>;
}

/** @throws when connection string or schema cannot be used, whatever the database says. */
export function openPostgres(
  settings: {
    readonly connectionString: string;
    readonly schema: string;
    readonly maxConnections: number;
    readonly now: (() => number) | undefined;
    /** Make the schema when it is not there. */
    readonly create: boolean;
  },
  onError: (error: unknown) => void,
): Opening {
  const { connectionString, schema, maxConnections, now, create } = settings;
  // It is written into statements unquoted. Names have at most 63 letters, and some of ours are longer than the schema's.
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,44}$/.test(schema)) {
    throw new Error(
      `store: ${JSON.stringify(schema)} cannot be a schema; up to 45 lower-case letters, digits and _ can`,
    );
  }
  const db = connectPostgres(connectionString, maxConnections, onError);
  const clock: Clock = {
    sql: "coalesce($1::float8, floor(extract(epoch FROM statement_timestamp()) * 1000)::float8)",
    time: () => now?.() ?? null,
  };
  const working = new Set<Promise<unknown>>();
  let opened: Promise<Opened> | undefined;
  let closed: Promise<void> | undefined;

  async function open(): Promise<Opened> {
    try {
      if (!create) await mustBeThere(db, schema);
      await migrate(db.config, schema);
      return { schema, db, clock };
    } catch (error) {
      // A database that is down when we start must not stay so for ever.
      opened = undefined;
      throw db.failure(error);
    }
  }

  return {
    db,
    clock,
    async use(work) {
      if (closed) throw new Error("the store has been closed");
      opened ??= open();
      const one = opened.then(work);
      const settled = one.then(
        () => {},
        () => {},
      );
      working.add(settled);
      try {
        return await one;
      } finally {
        working.delete(settled);
      }
    },

    close() {
      closed ??= (async () => {
        await Promise.all(working);
        await opened?.catch(() => {});
        await db.close();
      })();
      return closed;
    },
  };
}

/** Who only looks must not leave tables behind in a database that was named by mistake. */
async function mustBeThere(db: PostgresConnection, schema: string): Promise<void> {
  const [row] = await db.read<{ found: string | null }>("SELECT to_regclass($1)::text AS found", [
    `${schema}.calls`,
  ]);
  if (!row?.found)
    throw new Error(`there is no store in its schema "${schema}"; name the database of the server`);
}
