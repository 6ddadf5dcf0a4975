import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CallName, type Calls, nameOf, readSavedCall, type SavedCall } from "../client/calls.ts";

/** Options of `fileCalls`. */
export interface FileCallsOptions {
  /** Receives a file that cannot be read as a saved call. The file stays in place. @default a process warning */
  readonly onUnreadable?: (path: string, cause: unknown) => void;
}

/** One state of one call: `<hash of its name>.<turn>.json`. The highest turn is the one that counts. */
const FILE = /^([0-9a-f]{64})\.(\d{1,9})\.json$/;

interface Turn {
  readonly path: string;
  readonly hash: string;
  readonly turn: number;
}

/**
 * Keeps calls as files of a directory, which is made when it is missing: they outlive a crash of the process and of the
 * machine. Several processes may share the directory; of two that add the same call one wins, and the other is given
 * the winner's. Each file holds a signed payment, and can be read by its owner alone (mode 0600). It is written beside
 * its place, synced, and linked into it, so that it is there as a whole or not at all; the file system must know hard
 * links. Drafts that a crash has left (`*.tmp`) may be deleted.
 *
 * @throws (its methods) the errors of the file system
 */
export function fileCalls(directory: string, options: FileCallsOptions = {}): Calls {
  const onUnreadable =
    options.onUnreadable ??
    ((path, cause) => process.emitWarning(`${path} is not a saved call: ${cause}`, "Resource402Warning"));

  /** The files there are, of one call or of all, in the order of their turns. */
  async function turns(wanted?: string): Promise<Turn[]> {
    const names = await readdir(directory).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    });
    return names
      .flatMap((name) => {
        const [, hash = "", turn = ""] = FILE.exec(name) ?? [];
        return hash !== "" && hash === (wanted ?? hash)
          ? [{ path: join(directory, name), hash, turn: Number(turn) }]
          : [];
      })
      .sort((a, b) => a.turn - b.turn);
  }

  /** `"gone"`: another process has written a later turn, or has removed the call. */
  async function read({ path, hash }: Turn): Promise<SavedCall | "gone" | undefined> {
    try {
      const call = readSavedCall(await readFile(path, "utf8"));
      if (call && hashOf(call) === hash) return call;
      onUnreadable(path, "it is damaged, or of a later version");
    } catch (cause) {
      if (hasCode(cause, "ENOENT")) return "gone";
      onUnreadable(path, cause);
    }
    return undefined;
  }

  /** The last turn of a call that can be read. */
  async function last(known: readonly Turn[]): Promise<SavedCall | undefined> {
    for (const turn of known.toReversed()) {
      const call = await read(turn);
      if (call === "gone") return last(await turns(turn.hash));
      if (call) return call;
    }
    return undefined;
  }

  /** Stores `call` as a turn of its own; false when another has taken that turn. */
  async function write(call: SavedCall, turn: number): Promise<boolean> {
    const hash = hashOf(call);
    const first = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (first !== undefined) await syncDirectory(dirname(first));
    const draft = join(directory, `${hash}.${randomUUID()}.tmp`);
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(JSON.stringify(call));
      await file.sync();
      await link(draft, join(directory, `${hash}.${turn}.json`));
    } catch (error) {
      if (hasCode(error, "EEXIST")) return false;
      throw error;
    } finally {
      await file.close();
      await rm(draft, { force: true });
    }
    await syncDirectory(directory);
    return true;
  }

  async function put(call: SavedCall, mayFollow: (holder: SavedCall) => boolean): Promise<SavedCall> {
    for (;;) {
      const known = await turns(hashOf(call));
      const holder = await last(known);
      if (holder && !mayFollow(holder)) return holder;
      if (!(await write(call, (known.at(-1)?.turn ?? -1) + 1))) continue;
      await drop(known);
      return call;
    }
  }

  /** Deletes turns. The last one goes last: after a crash in between it still counts. What cannot be read stays. */
  async function drop(known: readonly Turn[]): Promise<void> {
    for (const turn of known) if (await read(turn)) await rm(turn.path, { force: true });
  }

  return {
    add: (call) => put(call, () => false),
    replace: (was, call) => put(call, (holder) => holder.payment.header === was.payment.header),
    async remove(call) {
      const known = await turns(hashOf(call));
      const holder = await last(known);
      if (holder?.payment.header !== call.payment.header) return;
      await drop(known);
    },
    find: async (name) => last(await turns(hashOf(name))),
    async list() {
      const byHash = new Map<string, Turn[]>();
      for (const turn of await turns()) byHash.set(turn.hash, [...(byHash.get(turn.hash) ?? []), turn]);
      const calls: SavedCall[] = [];
      for (const known of byHash.values()) {
        const call = await last(known);
        if (call) calls.push(call);
      }
      return calls;
    },
  };
}

function hashOf(name: CallName): string {
  return createHash("sha256").update(nameOf(name)).digest("hex");
}

/** What has been linked is there after a crash of the machine, too. Windows has no such thing to ask for. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
