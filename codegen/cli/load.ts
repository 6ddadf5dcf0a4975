import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { durationText } from "../../schema/duration.ts";
import type { GeneratedDocuments } from "../files.ts";
import type { LoadAnswer, Preparation, Question } from "./reader.ts";

/** Definitions describe; one that takes longer waits for something that will not come. */
const PATIENCE_MS = 30_000;

/** What was read, and, when they were asked for, its documents: `undefined` when the thread ends before they are made. */
export interface Loaded extends LoadAnswer {
  readonly documents: Promise<GeneratedDocuments | undefined>;
}

/**
 * Reads and compiles a definition in a thread of its own: fresh modules each time, and a definition that
 * throws, hangs or exits takes nothing down. `entry` is the file that runs in the thread.
 */
export async function load(question: Question, entry: URL, patienceMs = PATIENCE_MS): Promise<Loaded> {
  return ask(openThread(entry), question, patienceMs);
}

/** Reads definitions one after the other, for a command that watches them. */
export interface Reader {
  load(question: Question): Promise<Loaded>;
  /** Ends the thread that waits. */
  close(): void;
}

/**
 * Each definition is read in a thread of its own here too. The next thread starts when one has ended: it loads the
 * compiler, and the packages that the definition has imported, before there is a change to read.
 */
export function createReader(entry: URL): Reader {
  let next:
    | { readonly thread: Worker; readonly packages: readonly string[]; readonly state: string }
    | undefined;
  let closed = false;

  /** The thread that waits, unless a package that it has loaded was changed since. */
  async function take(): Promise<Worker> {
    const ready = next;
    next = undefined;
    if (!ready) return openThread(entry);
    if ((await stateOf(ready.packages)) === ready.state) return ready.thread;
    void ready.thread.terminate();
    return openThread(entry);
  }

  return {
    async load(question) {
      const thread = await take();
      thread.ref();
      const loaded = await ask(thread, question, PATIENCE_MS);
      // Not earlier: the machine has other work until the files are written.
      void loaded.documents.then(async () => {
        const { packages } = loaded;
        const state = await stateOf(packages);
        if (closed) return;
        const thread = openThread(entry, { packages });
        next = { thread, packages, state };
        thread.unref();
        // A package that cannot be loaded may end it early.
        const drop = (): void => {
          if (next?.thread === thread) next = undefined;
        };
        thread.once("error", drop).once("exit", drop);
      });
      return loaded;
    },
    close() {
      closed = true;
      void next?.thread.terminate();
    },
  };
}

function openThread(entry: URL, workerData: Preparation = { packages: [] }): Worker {
  const worker = new Worker(entry, {
    workerData,
    stdout: true,
    // The schemas of a large API are garbage as soon as they are text: a sixth of the time went into moving them.
    resourceLimits: { maxYoungGenerationSizeMb: 128 },
  });
  // What a definition prints is for people; standard output may be read by a program.
  worker.stdout.pipe(process.stderr, { end: false });
  worker.once("exit", () => worker.stdout.unpipe(process.stderr));
  return worker;
}

async function ask(worker: Worker, question: Question, patienceMs: number): Promise<Loaded> {
  const failed = (problem: string, fix: string): LoadAnswer => ({
    compilation: { mistakes: [{ path: question.source, problem, fix, severity: "error" }], advice: [] },
    files: [question.file],
    packages: [],
  });
  const describesOnly = "let it describe the API and nothing else: no servers, no waiting";
  let made: (documents: GeneratedDocuments | undefined) => void = () => {};
  const documents = new Promise<GeneratedDocuments | undefined>((resolve) => {
    made = resolve;
  });
  const answered = new Promise<LoadAnswer>((resolve) => {
    const end = (answer: LoadAnswer): void => {
      clearTimeout(timer);
      resolve(answer);
      made(undefined);
    };
    const late = `has not been read within ${durationText(patienceMs)}`;
    const timer = setTimeout(() => end(failed(late, describesOnly)), patienceMs);
    worker.once("message", (text: string) => {
      const answer = JSON.parse(text) as LoadAnswer;
      if (!question.documents || !("model" in answer.compilation)) return end(answer);
      resolve(answer);
      worker.once("message", (documents: GeneratedDocuments) => made(documents));
    });
    worker.once("error", (error: Error) => {
      end(failed(`stops the compiler: ${error.message}`, "please report this, with the definition"));
    });
    worker.once("exit", () => end(failed("ends before it has been read", describesOnly)));
  });
  worker.postMessage(question);
  void documents.then(() => worker.terminate());
  return { ...(await answered), documents };
}

/** When the files of packages were changed last. */
async function stateOf(urls: readonly string[]): Promise<string> {
  const times = urls.map((url) =>
    stat(fileURLToPath(url)).then(
      ({ mtimeMs, ino }) => `${mtimeMs} ${ino}`,
      () => "",
    ),
  );
  return (await Promise.all(times)).join();
}
