/** The handlers of the samples: `handlers/<name>.ts` of a new project. */
export const HANDLERS = {
  summarise: `import type { Handlers } from "../server.gen.ts";

const SENTENCES = new Intl.Segmenter("en", { granularity: "sentence" });
const WORDS = new Intl.Segmenter("en", { granularity: "word" });
/** Ignore shorter words, which say little about a text. */
const SHORTEST = 4;

/** Summarize a text with its own most relevant sentences. */
export const summarise: Handlers["summarise"] = ({ text, sentences: wanted }, ctx) => {
  const sentences = [...SENTENCES.segment(text)]
    .map(({ segment }) => segment.trim())
    .filter((one) => one !== "");
  const words = sentences.map(wordsOf);
  const total = words.flat().length;
  if (total === 0) return ctx.fail("no_sentence");

  const counts = new Map<string, number>();
  for (const word of words.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);

  const scored = sentences.map((sentence, place) => {
    // Stop when the timeout has passed or the server stops: the result is no longer needed.
    ctx.signal.throwIfAborted();
    const telling = (words[place] ?? []).filter((word) => word.length >= SHORTEST);
    const score = telling.reduce((sum, word) => sum + (counts.get(word) ?? 0), 0);
    return { sentence, place, score };
  });
  const kept = scored
    .toSorted((a, b) => b.score - a.score)
    .slice(0, wanted)
    .sort((a, b) => a.place - b.place);
  return {
    summary: kept.map(({ sentence }) => sentence).join(" "),
    sentences: sentences.length,
    words: total,
  };
};

function wordsOf(sentence: string): string[] {
  return [...WORDS.segment(sentence)]
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment }) => segment.toLowerCase());
}
`,
  drawPattern: `import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Handlers } from "../server.gen.ts";

const COLOURS = {
  dusk: ["#1b1b3a", "#693668", "#a74482", "#ff8fb1"],
  meadow: ["#12372a", "#436850", "#adbc9f", "#fbfada"],
  ember: ["#2d1e2f", "#a63d40", "#e9b872", "#f6f0e0"],
} as const;
const CIRCLES_ACROSS = { small: 8, medium: 16, large: 32 } as const;
/** Width of one circle in pixels. */
const CELL = 20;
/** Drawing is fast. This pause simulates longer work. */
const ROW_MS = 50;

/** Draw a pattern of circles as SVG. */
export const drawPattern: Handlers["drawPattern"] = async ({ words, size, colours }, ctx) => {
  if (!/\\p{L}/u.test(words)) return ctx.fail("no_letter");
  const across = CIRCLES_ACROSS[size];
  const palette = COLOURS[colours];
  const circles: string[] = [];

  for (let row = 0; row < across; row += 1) {
    ctx.progress((100 * row) / across, \`row \${row + 1} of \${across}\`);
    // The signal aborts when the buyer cancels, the timeout has passed, or the server stops.
    await pause(ROW_MS, undefined, { signal: ctx.signal });
    const bytes = createHash("sha256").update(\`\${words} \${row}\`).digest();
    for (let column = 0; column < across; column += 1) {
      const byte = bytes[column] ?? 0;
      const x = column * CELL + CELL / 2;
      const y = row * CELL + CELL / 2;
      const radius = 3 + (byte % 7);
      circles.push(\`<circle cx="\${x}" cy="\${y}" r="\${radius}" fill="\${palette[1 + (byte % 3)]}"/>\`);
    }
  }
  const side = across * CELL;
  const frame = \`<rect width="\${side}" height="\${side}" fill="\${palette[0]}"/>\`;
  const head = \`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \${side} \${side}">\`;
  return { svg: \`\${head}\${frame}\${circles.join("")}</svg>\`, circles: circles.length };
};
`,
} as const;
