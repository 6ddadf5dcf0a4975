import type { Carriage, Carriages } from "../protocol/request.ts";
import { FilePart, textOfBytes } from "./files.ts";

/** The input of a call, as it is named. */
type Members = Readonly<Record<string, unknown>>;

const SEPARATORS: Readonly<Record<string, string>> = { comma: ",", space: "%20", pipe: "|" };

/** The members as text for an address or a form. */
export function queryText(members: Members, send: Carriages): string {
  return Object.entries(members)
    .flatMap(([member, value]) => {
      const how = Object.hasOwn(send, member) ? send[member] : undefined;
      return pairs(how?.name ?? member, value, how?.as);
    })
    .join("&");
}

/** `name=value` for each part of a value. Absent values have none. */
function pairs(name: string, value: unknown, as: Carriage["as"]): string[] {
  if (value === undefined) return [];
  if (as === "json") return [pair(name, JSON.stringify(value))];
  const separator = SEPARATORS[as ?? ""];
  if (Array.isArray(value)) {
    if (separator === undefined)
      return value.flatMap((one) => (one === undefined ? [] : [pair(name, textOf(one))]));
    return [`${encodeURIComponent(name)}=${joined(value, separator)}`];
  }
  if (typeof value !== "object" || value === null) return [pair(name, textOf(value))];
  if (separator !== undefined)
    return [`${encodeURIComponent(name)}=${joined(Object.entries(value).flat(), separator)}`];
  if (as === "members") return Object.entries(value).flatMap(([key, one]) => pairs(key, one, undefined));
  if (as === "deep")
    return Object.entries(value).flatMap(([key, one]) => pairs(`${name}[${key}]`, one, "deep"));
  return [pair(name, textOf(value))];
}

function joined(values: readonly unknown[], separator: string): string {
  return values
    .filter((one) => one !== undefined)
    .map((one) => encodeURIComponent(textOf(one)))
    .join(separator);
}

function pair(name: string, value: string): string {
  return new URLSearchParams([[name, value]]).toString();
}

function textOf(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** A body and its media type. `type` is absent where nothing is sent. */
interface Body {
  readonly type?: string;
  readonly body: string | undefined;
  /** Present when the body is bytes, one character each. */
  readonly isBytes?: true;
}

/**
 * The body of a request. `type` is its media type; `""` sends JSON only when a member is left. The text depends on the
 * input alone, so that the same call has the same bytes.
 */
export function encodedBody(members: Members, send: Carriages, type = "application/json"): Body {
  const [[whole] = []] = Object.entries(send).filter(([, { in: place }]) => place === "body");
  if (whole !== undefined && members[whole] === undefined) return { body: undefined };
  const value = whole === undefined ? members : members[whole];
  if (type === "" && whole === undefined && Object.values(members).every((one) => one === undefined)) {
    return { body: undefined };
  }
  if (type === "" || /json|^\*/i.test(type)) {
    return {
      type: type === "" || type.includes("*") ? "application/json" : type,
      body: JSON.stringify(value),
    };
  }
  if (/^multipart\//i.test(type)) return multipart(members);
  if (/urlencoded/i.test(type)) return { type, body: queryText(members, send) };
  return { type, body: textOf(value) };
}

/** RFC 7578. Lists repeat their name, objects are JSON. With a file among them, the body is bytes. */
function multipart(members: Members): Body {
  const all = Object.entries(members).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).filter((one) => one !== undefined).map((one) => ({ name, one })),
  );
  const isBytes = all.some(({ one }) => one instanceof FilePart);
  const written = (text: string): string => (isBytes ? textOfBytes(new TextEncoder().encode(text)) : text);
  const parts = all.map(({ name, one }) => {
    const title = `content-disposition: form-data; name="${quoted(name)}"`;
    if (one instanceof FilePart) {
      const head = `${title}; filename="${quoted(one.name)}"\r\ncontent-type: ${one.type}\r\n\r\n`;
      return `${written(head)}${textOfBytes(one.bytes)}\r\n`;
    }
    const kind = typeof one === "object" && one !== null ? "\r\ncontent-type: application/json" : "";
    return written(`${title}${kind}\r\n\r\n${textOf(one)}\r\n`);
  });
  let boundary = "resource402";
  while (parts.some((part) => part.includes(boundary))) boundary += "-";
  const body = `${parts.map((part) => `--${boundary}\r\n${part}`).join("")}--${boundary}--\r\n`;
  const type = `multipart/form-data; boundary=${boundary}`;
  return isBytes ? { type, body, isBytes } : { type, body };
}

function quoted(name: string): string {
  return name.replaceAll('"', "%22").replace(/[\r\n]/g, "%0A");
}
