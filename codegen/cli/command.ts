import type { Command } from "commander";

/** What the program gives to each of its commands. */
export interface Context {
  /** The file that runs in the reading thread. */
  readonly entry: URL;
  /**
   * Sets the exit code: 0 all is well, 1 what was found is bad, 2 the command is wrong, 130 it was stopped by Ctrl-C before
   * its end. What runs until it is stopped, such as `dev`, ends so with 0.
   */
  exit(code: number): void;
  /** Aborts when somebody wants the command to end. Ctrl-C then no longer ends the process by itself. */
  interruption(): AbortSignal;
}

/** Adds a command to the program. What it does is imported when it is run. */
export type Register = (program: Command, context: Context) => void;

export type ExitCode = 1 | 2 | 130 | 143;

/** Ends a command with a message for people, which says the fix. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** 1: what was asked for cannot be had. 2: the command is wrong. Others: it was stopped. */
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Ends a command that somebody has stopped before its end, as a shell expects it: 128 and the number of the signal. */
export class Interrupted extends CommandError {
  constructor(message: string, signal: "SIGINT" | "SIGTERM" = "SIGINT") {
    super(message, signal === "SIGINT" ? 130 : 143);
  }
}

/** The exit code of a command that `signal` has stopped before its end. */
export function stopCode({ reason }: AbortSignal): ExitCode {
  return reason instanceof Interrupted ? reason.exitCode : 130;
}
