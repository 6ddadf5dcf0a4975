// A process of its own that uses a store: run with what to do and the path of the file. It says a JSON line at a time.
import { mkdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sqliteStore } from "../../src/store/sqlite-store.ts";
import { answer, call, job } from "./records.ts";

const [task = "", path = "", ...rest] = process.argv.slice(2);

/** Nothing here outlives the test that has started it, also when that was killed. */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 500).unref();

/** Not by console.log: what has been said must be out before the next thing happens. */
const say = (word: unknown) => writeSync(1, `${JSON.stringify(word)}\n`);
const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Until then, so that several processes do the next thing at the same moment. */
function waitUntil(time: number): void {
  while (Date.now() < time);
}

const toldToGoOn = () => new Promise((resolve) => process.stdin.once("data", resolve));

const tasks: Record<string, () => Promise<void>> = {
  /** Begins calls and queues their jobs without end, eight at a time, and says each once it is kept. */
  async "write forever"() {
    const store = sqliteStore(path);
    let next = 0;
    const writer = async () => {
      for (;;) {
        next += 1;
        const [callId, jobId] = [`c${next}`, `j${next}`];
        const submitted = { phase: "submitted" } as const;
        await store.begin(
          call(callId, { jobId, charge: "before", ...submitted }),
          job(jobId, callId, submitted),
          { durable: true },
        );
        say({ begun: callId });
        await store.change({
          durable: true,
          call: { id: callId, set: { phase: "charged", answer } },
          job: { id: jobId, set: { phase: "charged" } },
        });
        say({ settled: callId });
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
  },

  /** Opens the file at a given time and begins one call. */
  async "open at"() {
    const [time = "0", id = ""] = rest;
    waitUntil(Number(time));
    const store = sqliteStore(path);
    say(await store.begin(call(id), undefined, { durable: true }));
    await store.close();
  },

  /** Once it is told to, competes with its like for payments, keys and jobs; says what it won. */
  async compete() {
    const [name = "", count = "0", direction = "up"] = rest;
    const store = sqliteStore(path);
    say("ready");
    await toldToGoOn();
    const won: string[] = [];
    const one = async (n: number) => {
      const id = `${name}${n}`;
      const payment = await store.begin(
        call(`p-${id}`, { key: undefined, identity: { nonce: `n${n}` } }),
        undefined,
        { durable: true },
      );
      if (payment.begun) won.push(`payment ${n}`);
      const key = await store.begin(call(`k-${id}`, { key: `k${n}` }), undefined, { durable: true });
      if (key.begun) won.push(`key ${n}`);
      const claim = {
        id: `j${n}`,
        when: { work: ["waiting"] },
        set: { work: "running", owner: name },
      } as const;
      if (await store.change({ durable: true, job: claim })) won.push(`job ${n}`);
    };
    const numbers = Array.from({ length: Number(count) }, (_, n) => n);
    if (direction === "down") numbers.reverse();
    while (numbers.length > 0) await Promise.all(numbers.splice(0, 4).map(one));
    say(won);
    await store.close();
    process.stdin.destroy();
  },

  /** Keeps the file locked until it is told something. */
  async lock() {
    const db = new DatabaseSync(path);
    db.exec("BEGIN IMMEDIATE");
    say("locked");
    await toldToGoOn();
    db.exec("COMMIT");
    db.close();
    say("free");
    process.stdin.destroy();
  },

  /** Keeps a file that is not there yet locked for a little. */
  async "lock for a moment"() {
    const db = new DatabaseSync(path);
    db.exec("BEGIN IMMEDIATE");
    say("locked");
    waitUntil(Date.now() + 300);
    db.exec("ROLLBACK");
    db.close();
  },

  /** Opens the file and tries to begin a call. */
  async "try to write"() {
    try {
      const store = sqliteStore(path);
      say(await store.begin(call("c1"), undefined, { durable: true }));
    } catch (error) {
      say({ failed: message(error) });
    }
  },

  /** Writes until the disk is full, makes room, writes again, and says what was kept. */
  async "fill the disk"() {
    mkdirSync(dirname(path), { recursive: true });
    const store = sqliteStore(path);
    const ballast = join(dirname(path), "ballast");
    writeFileSync(ballast, Buffer.alloc(200_000));
    const body = "x".repeat(5000);
    const kept: string[] = [];
    const refused: string[] = [];
    const errors = new Set<string>();
    const write = async (id: string, size = 1) => {
      try {
        await store.begin(call(id, { answer: { ...answer, body: body.repeat(size) } }), undefined, {
          durable: true,
        });
        kept.push(id);
      } catch (error) {
        refused.push(id);
        errors.add(message(error));
      }
    };
    for (let n = 0; refused.length === 0 && n < 1000; n += 3) {
      await Promise.all([write(`c${n}`), write(`c${n + 1}`), write(`c${n + 2}`)]);
    }
    rmSync(ballast);
    // More than SQLite keeps in memory: this fails before the commit, and takes the others of its turn with it.
    await Promise.all([write("beside"), write("huge", 1000), write("beside too")]);
    const refusedWhenFull = [...refused];
    await write("afterwards");
    await store.close();
    const again = sqliteStore(path);
    const found = await Promise.all(
      [...kept, ...refused].map(async (id) => ((await again.call(id)) ? [id] : [])),
    );
    say({ kept, refused: refusedWhenFull, errors: [...errors], found: found.flat() });
    await again.close();
  },

  /** Writes until it may write no more (`ulimit -f`); prints what was kept. */
  async "write to the limit"() {
    // Otherwise the signal ends the process before SQLite hears of it.
    process.on("SIGXFSZ", () => {});
    const store = sqliteStore(path);
    const kept: string[] = [];
    const body = "x".repeat(5000);
    while (kept.length < 1000) {
      const id = `c${kept.length}`;
      try {
        await store.begin(call(id, { answer: { ...answer, body } }), undefined, { durable: true });
        kept.push(id);
      } catch (error) {
        const readable = (await store.call("c0")) !== undefined;
        say({ kept, failed: message(error), readable });
        return;
      }
    }
  },
};

await tasks[task]?.();
