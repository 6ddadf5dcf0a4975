import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { sqliteStore } from "resource402/sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openSqliteFile } from "../../src/store/sqlite-file.ts";
import { SQLITE_MIGRATIONS } from "../../src/store/sqlite-migrations.ts";
import { MAX_QUOTES, type Store } from "../../src/store/store.ts";
import { call, job } from "./records.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));
let folder = "";
let path = "";
let store: Store | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "resource402-sqlite-"));
  path = join(folder, "store.db");
});
afterEach(async () => {
  // A test that has failed may have left some.
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await store?.close();
  store = undefined;
  await rm(folder, { recursive: true });
});

function open(options?: Parameters<typeof sqliteStore>[1]): Store {
  store = sqliteStore(path, options);
  return store;
}

/** As `open`, with its file there. */
async function opened(options?: Parameters<typeof sqliteStore>[1]): Promise<Store> {
  const made = open(options);
  await made.workers();
  return made;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

const children: Child[] = [];

function launch(
  command: string,
  args: readonly string[],
  options: { uid?: number; gid?: number } = {},
): Child {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  children.push(child);
  return child;
}

const start = (...args: string[]): Child => launch(process.execPath, [CHILD, ...args]);

/** The lines that a process says, until it ends. */
async function heard<T>(child: Child): Promise<T[]> {
  const lines: T[] = [];
  for await (const line of createInterface(child.stdout)) {
    // The last one may be cut off in the middle by a SIGKILL.
    if (line.endsWith("}") || line.endsWith("]") || line.endsWith('"')) lines.push(JSON.parse(line));
  }
  return lines;
}

async function said<T>(child: Child): Promise<T> {
  const [line] = await once(createInterface(child.stdout), "line");
  return JSON.parse(line as string) as T;
}

/** Looks into the file beside the store. */
function look<T>(inquire: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path);
  try {
    return inquire(db);
  } finally {
    db.close();
  }
}

const count = (table: string): number =>
  look((db) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n));

describe("a process that is killed", () => {
  it.each([50, 150, 400])(
    "in the midst of writing, %i ms after its first, loses nothing that was acknowledged",
    async (ms) => {
      const child = start("write forever", path);
      const hearing = heard<{ begun?: string; settled?: string }>(child);
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, ms));
      child.kill("SIGKILL");
      const acknowledged = await hearing;
      expect(acknowledged.length).toBeGreaterThan(0);

      const reopened = open();
      for (const { begun, settled } of acknowledged) {
        const id = begun ?? settled ?? "";
        const [found, itsJob] = [await reopened.call(id), await reopened.job(id.replace("c", "j"))];
        expect(found, id).toBeDefined();
        // Both or neither, also of what was no longer acknowledged.
        const isSettled = found?.phase === "charged";
        expect(itsJob, id).toMatchObject({ phase: isSettled ? "charged" : "submitted" });
        if (settled) expect(isSettled, id).toBe(true);
      }
      expect(count("calls")).toBe(count("jobs"));
      expect(look((db) => db.prepare("PRAGMA integrity_check").get())).toEqual({ integrity_check: "ok" });
      expect(await reopened.begin(call("afterwards"), undefined, { durable: true })).toEqual({ begun: true });
    },
  );
});

