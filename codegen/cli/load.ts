import { Worker } from "node:worker_threads";
import { durationText } from "../../schema/duration.ts";
import type { Answer, Question } from "./reader.ts";

/** Definitions describe; one that takes longer waits for something that will not come. */
const PATIENCE_MS = 30_000;

/**
 * Reads and compiles a definition in a thread of its own: fresh modules each time, and a definition that
 * throws, hangs or exits takes nothing down. `entry` is the file that runs in the thread.
 */
export function load(question: Question, entry: URL, patienceMs = PATIENCE_MS): Promise<Answer> {
  const worker = new Worker(entry, { workerData: question, stdout: true });
  // What a definition prints is for people; standard output may be read by a program.
  worker.stdout.pipe(process.stderr, { end: false });
  const failed = (problem: string, mend: string): Answer => ({
    compilation: { mistakes: [{ path: question.source, problem, mend, severity: "error" }], advice: [] },
    files: [question.file],
  });
  const describesOnly = "let it describe the API and nothing else: no servers, no waiting";
  const answered = new Promise<Answer>((resolve) => {
    const late = `has not been read within ${durationText(patienceMs)}`;
    const timer = setTimeout(() => resolve(failed(late, describesOnly)), patienceMs);
    worker.once("message", (text: string) => resolve(JSON.parse(text) as Answer));
    worker.once("error", (error: Error) => {
      resolve(failed(`stops the compiler: ${error.message}`, "please report this, with the definition"));
    });
    worker.once("exit", () => {
      clearTimeout(timer);
      resolve(failed("ends before it has been read", describesOnly));
    });
  });
  return answered.finally(() => worker.terminate());
}
