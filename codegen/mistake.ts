/** A mistake (error) or advice (warning) for a definition: path, problem and fix. */
export interface Mistake {
  /** Place in the definition: `resources.caption.input.tone`. */
  readonly path: string;
  readonly problem: string;
  readonly fix: string;
  readonly severity: "error" | "warning";
}

/** Records a mistake. Compiling continues, so that all mistakes are reported at once. */
export type MistakeReport = (path: string, problem: string, fix: string) => void;

export function reporter(severity: Mistake["severity"], into: Mistake[]): MistakeReport {
  return (path, problem, fix) => into.push({ path, problem, fix, severity });
}

/** ` (did you mean "quality"?)`, or nothing when no candidate is close. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const [near] = candidates
    .map((candidate) => ({ candidate, slips: slips(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate: { length }, slips }) => slips < length && slips <= Math.ceil(length / 2.5))
    .sort((a, b) => a.slips - b.slips);
  return near === undefined ? "" : ` (did you mean "${near.candidate}"?)`;
}

/** Levenshtein distance. */
function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** `"a", "b" and "c"`. */
export function listOf(words: readonly unknown[]): string {
  const quoted = words.map((word) => JSON.stringify(word));
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}