describe("several processes on one file", () => {
  it("may all make it at the same moment", async () => {
    for (let round = 0; round < 5; round += 1) {
      path = join(folder, `round-${round}.db`);
      const at = Date.now() + 500;
      const children = ["a", "b", "c", "d"].map((id) => start("open at", path, String(at), id));
      const begun = await Promise.all(children.map((child) => heard(child)));
      expect(begun).toEqual(Array.from({ length: 4 }, () => [{ begun: true }]));
      expect(count("calls")).toBe(4);
    }
  });

  it("lose nothing, and hold payments, keys and jobs as if they were one", async () => {
    const mine = open();
    const things = 300;
    await Promise.all(
      Array.from({ length: things }, (_, n) =>
        mine.begin(call(`call of j${n}`, { jobId: `j${n}` }), job(`j${n}`, `call of j${n}`), {
          durable: true,
        }),
      ),
    );
    const children = ["up", "down"].map((direction) =>
      start("compete", path, direction, String(things), direction),
    );
    const hearing = children.map((child) => heard<"ready" | string[]>(child));
    await Promise.all(children.map((child) => once(child.stdout, "data")));
    for (const child of children) child.stdin.write("go on\n");
    const won = (await Promise.all(hearing)).map(([, list]) => list as string[]);
    const all = Array.from({ length: things }, (_, n) => [`payment ${n}`, `key ${n}`, `job ${n}`]).flat();
    expect(won.flat().sort()).toEqual(all.sort());
    // They did compete.
    for (const list of won) expect(list.length).toBeGreaterThan(0);
    expect(count("calls")).toBe(things * 3);
    expect(await mine.dueCalls({ limit: 10_000 })).toHaveLength(things * 3);
  });

  it("may make it while another is at it, though SQLite does not wait for that", async () => {
    const other = start("lock for a moment", path);
    await said(other);
    expect(await open().begin(call("c1"), undefined, { durable: true })).toEqual({ begun: true });
  });

  it("change no record that another has changed since it was written here", async () => {
    const mine = open();
    const other = sqliteStore(path);
    try {
      await mine.begin(call("c1", { owner: "mine" }), undefined, { durable: false });
      await other.change({ durable: false, call: { id: "c1", set: { owner: "other", tries: 1 } } });
      const late = { durable: false, call: { id: "c1", when: { owner: "mine" }, set: { tries: 9 } } };
      expect(await mine.change(late)).toBeUndefined();
      const next = await mine.change({ durable: false, call: { id: "c1", set: { reason: "next" } } });
      expect(next?.call).toMatchObject({ owner: "other", tries: 1, reason: "next" });
    } finally {
      await other.close();
    }
  });

  it("see each other's leases", async () => {
    const mine = open();
    const theirs = sqliteStore(path);
    await mine.begin(call("c1", { owner: "s1" }), undefined, { durable: true });
    await mine.attend("s1", 60_000);
    expect(await theirs.dueCalls({ limit: 9 })).toEqual([]);
    await mine.attend("s1", 0);
    expect(await theirs.dueCalls({ limit: 9 })).toHaveLength(1);
    await theirs.close();
  });

  it("have one secret and the same quotes", async () => {
    const mine = open();
    const theirs = sqliteStore(path);
    const [secret] = await Promise.all([mine.secret(), theirs.secret()]);
    expect([await mine.secret(), await theirs.secret()]).toEqual([secret, secret]);
    await mine.keepQuote({ id: "q1", value: "1", until: Date.now() + 60_000 });
    expect(await theirs.quote("q1")).toBe("1");
    await theirs.close();
    await mine.close();
    expect(await open().secret()).toBe(secret);
    const other = sqliteStore(join(folder, "other.db"));
    expect(await other.secret()).not.toBe(secret);
    await other.close();
  });

  it("do not leave their leases behind for ever", async () => {
    let now = Date.now();
    const mine = open({ now: () => now });
    await mine.attend("s1", 1000);
    await mine.attend("s2", 2000);
    now += 1000;
    await mine.sweep(now, 1000);
    expect(look((db) => db.prepare("SELECT owner FROM servers").all())).toEqual([{ owner: "s2" }]);
  });

  it("are refused two calls for one payment or key by the file itself", async () => {
    const mine = open();
    await mine.begin(call("c1"), undefined, { durable: true });
    const copy = (changes: string) =>
      look((db) => {
        db.exec("CREATE TEMP TABLE one AS SELECT * FROM calls");
        db.exec(`UPDATE one SET id = 'c2', ${changes}`);
        db.exec("INSERT INTO calls SELECT * FROM one");
      });
    expect(() => copy("key = 'other'")).toThrow(
      "UNIQUE constraint failed: calls.network, calls.payer, calls.nonce",
    );
    expect(() => copy("nonce = 'other'")).toThrow(
      "UNIQUE constraint failed: calls.resource, calls.payer, calls.key",
    );
    expect(() => copy("nonce = 'other', key = NULL")).not.toThrow();
  });
});

