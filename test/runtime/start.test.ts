import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const run = promisify(execFile);
const program = fileURLToPath(new URL("./start.ts", import.meta.url));
const refusing = createServer((_, response) => {
  response.writeHead(401, { "content-type": "application/json" }).end('{"error":"no key"}');
});
const supporting = createServer((_, response) => {
  const kinds = [{ x402Version: 2, scheme: "exact", network: "eip155:84532" }];
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ kinds, extensions: [], signers: {} }));
});
const portOf = (server: typeof refusing): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  for (const server of [refusing, supporting]) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }
});
afterAll(() => {
  refusing.close();
  supporting.close();
});

it.each([
  [
    "a facilitator that cannot be reached",
    () => ["http://127.0.0.1:9", "0"],
    /cannot be reached .*; check its URL and that it runs/,
  ],
  [
    "a facilitator that refuses",
    () => [`http://127.0.0.1:${portOf(refusing)}`, "0"],
    /refuses this server \(status 401\); pass \{ url, createAuthHeaders \}/,
  ],
  [
    "a network that it does not support",
    () => [`http://127.0.0.1:${portOf(supporting)}`, "0"],
    /does not support eip155:8453; did you mean "eip155:84532"\?/,
  ],
  [
    "a port in use",
    () => [`http://127.0.0.1:${portOf(supporting)}`, String(portOf(refusing)), "eip155:84532"],
    /port \d+ is in use by another process; end that one/,
  ],
] as const)("a start that fails by %s ends with 1 and one sentence", async (_, args, message) => {
  const failed = await run(process.execPath, [program, ...args()]).catch((error: unknown) => error);
  const { code, stderr } = failed as { code: number; stderr: string };
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).not.toContain("[cause]");
});
