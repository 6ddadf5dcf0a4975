import type { Carriages } from "../protocol/request.ts";

/** A file as a part of a form. */
export class FilePart {
  readonly bytes: Uint8Array;
  readonly type: string;
  readonly name: string;

  constructor(bytes: Uint8Array, type: string, name: string) {
    this.bytes = bytes;
    this.type = type;
    this.name = name;
  }
}

/** The input with the bytes of its files. Text stands for a file of text, so that a command line can give one. */
export async function withFiles(input: object, send: Carriages = {}): Promise<object> {
  // A caller in JavaScript may leave out an input without required members.
  const members = Object.entries(input ?? {});
  if (!members.some(([name]) => isFile(send, name))) return input;
  const read = members.map(async ([name, value]): Promise<[string, unknown]> => {
    if (!isFile(send, name)) return [name, value];
    return [name, Array.isArray(value) ? await Promise.all(value.map(partOf)) : await partOf(value)];
  });
  return Object.fromEntries(await Promise.all(read));
}

function isFile(send: Carriages, name: string): boolean {
  return Object.hasOwn(send, name) && send[name]?.as === "file";
}

async function partOf(value: unknown): Promise<unknown> {
  if (value instanceof Blob) {
    const name = "name" in value && typeof value.name === "string" ? value.name : "file";
    return new FilePart(new Uint8Array(await value.arrayBuffer()), value.type || OCTETS, name);
  }
  if (value instanceof Uint8Array) return new FilePart(value, OCTETS, "file");
  if (typeof value === "string")
    return new FilePart(new TextEncoder().encode(value), "text/plain", "file.txt");
  return value;
}

const OCTETS = "application/octet-stream";

/** Bytes as text with one character for each (Latin-1), so that a call that is kept as JSON sends the same bytes again. */
export function textOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return text;
}

/** The bytes of such a text. */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
