import type { Validation } from "../../schema/standard.ts";
import type { ProblemOptions } from "./answer.ts";

type Invalid = Exclude<Validation<unknown>, { readonly value: unknown }>;

/** Of the list of issues, as JSON. With `detail` and the rest of the problem a response stays below 8 KiB. */
const MAX_LIST_BYTES = 4 * 1024;
/** Of the sentence that repeats the first issues; a problem has it twice. */
const MAX_DETAIL_BYTES = 1024;

/** What is wrong with an input, in a problem of bounded size: what is left out is counted. */
export function issuesOf({ issues, more }: Invalid): Pick<ProblemOptions, "detail" | "details"> {
  const details = within(MAX_LIST_BYTES, issues);
  const sentences = issues.map(({ path, message }) => `${path || "input"}: ${message}`);
  const said = within(MAX_DETAIL_BYTES, sentences);
  const left = issues.length + more - said.length;
  const others = left > 0 ? ` (and ${left} more)` : "";
  return { detail: `The input is not valid: ${said.join("; ")}${others}`, details };
}

/** The first items whose JSON has at most `maxBytes` together. */
function within<Item>(maxBytes: number, items: readonly Item[]): Item[] {
  const encoder = new TextEncoder();
  let bytes = 0;
  const end = items.findIndex((item) => {
    bytes += encoder.encode(JSON.stringify(item)).length + 1;
    return bytes > maxBytes;
  });
  return items.slice(0, end === -1 ? items.length : end);
}
