import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const isLinuxX64 = process.platform === "linux" && process.arch === "x64";
const onlyThere = isLinuxX64 ? undefined : "its npm package exists for Linux x64 only";

/** The program that gives a command a terminal. Part of every Linux system. */
export const TERMINAL = "/usr/bin/script";
/** Runs a shell command that may mount: in a namespace of its own, which ends with the command. */
const IN_OWN_MOUNTS = ["unshare", "--mount", "--map-root-user", "sh", "-c"] as const;
/** Runs a command without the right of root to read every file. Its user stays the same. */
export const WITHOUT_ROOT_RIGHTS = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all"] : [];

function works([command = "", ...args]: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

/** Per part that tests need: why this machine lacks it, or `undefined`. */
const REASONS = {
  // What `npm ci` installs on Linux x64 is never missing there: a broken installation fails the tests.
  browser: () => onlyThere,
  postgres: () => onlyThere,
  terminal: () =>
    process.platform === "linux" && existsSync(TERMINAL) ? undefined : `no Linux with ${TERMINAL}`,
  mounts: () =>
    works([...IN_OWN_MOUNTS, "mount -t tmpfs none /tmp"])
      ? undefined
      : "this user may not mount in a namespace",
  "unreadable files": () =>
    process.platform !== "win32" && works([...WITHOUT_ROOT_RIGHTS, "true"])
      ? undefined
      : "root reads every file",
  signals: () => (process.platform === "win32" ? "Windows has no signals" : undefined),
};

export type Part = keyof typeof REASONS;

/** Whether tests that need this part are skipped. {@link reportMissing} prints why. */
export function isMissing(part: Part): boolean {
  return REASONS[part]() !== undefined;
}

/** One line with every part that is missing and the reason, or `undefined`. */
export function reportMissing(): string | undefined {
  const missing = Object.entries(REASONS).flatMap(([part, reason]) => {
    const why = reason();
    return why === undefined ? [] : [`${part} (${why})`];
  });
  return missing.length === 0
    ? undefined
    : `Tests skipped, because this machine lacks: ${missing.join(", ")}.`;
}
