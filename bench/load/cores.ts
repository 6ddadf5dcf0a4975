import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

// Asked once: it shrinks as soon as this process is kept on one core.
const CORES = availableParallelism();

/** Where servers run, and where the load comes from: apart, neither waits for the other's core. */
export const SERVER_CORE = "0";
export const LOAD_CORE = "1";
export const ALL_CORES = `0-${CORES - 1}`;

/** Keeps a process and its threads on some cores. Does nothing where that cannot be said (only Linux has taskset). */
export function keepOn(cores: string, pid: number | undefined): void {
  if (CORES > 1) spawnSync("/usr/bin/taskset", ["-apc", cores, String(pid)], { stdio: "ignore" });
}
