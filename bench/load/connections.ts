import { connect, type Socket } from "node:net";

const CONNECTIONS = 8;
const HEAD_END = Buffer.from("\r\n\r\n");

/** Keep-alive connections to one server. Raw sockets: a client slower than the server would be measured in its place. */
export interface Connections {
  /** Sends every request, each connection its next one when the last is answered. @throws on another status */
  send(requests: readonly Buffer[], status: number): Promise<void>;
  close(): void;
}

export async function openConnections(port: number): Promise<Connections> {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)));
  return {
    async send(requests, status) {
      const queue = requests.values();
      const rest = stayAwake();
      await Promise.all(sockets.map((socket) => drain(socket, queue, status))).finally(rest);
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Keeps this process polling instead of sleeping. Waking a sleeping reader on another core is paid by the
 * writer, so every answer of a server slower than this client would be billed for the client's sleep.
 */
function stayAwake(): () => void {
  let awake = true;
  const poll = (): void => {
    if (awake) setImmediate(poll);
  };
  poll();
  return () => {
    awake = false;
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => resolve(socket)).once("error", reject);
  });
}

/** Works on the common queue until it is empty. */
function drain(socket: Socket, queue: Iterator<Buffer>, status: number): Promise<void> {
  const statusLine = Buffer.from(`HTTP/1.1 ${status} `);
  return new Promise((resolve, reject) => {
    let received: Buffer | undefined;
    const end = (error?: Error): void => {
      socket.off("data", onData).off("close", onClose);
      if (error) reject(error);
      else resolve();
    };
    const next = (): void => {
      const request = queue.next();
      if (request.done) end();
      else socket.write(request.value);
    };
    const onClose = (): void => end(new Error("the server closed the connection"));
    const onData = (chunk: Buffer): void => {
      const answer: Buffer = received ? Buffer.concat([received, chunk]) : chunk;
      const length = lengthOf(answer);
      received = length === undefined || answer.length < length ? answer : undefined;
      if (received) return;
      if (answer.subarray(0, statusLine.length).equals(statusLine)) next();
      else end(new Error(`${status} was expected, but the server answered ${answer}`));
    };
    socket.on("data", onData).once("close", onClose);
    next();
  });
}

/** The length of the whole answer, or `undefined` until its head is complete. */
function lengthOf(answer: Buffer): number | undefined {
  const head = answer.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.toString("latin1", 0, head))?.[1];
  if (length === undefined) throw new Error(`an answer without content-length: ${answer}`);
  return head + HEAD_END.length + Number(length);
}

/** The bytes of a POST with a JSON body. */
export function post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Buffer {
  const json = JSON.stringify(body);
  const lines = [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(json)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${json}`);
}
