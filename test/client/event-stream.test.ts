import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createEventReader } from "../../src/client/event-stream.ts";

/** What the usual package makes of a text, with the last id kept from event to event as a client does it. */
function asUsual(text: string) {
  const events: { id: string | undefined; data: string; event?: string }[] = [];
  const retries: number[] = [];
  let id: string | undefined;
  const parser = createParser({
    onId: (next) => {
      id = next;
    },
    onEvent: ({ data, event }) => events.push({ id, data, ...(event ? { event } : {}) }),
    onRetry: (ms) => retries.push(ms),
  });
  parser.feed(text);
  return { events, retries };
}

function asOurs(pieces: readonly string[]) {
  const retries: number[] = [];
  const read = createEventReader((ms) => retries.push(ms));
  return { events: pieces.flatMap((piece) => read(piece)), retries };
}

const line = fc.oneof(
  fc.constantFrom("data: {}", "data:a", "data", "data:", "data:  two", "id: 1", "id:2", "id", "retry: 10"),
  fc.constantFrom(
    "retry: soon",
    "event: end",
    "event",
    ": ping",
    ":",
    "",
    "",
    "dat: no",
    "datax: no",
    "id: x\0",
  ),
  fc.string({ maxLength: 8, unit: "binary" }).map((text) => text.replace(/[\r\n\u{feff}\u{ef}]/gu, "")),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 20 })
  .map((lines) => `${lines.map(([text, end]) => text + end).join("")}\n`);

it("events are read as the usual package reads them, however the text is cut", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400), { maxLength: 12 }), (text, cuts) => {
      const places = [...cuts, 0, text.length].map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b);
      const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
      expect(asOurs(pieces)).toEqual(asUsual(text));
    }),
    { numRuns: 3_000 },
  );
});

it("a line of megabytes in small pieces is read in a time that grows with its length alone", () => {
  const pieces = Array.from({ length: 20_000 }, () => "x".repeat(1_000));
  const [event] = asOurs(["data: ", ...pieces, "\n\n"]).events;
  expect(event?.data).toHaveLength(20_000_000);
});
