import type { Command } from "commander";

/** What the program passes to each command. */
export interface CommandContext {
  /** The entry file of the worker thread that reads definitions. */
  readonly entry: URL;
  /**
   * Sets the exit code: 0 success, 1 a failure or a finding, 2 invalid usage, 130 stopped early by Ctrl-C. A command that
   * runs until it is stopped, such as `dev`, exits with 0.
   */
  exit(code: number): void;
  /** Aborts when the user stops the command. After this call, Ctrl-C no longer ends the process by itself. */
  interruption(): AbortSignal;
}

/** Adds a command to the program. Its implementation is imported when the command runs. */
export type Register = (program: Command, context: CommandContext) => void;

export type ExitCode = 1 | 2 | 130 | 143;

/** Ends a command with a message for the user, which includes the fix. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** 1: the command failed. 2: invalid usage. Others: the user stopped the command. */
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Ends a command that was stopped early. The exit code is the one that shells expect: 128 plus the signal number. */
export class Interrupted extends CommandError {
  constructor(message: string, signal: "SIGINT" | "SIGTERM" = "SIGINT") {
    super(message, signal === "SIGINT" ? 130 : 143);
  }
}

/** The exit code of a command that `signal` stopped early. */
export function stopCode({ reason }: AbortSignal): ExitCode {
  return reason instanceof Interrupted ? reason.exitCode : 130;
}
