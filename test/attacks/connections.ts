import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type Attack, post, type Target } from "./attack.ts";

/** Above the limits of `listen`: 10 s for the headers, 30 s for the whole request. */
const WAIT_MS = 36_000;

/** Opens `count` connections, sends the start of a request on each, and waits until the server has closed them. */
async function held(target: Target, count: number, start: string) {
  const { hostname, port } = new URL(target.seller.url);
  let closed = 0;
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index += 1) {
    const socket = connect(Number(port), hostname);
    socket
      .on("error", () => {})
      .on("close", () => {
        closed += 1;
      });
    socket.resume();
    await once(socket, "connect");
    socket.write(start);
    sockets.push(socket);
  }
  // A byte a second, so that no connection looks idle.
  const drip = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed) socket.write("x");
  }, 1_000);
  const begun = performance.now();
  let slowest = 0;
  while (closed < count && performance.now() - begun < WAIT_MS) {
    const asked = performance.now();
    const { status } = await target.send("/v1/caption", post('{"text":"x"}'));
    if (status !== 402) throw new Error(`an honest request got ${status}`);
    slowest = Math.max(slowest, performance.now() - asked);
    await pause(250);
  }
  const seconds = Math.round((performance.now() - begun) / 1_000);
  clearInterval(drip);
  const left = count - closed;
  for (const socket of sockets) socket.destroy();
  const end = left === 0 ? `all closed after ${seconds} s` : `${left} still open after ${seconds} s`;
  return { text: `${end}; honest requests take ${Math.ceil(slowest)} ms at most`, isBounded: left === 0 };
}

export const CONNECTIONS: readonly Attack[] = [
  {
    name: "2,000 connections that send headers byte by byte",
    run: (target) => held(target, 2_000, "POST /v1/caption HTTP/1.1\r\nhost: x\r\nx-slow: "),
  },
  {
    name: "500 connections that stop in the middle of a body of 1 MB",
    memoryMb: 400,
    run: (target) =>
      held(
        target,
        500,
        `POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1048000\r\n\r\n${"x".repeat(1_000_000)}`,
      ),
  },
];
