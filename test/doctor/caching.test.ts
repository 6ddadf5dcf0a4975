import { expect, it } from "vitest";
import { isShareable } from "../../codegen/doctor/caching.ts";

it.each([
  ["GET", 402, {}, false],
  ["POST", 200, {}, false],
  ["GET", 400, {}, false],
  ["GET", 200, {}, true],
  ["GET", 404, {}, true],
  ["GET", 200, { "cache-control": "private" }, false],
  ["GET", 200, { "cache-control": "no-store" }, false],
  ["GET", 200, { "cache-control": "max-age=0" }, false],
  ["GET", 402, { "cache-control": "public, max-age=60" }, true],
  ["POST", 402, { "cache-control": "s-maxage=60" }, true],
  ["GET", 402, { expires: "Thu, 01 Jan 1970 00:00:00 GMT" }, false],
  ["GET", 402, { date: "Thu, 01 Jan 1970 00:00:00 GMT", expires: "Thu, 01 Jan 1970 00:01:00 GMT" }, true],
])("a shared cache may keep %s %i with %j: %s (RFC 9111)", (method, status, headers, may) => {
  expect(isShareable({ method, status, headers: new Headers(headers as Record<string, string>) })).toBe(may);
});