describe("a file that another process keeps locked", () => {
  it("rejects writes after a while, goes on reading, never stops the event loop, and is written when it is free", async () => {
    const mine = open({ busyMs: 2_000 });
    await mine.begin(call("c1"), undefined, { durable: true });
    const locker = start("lock", path);
    await said(locker);

    let ticks = 0;
    const ticking = setInterval(() => {
      ticks += 1;
    }, 10);
    const failed = mine.begin(call("c2"), undefined, { durable: true });
    const failing = expect(failed).rejects.toThrow(`store ${path}: another process keeps it locked`);
    expect(await mine.call("c1")).toBeDefined();
    await failing;
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(5);
    await expect(failed).rejects.toMatchObject({ cause: { code: "ERR_SQLITE_ERROR", errcode: 5 } });

    locker.stdin.write("go on\n");
    await once(locker, "exit");
    expect(await mine.call("c2")).toBeUndefined();
    expect(await mine.begin(call("c2"), undefined, { durable: true })).toEqual({ begun: true });
  });

  it("is written as soon as it is free, if that is soon enough", async () => {
    const mine = await opened({ busyMs: 20_000 });
    const locker = start("lock", path);
    await said(locker);
    const writing = Promise.all([
      mine.begin(call("c1"), undefined, { durable: true }),
      mine.begin(call("c2"), undefined, { durable: true }),
    ]);
    setTimeout(() => locker.stdin.write("go on\n"), 100);
    expect(await writing).toEqual([{ begun: true }, { begun: true }]);
  });

  it("cannot be opened, and says so", async () => {
    await (await opened()).close();
    const locker = start("lock", path);
    await said(locker);
    await expect(opened({ busyMs: 50 })).rejects.toThrow("another process keeps it locked");
    locker.stdin.write("go on\n");
    await once(locker, "exit");
    await opened();
  });
});

