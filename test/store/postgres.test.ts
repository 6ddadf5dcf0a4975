import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { postgresStore } from "resource402/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { connectPostgres } from "../../src/store/postgres-connection.ts";
import { migrate, POSTGRES_MIGRATIONS } from "../../src/store/postgres-migrations.ts";
import { type ClaimOptions, type JobRecord, MAX_QUOTES, type Store } from "../../src/store/store.ts";
import { type PostgresServer, startPostgres, whyNoPostgres } from "./postgres-server.ts";
import { answer, call, HOUR, job, refund } from "./records.ts";

const why = whyNoPostgres();
/** What happens soon, however busy the machine is. */
const eventually = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, 30_000);

describe.skipIf(why)(`Postgres${why ? ` (${why})` : ""}`, () => {
  let server: PostgresServer;
  let admin: pg.Client;
  let schema = "";
  let tests = 0;
  const stores: Store[] = [];

  beforeAll(async () => {
    server = await startPostgres();
    admin = await connected();
  });
  afterAll(async () => {
    await admin?.end();
    await server?.stop();
  });
  beforeEach(() => {
    tests += 1;
    schema = `test_${tests}`;
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });

  async function connected(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: server.connectionString });
    client.on("error", () => {});
    await client.connect();
    return client;
  }
  function open(options: Partial<Parameters<typeof postgresStore>[0]> = {}): Store {
    const store = postgresStore({ connectionString: server.connectionString, schema, ...options });
    stores.push(store);
    return store;
  }
  /** How many stand in a table. */
  async function count(table: string): Promise<number> {
    const { rows } = await admin.query(`SELECT count(*)::int AS n FROM ${schema}${table}`);
    return rows[0].n;
  }
  const now = Date.now();
  /** A job that waits since now, with its call. */
  const queued = (id: string, part: Partial<JobRecord> = {}) =>
    [
      call(`call of ${id}`, { jobId: id, answer, retryAt: undefined }),
      job(id, `call of ${id}`, { createdAt: now, runAt: now, ...part }),
    ] as const;
  const ids = (records: readonly { id: string }[]): string[] => records.map(({ id }) => id);
  const claim = async (store: Store, options: Partial<ClaimOptions> = {}): Promise<string[]> =>
    (await store.claimJobs({ owner: "w1", limit: 99, ...options })).map(({ job }) => job.id);
  const times = <T>(n: number, make: (n: number) => T): T[] => Array.from({ length: n }, (_, k) => make(k));

  describe("a schema", () => {
    it("may be made by many servers at the same moment", async () => {
      for (const round of ["a", "b", "c"]) {
        schema = `test_${tests}_${round}`;
        const begun = await Promise.all(
          times(6, (n) => open().begin(call(`c${n}`), undefined, { durable: true })),
        );
        expect(begun).toEqual(times(6, () => ({ begun: true })));
        expect(await count(".calls")).toBe(6);
      }
    });

    it("that a newer release has made is refused and left unchanged, until it is an older one again", async () => {
      await open().attend("s1", 1000);
      await admin.query(`UPDATE ${schema}.version SET version = 99`);
      const store = open();
      const refused = `the schema ${schema} has version 99, this resource402 knows up to ${POSTGRES_MIGRATIONS.length}; install the release that wrote it, or a later one`;
      await expect(store.call("c1")).rejects.toThrow(refused);
      await expect(store.attend("s1", 1000)).rejects.toThrow(refused);
      await admin.query(`UPDATE ${schema}.version SET version = ${POSTGRES_MIGRATIONS.length}`);
      expect(await store.call("c1")).toBeUndefined();
    });

    it("of another program is refused and left unchanged", async () => {
      await admin.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.calls (name text)`);
      await expect(open().call("c1")).rejects.toThrow(`the schema ${schema} belongs to another program`);
      const { rows } = await admin.query(
        "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace",
        [schema],
      );
      expect(rows).toEqual([{ relname: "calls" }]);
    });

    it("grows from one version to the next, once, whoever comes first, and stays as it was when that fails", async () => {
      const config = { connectionString: server.connectionString };
      const tables = "CREATE TABLE $.calls (n int); CREATE TABLE $.tombstones (n int)";
      const grow = (...steps: string[]) => migrate(config, schema, [tables, ...steps]);
      await grow();
      const step = "INSERT INTO $.calls VALUES (1)";
      await Promise.all(times(4, () => grow(step)));
      expect(await count(".calls")).toBe(1);
      await expect(grow(step, `${step}; INSERT INTO $.missing VALUES (1)`)).rejects.toThrow("missing");
      expect(await count(".calls")).toBe(1);
      expect((await admin.query(`SELECT version FROM ${schema}.version`)).rows).toEqual([{ version: 2 }]);
    });

    it("that the user may not make is asked for, and used once it is there", async () => {
      await admin.query("CREATE ROLE clerk LOGIN");
      const store = open({ connectionString: server.connectionString.replace("resource402@", "clerk@") });
      await expect(store.call("c1")).rejects.toThrow(
        `this user may not make the schema ${schema}; let it (GRANT CREATE ON DATABASE "postgres" TO "clerk"), or make the schema for it (CREATE SCHEMA ${schema} AUTHORIZATION "clerk")`,
      );
      await admin.query(`CREATE SCHEMA ${schema} AUTHORIZATION "clerk"`);
      expect(await store.begin(...queued("j1"), { durable: true })).toEqual({ begun: true });
      expect(await claim(store)).toEqual(["j1"]);
    });

    it.each(["Upper", "no-dash", "pg_own", "x; DROP TABLE calls", "a".repeat(46), ""])(
      "cannot be named %j",
      (name) => {
        expect(() => open({ schema: name })).toThrow("cannot be a schema");
      },
    );
  });

  describe("a database", () => {
    const unlike = (from: string, to: string) => server.connectionString.replace(from, to);

    it("that cannot be reached, or does not let us in, is named with what can be done, and never the password", async () => {
      const { rows } = await admin.query("SELECT current_setting('hba_file') AS path");
      await admin.query(
        `CREATE ROLE locked LOGIN PASSWORD 'right';
         COPY (SELECT unnest(ARRAY['host all locked 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 trust']))
           TO '${rows[0].path}';
         SELECT pg_reload_conf()`,
      );
      const failing: [string, RegExp][] = [
        [
          unlike(/:\d+\//.exec(server.connectionString)?.[0] ?? "", ":1/"),
          /127.0.0.1:1\/postgres: nothing listens there/,
        ],
        [
          unlike("127.0.0.1", "nowhere.invalid"),
          /nowhere.invalid:\d+\/postgres: (there is no such host|the name)/,
        ],
        [unlike("/postgres", "/missing"), /\/missing: there is no such database; make it/],
        [
          unlike("resource402@", "stranger:s3cret@"),
          /does not let this user in|role "stranger" does not exist/,
        ],
        [unlike("resource402@", "locked:s3cret@"), /the password is wrong; fix it/],
      ];
      for (const [connectionString, words] of failing) {
        const error = await open({ connectionString })
          .call("c1")
          .then(
            () => undefined,
            (error: Error) => error,
          );
        expect(error?.message).toMatch(words);
        expect(`${error?.stack} ${JSON.stringify(error)}`).not.toContain("s3cret");
      }
      expect(() => open({ connectionString: "postgres://u:s3cret@[broken" })).toThrow(
        /^store: connectionString cannot be read; it looks like/,
      );
      expect(
        await open({ connectionString: unlike("resource402@", "locked:right@") })
          .call("c1")
          .catch(String),
      ).toMatch("may not make the schema");
    });

    it("that keeps no texts but some is refused", async () => {
      await admin.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
      const store = open({ connectionString: unlike("/postgres", "/latin") });
      await expect(store.call("c1")).rejects.toThrow("the database keeps texts in LATIN1; make one");
    });

    it("that is down when the store is made, or later, makes methods reject, and is used again when it is back", async () => {
      await open().attend("s1", 1000);
      const early = open();
      await early.begin(...queued("j1"), { durable: true });
      const told = vi.fn();
      early.watch(told);
      await eventually(() => expect(told).toHaveBeenCalledWith(undefined));
      await server.halt();
      const late = open();
      await expect(early.call("c1")).rejects.toThrow(/^store 127.0.0.1/);
      await expect(late.call("c1")).rejects.toThrow("nothing listens there");
      await expect(claim(late)).rejects.toThrow("nothing listens there");
      told.mockClear();
      await server.start();
      admin = await connected();
      expect(await late.begin(...queued("j2"), { durable: true })).toEqual({ begun: true });
      expect(await early.job("j1")).toMatchObject({ id: "j1" });
      expect((await claim(early)).sort()).toEqual(["j1", "j2"]);
      await eventually(() => expect(told).toHaveBeenCalledWith(undefined));
    });

    it("gives a statement up before we do, and commits durably, whatever its own defaults are", async () => {
      const database = new URL(server.connectionString).pathname.slice(1);
      await admin.query(`ALTER DATABASE ${database} SET synchronous_commit = off`);
      const connection = connectPostgres(server.connectionString, 1, () => {});
      try {
        const [set] = await connection.read(
          "SELECT current_setting('statement_timeout') AS most, current_setting('synchronous_commit') AS sync",
        );
        // What we wait for is 30 seconds: what is stopped here must not be written there after all.
        expect(set).toEqual({ most: "29s", sync: "on" });
      } finally {
        await connection.close();
        await admin.query(`ALTER DATABASE ${database} RESET synchronous_commit`);
      }
    });

    it("that cuts connections off makes no method hang, and those that come after work", async () => {
      const store = open();
      await store.begin(...queued("j1"), { durable: true });
      const told = vi.fn();
      store.watch(told);
      await eventually(() => expect(told).toHaveBeenCalledWith(undefined));
      told.mockClear();
      const working = times(60, (n) =>
        n % 2 === 0
          ? store.begin(...queued(`more ${n}`), { durable: true })
          : store.change({ durable: true, job: { id: "j1", set: { progress: n } } }),
      );
      const settled = Promise.allSettled(working);
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'resource402'",
      );
      await settled;
      expect(await store.job("j1")).toMatchObject({ id: "j1" });
      expect(await store.begin(...queued("j2"), { durable: true })).toEqual({ begun: true });
      await eventually(() => expect(told).toHaveBeenCalledWith(undefined));
    });
  });

  describe("a row that another transaction holds", () => {
    /** Holds rows until it is told to let go. */
    async function hold(table: string): Promise<() => Promise<unknown>> {
      const holder = await connected();
      await holder.query(`BEGIN; SELECT 1 FROM ${schema}.${table} FOR UPDATE`);
      return () => holder.end();
    }
    const waiting = () =>
      eventually(async () => {
        const { rows } = await admin.query(
          "SELECT pid FROM pg_stat_activity WHERE application_name = 'resource402' AND wait_event_type = 'Lock'",
        );
        expect(rows).toHaveLength(1);
        return rows[0].pid as number;
      });

    it("is waited for by a step, which is taken again when it is cut off meanwhile", async () => {
      const store = open();
      await store.begin(...queued("j1"), { durable: true });
      const letGo = await hold("jobs");
      const step = store.change({
        durable: true,
        job: { id: "j1", when: { claim: undefined }, set: { progress: 1 } },
      });
      await admin.query("SELECT pg_terminate_backend($1)", [await waiting()]);
      await waiting();
      await letGo();
      expect(await step).toMatchObject({ job: { progress: 1 } });
    });

    it("is left out by a sweep, and swept by a later one", async () => {
      const store = open();
      const at = now + HOUR * 48;
      await store.begin(...queued("j1", { phase: "delivered", work: "done", expiresAt: 1 }), {
        durable: true,
      });
      for (const table of ["jobs", "calls"]) {
        const letGo = await hold(table);
        expect(await store.sweep(at, 9)).toBe(0);
        await letGo();
      }
      await eventually(async () => expect(await store.sweep(at, 9)).toBe(2));
    });
  });

  describe("two stores", () => {
    let one: Store;
    let two: Store;
    beforeEach(() => {
      one = open();
      two = open();
    });
    const either = (n: number): Store => (n % 2 === 0 ? one : two);

    it("let one of many begin that come at once with one payment or one key, and name it to the others", async () => {
      for (const shared of [{ identity: { nonce: "one" } }, { key: "one" }]) {
        const many = times(32, (n) =>
          either(n).begin(call(`${Object.keys(shared)} ${n}`, shared), undefined, { durable: true }),
        );
        const outcomes = await Promise.all(many);
        expect(outcomes.filter(({ begun }) => begun)).toHaveLength(1);
        const winner = `${Object.keys(shared)} ${outcomes.findIndex(({ begun }) => begun)}`;
        for (const outcome of outcomes) {
          if (!outcome.begun) expect(outcome).toMatchObject({ because: "taken", holder: { id: winner } });
        }
      }
    });

    it("hold limits against many that come at once", async () => {
      const outstanding = await Promise.all(
        times(16, (n) => {
          const bought = call(`o${n}`, { charge: "after", value: 40, jobId: `jo${n}` });
          return either(n).begin(bought, job(`jo${n}`, `o${n}`), { durable: true, outstanding: 120 });
        }),
      );
      expect(outstanding.filter(({ begun }) => begun)).toHaveLength(3);
      const alike = await Promise.all(
        times(16, (n) =>
          either(n).begin(call(`d${n}`, { fingerprint: "same" }), undefined, {
            durable: true,
            duplicateSince: 0,
          }),
        ),
      );
      expect(alike.filter(({ begun }) => begun)).toHaveLength(1);
      const limits = { queued: { resource: 5, all: 10 } };
      const full = await Promise.all(
        times(32, (n) =>
          either(n).begin(...queued(`q${n}`, { resource: n < 16 ? "a" : "b" }), { durable: true, ...limits }),
        ),
      );
      // Three of all were there before.
      expect(full.filter(({ begun }) => begun)).toHaveLength(7);
    });

    it("let one of them take each job", async () => {
      await Promise.all(times(50, (n) => either(n).begin(...queued(`j${n}`), { durable: true })));
      const claims = times(100, (n) =>
        either(n).change({
          durable: true,
          call: { id: `call of j${n >> 1}`, set: { tries: 1 } },
          job: { id: `j${n >> 1}`, when: { work: ["waiting"] }, set: { work: "running" } },
        }),
      );
      expect((await Promise.all(claims)).filter((claim) => claim !== undefined)).toHaveLength(50);
    });

    it("let one of them write a refund, and what is written with it", async () => {
      await Promise.all(
        times(16, (n) => either(n).begin(...queued(`j${n}`, { phase: "submitted" }), { durable: true })),
      );
      const steps = times(16, (n) =>
        either(n).change({
          durable: true,
          job: { id: `j${n}`, set: { phase: "charged" } },
          refund: { add: refund("r1", `call of j${n}`) },
        }),
      );
      expect((await Promise.all(steps)).filter((step) => step !== undefined)).toHaveLength(1);
      expect(await claim(one)).toHaveLength(1);
    });

    it("see each other's leases, by the clock of the database", async () => {
      await one.begin(call("c1", { owner: "s1" }), undefined, { durable: true });
      await one.attend("s1", 60_000);
      expect(await two.dueCalls({ limit: 9 })).toEqual([]);
      await one.attend("s1", 0);
      expect(ids(await two.dueCalls({ limit: 9 }))).toEqual(["c1"]);
    });

    it("tell each other of jobs that are begun and changed, and each its own watchers once", async () => {
      const [here, there] = [vi.fn(), vi.fn()];
      one.watch(here);
      const stop = two.watch(there);
      await eventually(() => {
        for (const listener of [here, there]) expect(listener.mock.calls).toEqual([[undefined]]);
      });
      await one.begin(...queued("j 1\u0000"), { durable: true });
      await one.change({ durable: true, job: { id: "j 1\u0000", set: { work: "running" } } });
      await one.change({
        durable: true,
        job: { id: "j 1\u0000", when: { work: ["waiting"] }, set: { progress: 5 } },
      });
      await one.begin(call("c2"), undefined, { durable: true });
      await two.begin(...queued("last"), { durable: true });
      const event = [
        [undefined],
        [{ id: "j 1\u0000", phase: "open", work: "waiting" }],
        [{ id: "j 1\u0000", phase: "open", work: "running" }],
        [{ id: "last", phase: "open", work: "waiting" }],
      ];
      await eventually(() => {
        for (const listener of [here, there]) expect(listener.mock.calls).toEqual(event);
      });
      stop();
      await two.begin(...queued("unheard"), { durable: true });
      await eventually(() =>
        expect(here).toHaveBeenLastCalledWith({ id: "unheard", phase: "open", work: "waiting" }),
      );
      expect(there.mock.calls).toEqual(event);
    });

    it("have one secret and the same quotes", async () => {
      const secrets = await Promise.all(times(8, (n) => either(n).secret()));
      expect(new Set(secrets).size).toBe(1);
      await one.keepQuote({ id: "q1", value: "1", until: Date.now() + HOUR });
      expect(await two.quote("q1")).toBe("1");
      expect(one.completeSince).toBe(0);
    });

    it("keep a bounded number of quotes: the oldest go first", async () => {
      await one.secret();
      const until = Date.now() + HOUR;
      await admin.query(
        `INSERT INTO ${schema}.quotes SELECT 'old ' || n, '', ${until} + n FROM generate_series(1, ${MAX_QUOTES}) AS n`,
      );
      await Promise.all(times(1000, (n) => one.keepQuote({ id: `new ${n}`, value: "", until: until * 2 })));
      // Others of the thousand may be written while the number is looked at.
      const kept = await count(".quotes");
      expect(kept).toBeGreaterThanOrEqual(MAX_QUOTES);
      expect(kept).toBeLessThan(MAX_QUOTES + 100);
      expect(await two.quote("old 1")).toBeUndefined();
      expect(await two.quote("old 2000")).toBe("");
      expect(await two.quote("new 0")).toBe("");
    });

    it("give each job to one of them, and leave none, in batches and one at a time", async () => {
      for (const limit of [7, 1]) {
        const name = (n: number) => `${limit}: j${n}`;
        await Promise.all(
          times(120, (n) =>
            either(n).begin(...queued(name(n), { resource: `r${n % 3}` }), { durable: true }),
          ),
        );
        const claimed: string[] = [];
        const work = async (n: number) => {
          for (;;) {
            const jobs = await claim(either(n), { owner: `w${n}`, limit });
            claimed.push(...jobs);
            if (jobs.length === 0) return;
          }
        };
        await Promise.all(times(6, work));
        expect(claimed.sort()).toEqual(times(120, name).sort());
      }
    });

    it("sweep together without sweeping anything twice or leaving something", async () => {
      const old = { createdAt: 0, identity: { validBefore: 1 } };
      await Promise.all(
        times(60, (n) => {
          const [ended, itsJob] = queued(`j${n}`, { phase: "delivered", work: "done", expiresAt: 1 });
          return either(n).begin(
            { ...ended, ...old, identity: { ...ended.identity, validBefore: 1 } },
            itsJob,
            { durable: true },
          );
        }),
      );
      const sweep = async (store: Store): Promise<number> => {
        let swept = 0;
        for (;;) {
          const batch = await store.sweep(now + HOUR * 48, 7);
          if (batch === 0) return swept;
          swept += batch;
        }
      };
      const [first, second] = await Promise.all([sweep(one), sweep(two)]);
      expect(first + second + (await sweep(one))).toBe(120);
      expect(await count(".jobs")).toBe(0);
      expect(await count(".calls")).toBe(0);
      expect(await two.job("j5")).toBe("gone");
    });
  });

  describe("a claim", () => {
    /** What is sent to the database while `work` is done. */
    async function statements(work: () => Promise<unknown>): Promise<string[]> {
      const query = vi.spyOn(pg.Client.prototype, "query");
      try {
        await work();
        return query.mock.calls.map(([sent]) =>
          typeof sent === "string" ? sent : (sent as { text: string }).text,
        );
      } finally {
        query.mockRestore();
      }
    }

    it("is one statement, however many jobs it claims and of how many resources", async () => {
      const store = open();
      await store.attend("s1", 60_000);
      for (const n of times(12, (n) => n)) {
        await store.begin(...queued(`j${n}`, { resource: `r${n % 4}` }), { durable: true });
      }
      for (const [limit, orphans] of [
        [1, false],
        [9, false],
        [9, true],
      ] as const) {
        let jobs: string[] = [];
        const sent = await statements(async () => {
          jobs = await claim(store, { limit, orphans });
        });
        expect(sent).toEqual([expect.stringContaining("SKIP LOCKED")]);
        expect(jobs.length).toBe(Math.min(limit, jobs.length));
        expect(jobs.length).toBeGreaterThan(0);
      }
    });

    it("waits for the time of a job by the clock of the database, also when it was put off", async () => {
      const store = open();
      const soon = Date.now() + 3_000;
      await store.begin(...queued("later", { runAt: soon }), { durable: true });
      await store.begin(...queued("put off"), { durable: true });
      await store.change({ durable: true, job: { id: "put off", set: { runAt: soon } } });
      await store.begin(...queued("hurried", { runAt: now + HOUR }), { durable: true });
      await store.change({ durable: true, job: { id: "hurried", set: { runAt: now } } });
      expect(await claim(store)).toEqual(["hurried"]);
      const claimed: [string, number][] = [];
      await eventually(async () => {
        for (const id of await claim(store)) claimed.push([id, Date.now()]);
        expect(claimed).toHaveLength(2);
      });
      expect(claimed.map(([id]) => id).sort()).toEqual(["later", "put off"]);
      for (const [, at] of claimed) expect(at).toBeGreaterThanOrEqual(soon);
      expect(await claim(store)).toEqual([]);
    });

    it("takes what stands behind a job that another transaction has locked, and does not wait for that", async () => {
      const store = open();
      for (const n of [1, 2, 3]) await store.begin(...queued(`j${n}`), { durable: true });
      const holder = await connected();
      await holder.query(`BEGIN; SELECT 1 FROM ${schema}.jobs WHERE id = 'j1' FOR UPDATE`);
      expect(await claim(store, { limit: 2 })).toEqual(["j2", "j3"]);
      expect(await claim(store, { limit: 2 })).toEqual([]);
      await holder.end();
      await eventually(async () => expect(await claim(store, { limit: 2 })).toEqual(["j1"]));
    });

    it("looks at few rows of a long queue", async () => {
      const store = open();
      await store.begin(...queued("first"), { durable: true });
      await admin.query(
        `INSERT INTO ${schema}.jobs (id, call_id, resource, status, phase, work, run_at, created_at, rest)
         SELECT 'n' || n, 'c', 'r' || n % 3, 'queued', 'open', 'waiting', 0, n, '{}' FROM generate_series(1, 20000) AS n;
         ANALYZE ${schema}.jobs`,
      );
      const texts = await statements(async () => {
        await claim(store, { limit: 5 });
        await claim(store, { limit: 5, orphans: true });
      });
      const values = [null, "w2", 5, [], [], [], "", "channel", "origin"];
      interface Plan {
        readonly "Node Type": string;
        readonly "Actual Rows": number;
        readonly "Actual Loops": number;
        readonly "Rows Removed by Filter"?: number;
        readonly Plans?: readonly Plan[];
      }
      const read = (plan: Plan): number =>
        (plan["Node Type"].includes("Scan") && !plan["Node Type"].startsWith("CTE")
          ? (plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0)) * plan["Actual Loops"]
          : 0) + (plan.Plans ?? []).reduce((sum, child) => sum + read(child), 0);
      for (const text of texts) {
        const { rows } = await admin.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
        expect(read(rows[0]["QUERY PLAN"][0].Plan)).toBeLessThan(500);
      }
      expect(texts).toHaveLength(2);
    });
  });

  describe("a step that is not durable", () => {
    it("does not make its transaction wait for the disk, and the next one on the connection does", async () => {
      const store = open({ maxConnections: 1 });
      await store.begin(...queued("j1"), { durable: true });
      const settings: string[] = [];
      await admin.query(
        `CREATE FUNCTION ${schema}.note() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN NEW.code := current_setting('synchronous_commit'); RETURN NEW; END $$;
         CREATE TRIGGER note BEFORE INSERT OR UPDATE ON ${schema}.jobs FOR EACH ROW EXECUTE FUNCTION ${schema}.note()`,
      );
      const noted = async (id: string) => {
        const { rows } = await admin.query(`SELECT code FROM ${schema}.jobs WHERE id = $1`, [id]);
        settings.push(rows[0].code);
      };
      for (const durable of [false, true, false]) {
        await store.change({ durable, job: { id: "j1", set: { progress: 1 } } });
        await noted("j1");
      }
      await claim(store);
      await noted("j1");
      await store.begin(...queued("j2"), { durable: false });
      await noted("j2");
      await store.begin(...queued("j3"), { durable: true, outstanding: 1e9 });
      await noted("j3");
      expect(settings).toEqual(["off", "on", "off", "on", "off", "on"]);
    });
  });

  describe("texts", () => {
    it("of any kind come back as they were, and no two become the same", async () => {
      const store = open();
      const texts = ["\u0000", "\\u0000", "\\", "\ud800", "\udc00", "\ufffd", "😀", "é\n'\"$1"];
      for (const text of texts) {
        const whole = call(text, {
          key: text,
          resource: text,
          fingerprint: text,
          jobId: text,
          owner: text,
          identity: { payer: text, nonce: text },
        });
        const itsJob = job(text, text, {
          resource: text,
          input: { [text]: [text] },
          message: text,
          failure: { code: text, error: text },
          owner: text,
        });
        expect(await store.begin(whole, itsJob, { durable: true })).toEqual({ begun: true });
        expect(await store.call(text)).toStrictEqual(whole);
        expect(await store.job(text)).toStrictEqual(itsJob);
        expect(await store.findCall({ ...whole, identity: { ...whole.identity, nonce: "" } })).toStrictEqual(
          whole,
        );
        const owed = refund(text, text, { resource: text, reason: text, currency: text });
        expect(await store.change({ durable: true, refund: { add: owed } })).toStrictEqual({ refund: owed });
        await store.attend(text, 60_000);
      }
      expect((await claim(store)).sort()).toEqual([...texts].sort());
      // Each owner lives, and only its own call is its own.
      expect(await store.dueCalls({ limit: 99 })).toEqual([]);
      for (const text of texts) expect(ids(await store.dueCalls({ limit: 99, own: text }))).toEqual([text]);
      const { refunds } = await store.callStats({ since: 0, bucketMs: HOUR });
      expect(refunds.map(({ resource }) => resource).sort()).toEqual([...texts].sort());
    });
  });

  describe("closing", () => {
    it("finishes what was asked for, and refuses what comes later", async () => {
      const store = open();
      const writing = times(20, (n) => store.begin(...queued(`j${n}`), { durable: true }));
      await store.close();
      expect(await Promise.all(writing)).toHaveLength(20);
      expect(await count(".calls")).toBe(20);
      await expect(store.begin(...queued("late"), { durable: true })).rejects.toThrow("closed");
      await expect(store.call("c1")).rejects.toThrow("closed");
      await store.close();
    });

    it.each([
      ["closed", "await store.close();"],
      ["forgotten", ""],
    ])("lets the process end: one whose store is %s", async (_, end) => {
      const door = fileURLToPath(new URL("../../src/store/postgres.ts", import.meta.url));
      const script = `
        const { postgresStore } = await import(${JSON.stringify(door)});
        const store = postgresStore({ connectionString: "${server.connectionString}", schema: "${schema}" });
        await new Promise((resolve) => store.watch(resolve));
        await store.attend("s1", 1000);
        await store.claimJobs({ owner: "s1", limit: 1 });
        ${end}
        console.log("done");`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const [said, ended] = await Promise.all([child.stdout.toArray(), once(child, "exit")]);
      clearTimeout(timer);
      expect(String(said)).toBe("done\n");
      expect(ended).toEqual([0, null]);
      await eventually(async () => {
        const { rows } = await admin.query(
          "SELECT 1 FROM pg_stat_activity WHERE application_name = 'resource402'",
        );
        expect(rows).toEqual([]);
      });
    });
  });
});
