import type { CallDefinition } from "./definition.ts";

type Fetch = typeof globalThis.fetch;
type Given = Readonly<Record<string, string>>;

/**
 * Adds the buyer's headers to each request. A header that the client sets itself wins, and none of them is saved with a
 * call. @throws TypeError when a name or value cannot be a header
 */
export function withHeaders(fetch: Fetch | undefined, given: Given | undefined): Fetch | undefined {
  if (given === undefined) return fetch;
  const own = new Headers(given);
  return (url, init) => {
    const headers = new Headers(own);
    for (const [name, value] of new Headers(init?.headers)) headers.set(name, value);
    return (fetch ?? globalThis.fetch)(url, { ...init, headers });
  };
}

/** The first header that the API asks for and the buyer has not given. */
export function missingHeader({ needs = [] }: CallDefinition, given: Given = {}): string | undefined {
  const names = Object.keys(given).map((name) => name.toLowerCase());
  return needs.find((name) => !names.includes(name.toLowerCase()));
}