describe("writes of one turn", () => {
  it("share a commit, and resolve when another connection can see them", async () => {
    const mine = await opened();
    const db = new DatabaseSync(path);
    const seen = db.prepare("SELECT count(*) AS n FROM calls");
    const whenResolved = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        // Each in a callback of its own, as requests come.
        await new Promise(setImmediate);
        await mine.begin(call(`c${n}`), undefined, { durable: true });
        return seen.get()?.n;
      }),
    );
    expect(whenResolved).toEqual(Array.from({ length: 20 }, () => 20));
    db.close();
  });

  it("that fail undo themselves, and nothing else", async () => {
    const mine = open();
    const [first, broken, held, last] = await Promise.allSettled([
      mine.begin(call("c1", { jobId: "j1" }), job("j1", "c1"), { durable: true }),
      // The call has been written when the job turns out not to be JSON.
      mine.begin(call("c2", { jobId: "j2" }), job("j2", "c2", { input: 1n }), { durable: true }),
      mine.change({ durable: true, call: { id: "c1", set: { tries: 5 } }, job: { id: "j9", set: {} } }),
      mine.begin(call("c3"), undefined, { durable: true }),
    ]);
    expect(first).toEqual({ status: "fulfilled", value: { begun: true } });
    expect(broken).toMatchObject({ status: "rejected", reason: { message: /BigInt/ } });
    expect(held).toEqual({ status: "fulfilled", value: undefined });
    expect(last).toEqual({ status: "fulfilled", value: { begun: true } });
    expect(await mine.call("c2")).toBeUndefined();
    expect(await mine.call("c1")).toMatchObject({ tries: 0 });
    expect(await mine.call("c3")).toBeDefined();
    expect(count("calls")).toBe(2);
  });

  it("that fail alone leave the record as it was for the next change", async () => {
    const mine = open();
    await mine.begin(call("c1", { jobId: "j1" }), job("j1", "c1"), { durable: true });
    const broken = mine.change({
      durable: true,
      call: { id: "c1", set: { tries: 5 } },
      job: { id: "j1", set: { result: 1n as never } },
    });
    await expect(broken).rejects.toThrow(/BigInt/);
    const next = await mine.change({ durable: true, call: { id: "c1", set: { reason: "next" } } });
    expect(next?.call).toMatchObject({ tries: 0, reason: "next" });
  });

  it("are finished by closing; what comes later is refused", async () => {
    const mine = open();
    const writing = Array.from({ length: 5 }, (_, n) =>
      mine.begin(call(`c${n}`), undefined, { durable: true }),
    );
    await mine.close();
    expect(await Promise.all(writing)).toHaveLength(5);
    expect(count("calls")).toBe(5);
    await expect(mine.begin(call("c9"), undefined, { durable: true })).rejects.toThrow("closed");
    await expect(mine.call("c1")).rejects.toThrow("closed");
    await mine.close();
  });

  it("flush the disk when one of them is durable, and only then", async () => {
    const file = openSqliteFile(path, 1000, []);
    expect(file.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    // What a test cannot see without cutting the power: 2 is FULL, a sync at each commit; 1 is NORMAL, none.
    // Prepared each time: a prepared PRAGMA returns the value of the time at which it was prepared.
    const pragma = () => file.prepare<{ synchronous: number }>("PRAGMA synchronous").get()?.synchronous;
    const write = (durable: boolean) => file.write(durable, pragma);
    expect(await write(false)).toBe(1);
    expect(await write(true)).toBe(2);
    expect(await Promise.all([write(false), write(true), write(false)])).toEqual([2, 2, 2]);
    expect(await Promise.all([write(false), write(false)])).toEqual([1, 1]);
    await file.close();
  });

  it("are durable when they say so, and when they claim jobs or make the secret", async () => {
    const mine = open();
    const exec = vi.spyOn(DatabaseSync.prototype, "exec");
    const mode = async (work: Promise<unknown>) => {
      await work;
      return exec.mock.calls.at(-1)?.[0];
    };
    const [relaxed, durable] = ["PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"];
    try {
      const begin = (id: string, durable: boolean) =>
        mine.begin(call(`call of ${id}`, { jobId: id }), job(id, `call of ${id}`), { durable });
      const change = (durable: boolean) => mine.change({ durable, job: { id: "j1", set: { progress: 1 } } });
      expect(await mode(begin("j1", false))).toBe(relaxed);
      expect(await mode(begin("j2", true))).toBe(durable);
      expect(await mode(change(false))).toBe(relaxed);
      expect(await mode(change(true))).toBe(durable);
      expect(await mode(mine.attend("s1", 1000))).toBe(relaxed);
      expect(await mode(mine.claimJobs({ owner: "s1", limit: 1 }))).toBe(durable);
      expect(await mode(mine.keepQuote({ id: "q", value: "", until: 1 }))).toBe(relaxed);
      expect(await mode(mine.secret())).toBe(durable);
    } finally {
      exec.mockRestore();
    }
  });
});

