import { isRecord, type JobDocument, type JobState, type Receipt } from "../protocol/index.ts";

/** What is read of an answer. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** How a seller of another make names what belongs to its jobs. A field is a path such as `data.job.id`. */
export interface JobFormat {
  /** The field with the id in the answer that accepts a job. @default `jobId`, `job_id` or `id` */
  readonly id?: string;
  /** The field with the address of the status. @default `statusUrl`, `status_url`, `pollUrl`, or the `Location` header */
  readonly statusUrl?: string;
  /** The path of the status, with `:id`, where the seller names no address. */
  readonly statusPath?: string;
  /** The field with the state in a status. @default `state` or `status` */
  readonly state?: string;
  /** States that end a job, beside the usual words. Upper and lower case are equal. */
  readonly succeeded?: readonly string[];
  readonly failed?: readonly string[];
  /** The field with the output of a job that succeeded. @default `result`, `output` or `data`, else the whole document */
  readonly output?: string;
}

/** What is read of an answer that accepts a job. Its receipt is not checked here. */
export interface Accepted {
  readonly jobId: string;
  /** As the server has given it. */
  readonly statusUrl: string | undefined;
  readonly eventsUrl: string | undefined;
  readonly expiresAt: string | undefined;
  readonly webhookSecret: string | undefined;
  readonly receipt: Receipt | undefined;
  /** Present for a job of another make. */
  readonly format: JobFormat | undefined;
}

/** The job that an answer accepts; `undefined` when it names none. */
export function readAccepted(
  { body, headers }: Pick<Answer, "body" | "headers">,
  given?: JobFormat,
): Accepted | undefined {
  if (!isRecord(body)) return undefined;
  const { id, statusUrl: address, statusPath } = given ?? {};
  const read = (part: Record<string, unknown>) => ({
    jobId: textOf(id === undefined ? first(part, "jobId", "job_id", "id") : at(body, id)),
    statusUrl: textOf(
      address === undefined
        ? first(part, "statusUrl", "status_url", "pollUrl", "poll_url")
        : at(body, address),
    ),
  });
  const parts = [body, ...inner(body)].map(read);
  const { jobId, statusUrl } = parts.find((part) => part.jobId && part.statusUrl) ??
    parts.find((part) => part.jobId) ?? { jobId: undefined, statusUrl: undefined };
  if (jobId === undefined || !/^[\x21-\x7e]{1,255}$/.test(jobId)) return undefined;
  const eventsUrl = textOf(body.eventsUrl);
  const isOurs = given === undefined && eventsUrl !== undefined && body.jobId === jobId;
  return {
    jobId,
    statusUrl: statusUrl ?? headers.get("location") ?? (statusPath && pathOf(statusPath, jobId)),
    eventsUrl,
    expiresAt: textOf(body.expiresAt),
    webhookSecret: textOf(body.webhookSecret),
    receipt: body.receipt as Receipt | undefined,
    format: isOurs ? undefined : (given ?? {}),
  };
}

/** The path of a job's status. */
export function pathOf(statusPath: string, jobId: string): string {
  return statusPath.replace(":id", () => encodeURIComponent(jobId));
}

/** The words of the field, in small letters and without anything between them. */
const WORDS: Readonly<Record<JobState, RegExp>> = {
  succeeded: /^(succe(ss|ssful|eded)|completed?|done|finished|ready)$/,
  failed: /^(fail(ed|ure)?|error(ed)?|cancell?ed|expired|rejected|aborted|timed?out)$/,
  processing:
    /^((en)?queued|inqueue|pending|processing|running|inprogress|start(ed|ing)|created|accepted|submitted|waiting|working|active|scheduled|initiali[sz](ed|ing)|preparing|generating|rendering|executing|retrying|new)$/,
};

/** A job's document of another make, in our words. `word` is its own state where we do not know it. */
export interface ForeignDocument {
  readonly document: JobDocument | undefined;
  readonly word?: string;
}

/** Reads an answer to a status request. Its state, result and error are looked for in the document, and under `data` or `job`. */
export function readForeignJob({ body, status }: Answer, format: JobFormat): ForeignDocument {
  if (!isRecord(body) || body instanceof Blob) {
    const isResult = status === 200 && typeof body === "object" && body !== null;
    return { document: isResult ? documentOf({}, "succeeded", "", body) : undefined };
  }
  const parts = format.state === undefined ? [...inner(body), body] : [body];
  const words = parts.map((part) => wordOf(part, format));
  const states = words.map((word) => word && stateOf(word, format));
  const known = states.findIndex((state) => state !== undefined);
  const part = parts[known];
  const state = states[known];
  if (part && state) {
    const output =
      format.output === undefined ? first(part, "result", "output", "data") : at(body, format.output);
    return { document: documentOf(part, state, words[known] ?? "", output ?? part) };
  }
  const word = words.find((one) => one !== undefined);
  if (status === 202) return { document: documentOf(body, "processing", word ?? "", undefined) };
  // Without a state, it is the result itself.
  const isBare = word === undefined && !("progress" in body) && Object.keys(body).length > 0;
  if (isBare && status === 200) return { document: documentOf({}, "succeeded", "", body) };
  return { document: documentOf(body, "processing", word ?? "", undefined), word: word ?? "" };
}

function documentOf(
  part: Record<string, unknown>,
  state: JobState,
  word: string,
  result: unknown,
): JobDocument {
  const problem = isRecord(part.error) ? part.error : part;
  const said = first(problem, "error", "message", "detail");
  return {
    state,
    status: word || state,
    progress: typeof part.progress === "number" ? part.progress : 0,
    message: textOf(part.message),
    code: textOf(problem.code),
    paymentState: textOf(part.paymentState),
    receipt: part.receipt,
    ...(state === "failed" ? { error: textOf(said) } : {}),
    ...(state === "succeeded" ? { result } : {}),
  } as unknown as JobDocument;
}

function wordOf(part: Record<string, unknown>, { state }: JobFormat): string | undefined {
  if (state !== undefined) return textOf(at(part, state));
  if (typeof part.done === "boolean") return part.done ? "done" : "running";
  return textOf(part.state) ?? textOf(part.status);
}

function stateOf(text: string, { succeeded = [], failed = [] }: JobFormat): JobState | undefined {
  const isIn = (words: readonly string[]): boolean =>
    words.some((word) => word.toLowerCase() === text.toLowerCase());
  if (isIn(succeeded)) return "succeeded";
  if (isIn(failed)) return "failed";
  const word = text.toLowerCase().replace(/[^a-z]+/g, "");
  return (Object.keys(WORDS) as JobState[]).find((state) => WORDS[state].test(word));
}

function inner({ data, job }: Record<string, unknown>): Record<string, unknown>[] {
  return [data, job].filter(isRecord);
}

/** The first of the fields that has a value. */
function first(part: Record<string, unknown>, ...names: readonly string[]): unknown {
  return names
    .map((name) => part[name])
    .find((value) => value !== undefined && value !== null && value !== "");
}

/** The value at a path such as `data.job.id`. */
function at(value: unknown, path: string): unknown {
  return path.split(".").reduce((part, name) => (isRecord(part) ? part[name] : undefined), value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? `${value}` : undefined;
}
