import type { Form } from "../forms.ts";

/** The call that a form describes: the path takes its parameters, and a GET sends the rest as query. */
export function requestFor(
  { method, path }: Form,
  base: string,
  input: unknown,
): [url: string, init: RequestInit] {
  const rest = new Map<string, unknown>(Object.entries(input ?? {}));
  const filled = path.replace(/:([A-Za-z_][A-Za-z0-9_]*)/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value ?? ""));
  });
  const url = base.replace(/\/+$/, "") + filled;
  if (method !== "GET") {
    const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
    const body = JSON.stringify(isObject ? Object.fromEntries(rest) : input);
    return [url, { method, headers: { "content-type": "application/json" }, body }];
  }
  const query = [...rest].flatMap(([name, value]) =>
    [value].flat().map((one) => [name, typeof one === "object" ? JSON.stringify(one) : String(one)]),
  );
  return [query.length > 0 ? `${url}?${new URLSearchParams(query)}` : url, {}];
}

/** The end of a purchase, as the demo wallet reports it. */
export interface PurchaseEnd {
  readonly output?: unknown;
  readonly usd?: string;
  readonly receipt?: { readonly transaction?: string; readonly network?: string };
  readonly jobId?: string;
  readonly code?: string;
  readonly error?: string;
  readonly charged?: boolean | string;
}

interface Progress {
  readonly progress?: number;
  readonly message?: string;
  readonly status?: string;
}

/** Buys with the demo wallet, which streams one JSON document per line: progress first, the end last. */
export async function buyWithDemo(
  demo: string,
  call: { readonly resource: string; readonly input: unknown },
  report: (progress: string) => void,
): Promise<PurchaseEnd> {
  const headers = { "content-type": "application/json" };
  const { body } = await fetch(demo, { method: "POST", headers, body: JSON.stringify(call) });
  const end: PurchaseEnd = {};
  const take = (line: string): void => {
    if (line.trim() === "") return;
    const document: Progress = JSON.parse(line);
    Object.assign(end, document);
    const { progress, message, status } = document;
    const words = [progress === undefined ? "" : `${progress} %`, message ?? status ?? ""].filter(Boolean);
    if (words.length > 0) report(words.join(" "));
  };
  let whole = "";
  let kept = "";
  for await (const chunk of textOfStream(body)) {
    whole += chunk;
    const lines = (kept + chunk).split("\n");
    kept = lines.pop() ?? "";
    for (const line of lines) {
      try {
        take(line);
      } catch {
        // A part of one document on several lines.
      }
    }
  }
  try {
    take(kept);
  } catch {
    Object.assign(end, JSON.parse(whole));
  }
  return end;
}

async function* textOfStream(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = stream?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}
