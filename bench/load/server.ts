import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { track } from "../children.ts";
import { keepOn, SERVER_CORE } from "./cores.ts";

/** A server of `servers/` in a process of its own. */
export interface ServerProcess {
  readonly port: number;
  /** Microseconds of CPU, user and system, that the process has used in all its threads. */
  cpuMicros(): Promise<number>;
  stop(): Promise<void>;
}

/** `profileTo` is the folder for a CPU profile, written when the server stops. */
export async function startServer(name: string, profileTo: string | undefined): Promise<ServerProcess> {
  const file = fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url));
  const profiling =
    profileTo === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profileTo}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`];
  const child = track(fork(file, { execArgv: profiling }));
  const ended = once(child, "exit");
  const { port } = await answer<{ port: number }>(child, name);
  keepOn(SERVER_CORE, child.pid);
  return {
    port,
    async cpuMicros() {
      child.send("cpu");
      const { cpu } = await answer<{ cpu: NodeJS.CpuUsage }>(child, name);
      return cpu.user + cpu.system;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

async function answer<Message>(child: ChildProcess, name: string): Promise<Message> {
  const gaveUp = new AbortController();
  const { signal } = gaveUp;
  try {
    const message = once(child, "message", { signal }).then(([message]) => message as Message);
    const exit = once(child, "exit", { signal }).then(([code]) => {
      throw new Error(`the server "${name}" ended with code ${code}`);
    });
    return await Promise.race([message, exit]);
  } finally {
    gaveUp.abort();
  }
}
