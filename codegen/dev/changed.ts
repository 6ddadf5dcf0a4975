import { stat } from "node:fs/promises";

/** Makes something of files, again only when one of those has changed that the last run has named. */
export function whenChanged<Made extends { readonly files: readonly string[] }>(
  make: () => Promise<Made>,
): () => Promise<Made> {
  let last: { readonly made: Made; readonly state: string } | undefined;
  return async () => {
    const known = last?.made.files ?? [];
    const state = await stateOf(known);
    if (last?.state === state) return last.made;
    const made = await make();
    const isKnown = made.files.join() === known.join();
    // As it was before it was read: what has changed meanwhile is seen next time.
    last = { made, state: isKnown ? state : await stateOf(made.files) };
    return made;
  };
}

async function stateOf(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ mtimeMs, size }) => `${file} ${mtimeMs} ${size}`,
        () => `${file} missing`,
      ),
    ),
  );
  return states.join("\n");
}
