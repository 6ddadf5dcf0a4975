import { setTimeout as pause } from "node:timers/promises";

const WORDS = {
  small: ["the", "sea", "is", "old", "and", "so", "is", "light"],
  large: ["luminous", "breakers", "remember", "every", "patient", "harbor"],
} as const;

/** Stands in for a language model: the same tokens for the same prompt, one every 10 ms. */
export async function* tokensOf(
  prompt: string,
  model: "small" | "large",
  maxTokens: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const words = [...prompt.split(/\s+/), ...WORDS[model]];
  for (let count = 0; count < maxTokens; count += 1) {
    await pause(10, undefined, { signal });
    yield words[count % words.length] ?? "";
  }
}