it("keeps a bounded number of quotes: the oldest go first", async () => {
  const mine = await opened();
  const until = Date.now() + 1e9;
  look((db) =>
    db.exec(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${MAX_QUOTES})
       INSERT INTO quotes SELECT 'old ' || n, '', ${until} + n FROM numbers`,
    ),
  );
  await Promise.all(
    Array.from({ length: 1000 }, (_, n) => mine.keepQuote({ id: `new ${n}`, value: "", until: until * 2 })),
  );
  expect(count("quotes")).toBe(MAX_QUOTES);
  expect(await mine.quote("old 1000")).toBeUndefined();
  expect(await mine.quote("old 1001")).toBe("");
  expect(await mine.quote("new 0")).toBe("");
});

it("keeps an offer once that a payment accepts as it was made", async () => {
  const mine = open();
  const plain = call("c1");
  const requirements = plain.payment?.requirements;
  await mine.begin(plain, undefined, { durable: false });
  const row = look((db) => db.prepare("SELECT rest FROM calls").get())?.rest as string;
  expect(row.split(JSON.stringify(requirements))).toHaveLength(2);
  expect((await mine.call("c1"))?.payment).toEqual(plain.payment);
});

it("reads no table from end to end", async () => {
  const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
  await opened();
  const statements = prepare.mock.calls
    .map(([sql]) => sql)
    .filter((sql) => !/^(PRAGMA|[A-Z]+( \w+)?$)/.test(sql));
  prepare.mockRestore();
  expect(statements.length).toBeGreaterThan(40);
  const scans = look((db) =>
    statements.flatMap((sql) =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .filter(({ detail }) => /^SCAN (calls|jobs|refunds|quotes|tombstones)$/.test(String(detail)))
        .map(() => sql),
    ),
  );
  expect(scans).toEqual([]);
});

it("is complete since it was made when it is in memory, and always when it is a file", async () => {
  const mine = sqliteStore(":memory:", { now: () => 7 });
  expect(mine.completeSince).toBe(7);
  await mine.close();
  expect(open().completeSince).toBe(0);
});

/** A way to run a command where it may mount: in a namespace of its own, which takes the mount with it. */
const APART = ["unshare", "--mount", "--map-root-user", "sh", "-c"] as const;
const canMount = spawnSync(APART[0], [...APART.slice(1), "mount -t tmpfs none /tmp"]).status === 0;
const apart = (script: string): Child => launch(APART[0], [...APART.slice(1), script]);

describe("a disk", () => {
  it.skipIf(!canMount)(
    "that is full rejects writes, loses none that was acknowledged, and goes on when there is room",
    async () => {
      const child = apart(
        `mount -t tmpfs -o size=1m none ${folder} && exec ${process.execPath} ${CHILD} "fill the disk" ${path}`,
      );
      const [word] = await heard<{ kept: string[]; refused: string[]; errors: string[]; found: string[] }>(
        child,
      );
      const { kept = [], refused = [], errors, found } = word ?? {};
      expect(kept.length).toBeGreaterThan(10);
      expect(kept.at(-1)).toBe("afterwards");
      expect(refused).toEqual(expect.arrayContaining(["beside", "huge", "beside too"]));
      expect(refused.length).toBeGreaterThan(3);
      expect(errors).toEqual([`store ${path}: the disk is full (database or disk is full)`]);
      expect(found).toEqual(kept);
    },
  );

  it.skipIf(process.platform === "win32")(
    "that fails rejects writes, and what was acknowledged is there",
    async () => {
      const limited = `ulimit -f 2000; exec "$0" ${CHILD} "write to the limit" ${path}`;
      const child = launch("sh", ["-c", limited, process.execPath]);
      const [word] = await heard<{ kept: string[]; failed: string; readable: boolean }>(child);
      expect(word?.failed).toMatch(/reading or writing the disk failed|the disk is full/);
      expect(word?.readable).toBe(true);
      expect(word?.kept.length).toBeGreaterThan(10);
      const reopened = open();
      for (const id of word?.kept ?? []) expect(await reopened.call(id), id).toBeDefined();
      expect(count("calls")).toBe(word?.kept.length);
    },
  );

  it.skipIf(!canMount)("that is read-only is found out when the store is opened", async () => {
    await (await opened()).close();
    const child = apart(
      `mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder} && ` +
        `exec ${process.execPath} ${CHILD} "try to write" ${path}`,
    );
    const [word] = await heard<{ failed: string }>(child);
    expect(word?.failed).toMatch(`store ${path}: this process may not`);
  });
});

describe("a file", () => {
  it("that may not be written is refused when the store is opened", async () => {
    await (await opened()).close();
    await chmod(path, 0o444);
    await chmod(folder, 0o777);
    // Root may write everything; nobody may not.
    const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const child = launch(process.execPath, [CHILD, "try to write", path], identity);
    const [word] = await heard<{ failed: string }>(child);
    expect(word?.failed).toMatch(`store ${path}: this process may not write the file`);
  });

  it("of a newer version is refused and left unchanged", async () => {
    await (await opened()).close();
    look((db) => db.exec("PRAGMA user_version = 99"));
    await expect(opened()).rejects.toThrow(
      `has version 99, this resource402 knows up to ${SQLITE_MIGRATIONS.length}; install the release that wrote it`,
    );
    look((db) => db.exec(`PRAGMA user_version = ${SQLITE_MIGRATIONS.length}`));
    await opened();
  });

  it("of another program is refused and left unchanged", async () => {
    look((db) => db.exec("CREATE TABLE customers (name TEXT)"));
    await expect(open().workers()).rejects.toThrow("belongs to another program");
    expect(look((db) => db.prepare("PRAGMA journal_mode").get())).toEqual({ journal_mode: "delete" });
  });

  it("that is not a database is refused", async () => {
    await writeFile(path, "not a database\n".repeat(100));
    await expect(open().workers()).rejects.toThrow(`store ${path}: the file is not a SQLite database`);
  });

  it("in a folder that does not exist is refused, naming the folder", async () => {
    const missing = join(folder, "data");
    const nowhere = sqliteStore(join(missing, "store.db"));
    await expect(nowhere.workers()).rejects.toThrow(`make the folder ${missing} first`);
    await nowhere.close();
  });

  it("is opened by the first use, not when the store is made", async () => {
    const made = open();
    const unwatch = made.watch(() => {});
    expect(await readdir(folder)).toEqual([]);
    unwatch();
    await made.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is tried again after it could not be opened", async () => {
    const missing = join(folder, "data");
    const later = sqliteStore(join(missing, "store.db"));
    await expect(later.workers()).rejects.toThrow("make the folder");
    await mkdir(missing);
    expect(await later.workers()).toBe(0);
    await later.close();
  });

  /** Opens the file with these migrations, and closes it. */
  async function write(migrations: readonly string[]): Promise<void> {
    const file = openSqliteFile(path, 1000, migrations);
    try {
      await file.read(() => {});
    } finally {
      await file.close();
    }
  }

  it("grows from one version to the next, once, whoever comes first", async () => {
    const first = ["CREATE TABLE a (n)", "INSERT INTO a VALUES (1)"];
    await write(first.slice(0, 1));
    const [one, two] = [openSqliteFile(path, 1000, first), openSqliteFile(path, 1000, first)];
    expect(one.prepare("SELECT n FROM a").all()).toEqual([{ n: 1 }]);
    expect(two.prepare("SELECT n FROM a").all()).toEqual([{ n: 1 }]);
    await Promise.all([one.close(), two.close()]);
  });

  it("of the first version is brought up to date, and its servers are taken to run jobs: they could not say", async () => {
    const old = openSqliteFile(path, 1000, SQLITE_MIGRATIONS.slice(0, 1));
    old.prepare("INSERT INTO servers VALUES (?, ?)").run("old", Date.now() + 60_000);
    await old.close();
    expect(await open().workers()).toBe(1);
  });

  it("stays at the old version when a migration fails", async () => {
    const steps = ["CREATE TABLE a (n)", "INSERT INTO a VALUES (1); INSERT INTO missing VALUES (1)"];
    await write(steps.slice(0, 1));
    await expect(write(steps)).rejects.toThrow("no such table: missing");
    const file = openSqliteFile(path, 1000, steps.slice(0, 1));
    expect(file.prepare("SELECT n FROM a").all()).toEqual([]);
    await file.close();
  });
});

it("calls no math function of SQLite, which the builds of some runtimes lack", async () => {
  const folder = fileURLToPath(new URL("../../src/store/", import.meta.url));
  const names = (await readdir(folder)).filter((name) => name.startsWith("sqlite"));
  const sources = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  const math = /(?<![\w.])(?:floor|ceil|ceiling|trunc|ln|log\d*|pow|power|sqrt|exp|mod)\(/;
  expect(sources.flatMap((source) => source.split("\n").filter((line) => math.test(line)))).toEqual([]);
});
