import { existsSync } from "node:fs";
import type { Store } from "../../src/store/store.ts";
import { CommandError } from "./command.ts";
import { sayError } from "./say.ts";

/** How a command is told where the records are. */
export const STORE_OPTION = [
  "-s, --store <file|url>",
  "the SQLite file that the server writes, or postgres://… of its database",
] as const;

/**
 * Opens the store that a server uses, does `work`, and closes it. Returns the exit code of `work`, or 1 after having said
 * why the store cannot be used.
 */
export async function withStore(place: string, work: (store: Store) => Promise<number>): Promise<number> {
  const shown = withoutPassword(place);
  const isUrl = /^postgres(ql)?:\/\//.test(place);
  if (!isUrl && !existsSync(place)) {
    sayError(
      `There is no store at ${shown}. Name the file that the server writes: --store studio.db, or its database: ` +
        "--store postgres://…",
    );
    return 1;
  }
  const because = (error: unknown): string =>
    withoutPassword(error instanceof Error ? error.message : String(error));
  let store: Store;
  try {
    store = isUrl ? await postgres(place) : await sqlite(place);
  } catch (error) {
    sayError(`The store at ${shown} cannot be opened: ${because(error)}`);
    return 1;
  }
  try {
    return await work(store);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    sayError(`The store at ${shown} cannot be used: ${because(error)}`);
    return 1;
  } finally {
    await store.close();
  }
}

async function sqlite(path: string): Promise<Store> {
  const { sqliteStore } = await import("../../src/store/sqlite-store.ts");
  const store = sqliteStore(path);
  // Opened by the first use: what is wrong with the file is said before the work begins.
  await store.workers();
  return store;
}

async function postgres(connectionString: string): Promise<Store> {
  const { postgresStore } = await import("../../src/store/postgres.ts");
  return postgresStore({ connectionString, maxConnections: 2, create: false });
}

/** What is printed may be seen by others. */
function withoutPassword(text: string): string {
  return text.replace(/(postgres(?:ql)?:\/\/[^:@/\s]*):[^@/\s]*@/g, "$1:…@");
}

/** The store as an argument that can be copied, without its password. */
export function storeArgument(store: string): string {
  return /^postgres(ql)?:/.test(store) ? "postgres://…" : /\s/.test(store) ? `"${store}"` : store;
}
