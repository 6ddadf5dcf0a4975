import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createGzip, constants as zlib } from "node:zlib";
import { decodeHeader, encodeHeader, type PaymentPayload } from "../../src/protocol/index.ts";
import type { Attack, Seen, Target } from "./attack.ts";

/** After this a command is killed. */
const MAX_MS = 30_000;

interface Ended {
  readonly text: string;
  readonly ms: number;
  readonly peakMb: number;
  readonly isEnded: boolean;
}

/** Runs a program of the version under attack, with the time and memory that it takes. */
async function watched(target: Target, args: readonly string[]): Promise<Ended> {
  const begun = performance.now();
  const child = spawn(process.execPath, args, { cwd: target.tree.folder, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text = (text + part).slice(-4_000);
    });
  }
  let peakMb = 0;
  const measure = async (): Promise<void> => {
    peakMb = Math.max(peakMb, await residentMb(child));
  };
  const look = setInterval(() => void measure(), 50);
  const late = setTimeout(() => child.kill("SIGKILL"), MAX_MS);
  const [code] = (await once(child, "exit")) as [number | null];
  clearInterval(look);
  clearTimeout(late);
  return { text, ms: Math.round(performance.now() - begun), peakMb, isEnded: code !== null };
}

/** Peak of the resident memory, as Linux says it. */
async function residentMb(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1_024;
}

async function serving<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  try {
    return await use(`http://127.0.0.1:${port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const documentOf = (schemas: object, input: object): string =>
  JSON.stringify({
    openapi: "3.1.0",
    info: { title: "Bomb", version: "1" },
    servers: [{ url: "/" }],
    paths: {
      "/v1/echo": {
        post: {
          operationId: "echo",
          "x-payment-info": {
            price: { mode: "fixed", currency: "USD", amount: "0.01" },
            protocols: ["x402"],
          },
          requestBody: { content: { "application/json": { schema: input } } },
          responses: {
            402: { description: "Payment required" },
            200: { description: "OK", content: { "application/json": { schema: { type: "object" } } } },
          },
        },
      },
    },
    components: { schemas },
  });

const LEVELS = 30;
const level = (index: number) => ({ $ref: `#/components/schemas/L${index}` });
const levels = (make: (index: number) => object) =>
  Object.fromEntries(
    Array.from({ length: LEVELS }, (_, index) => [
      `L${index}`,
      index === LEVELS - 1 ? { type: "object", properties: { a: { type: "string" } } } : make(index),
    ]),
  );
const bombs = {
  "a document of 3 kB that doubles in `allOf`, 30 times": documentOf(
    levels((index) => ({ allOf: [level(index + 1), level(index + 1)] })),
    level(0),
  ),
  "a document that multiplies by 10 in `anyOf`, 30 times": documentOf(
    levels((index) => ({ anyOf: Array.from({ length: 10 }, () => level(index + 1)) })),
    { type: "object", properties: { member: level(0) }, required: ["member"] },
  ),
};

const readBomb = ([name, document]: [string, string]): Attack => ({
  name: `\`generate --from\`: ${name}`,
  run: (target) =>
    serving(
      (_, response) => response.setHeader("content-type", "application/json").end(document),
      async (url) =>
        shownOf(
          await watched(target, [
            target.tree.command,
            "generate",
            "--from",
            `${url}/openapi.json`,
            "--out",
            "bomb",
          ]),
        ),
    ),
});

function shownOf({ ms, peakMb, isEnded }: Ended): Seen {
  const time = isEnded ? `ends after ${(ms / 1_000).toFixed(1)} s` : `no end in ${MAX_MS / 1_000} s`;
  return { text: `${time}; ${Math.round(peakMb)} MB`, isBounded: isEnded && peakMb < 300 };
}

/** A seller that a client of this version buys from. It gets the paid request, and says how often it was sent. */
async function sold(
  target: Target,
  offer: object,
  answer: (headers: (name: string, value: string) => unknown) => readonly [number, string],
): Promise<{ said: string; paid: string[] }> {
  const paid: string[] = [];
  const { network, asset, seller } = target.world;
  const listener: RequestListener = (request, response) => {
    request.resume();
    const header = request.headers["payment-signature"];
    if (typeof header === "string") {
      paid.push(header);
      const [status, text] = answer((name, value) => response.setHeader(name, value));
      response.writeHead(status).end(text);
      return;
    }
    const accepts = [
      {
        ...{ scheme: "exact", network, asset, amount: "10000", payTo: seller.address, maxTimeoutSeconds: 60 },
        ...{ extra: { name: "USDC", version: "2" }, ...offer },
      },
    ];
    const resource = { url: `http://${request.headers.host}${request.url}` };
    response.setHeader("payment-required", encodeHeader({ x402Version: 2, resource, accepts }));
    response.writeHead(402).end("{}");
  };
  return serving(listener, async (url) => {
    const { text } = await watched(target, ["buyer.ts", url]);
    return { said: text, paid };
  });
}

export const OUTSIDE: readonly Attack[] = [
  ...Object.entries(bombs).map(readBomb),
  {
    name: "`generate --from`: a document of 256 MB, gzipped",
    run: (target) =>
      serving(
        (_, response) => {
          response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
          const gzip = createGzip({ level: zlib.Z_BEST_SPEED });
          gzip.pipe(response);
          response.on("close", () => gzip.destroy());
          const spaces = Buffer.alloc(1_048_576, " ");
          let sent = 0;
          const more = (): void => {
            if (gzip.destroyed) return;
            sent += 1;
            if (sent > 256) gzip.end("{}");
            else gzip.write(spaces, more);
          };
          gzip.on("error", () => {});
          more();
        },
        async (url) =>
          shownOf(
            await watched(target, [
              target.tree.command,
              "generate",
              "--from",
              `${url}/openapi.json`,
              "--out",
              "bomb",
            ]),
          ),
      ),
  },
  {
    name: "client: `Retry-After: 0` for 5 s of patience",
    async run(target) {
      const busy = JSON.stringify({ code: "in_progress", paymentState: "in_flight" });
      const { paid } = await sold(target, {}, (header) => {
        header("retry-after", "0");
        header("content-type", "application/problem+json");
        return [503, busy];
      });
      return { text: `${paid.length} requests`, isBounded: paid.length < 50 };
    },
  },
  {
    name: "client: an offer that is valid for 100 years",
    async run(target) {
      const { paid, said } = await sold(target, { maxTimeoutSeconds: 3_200_000_000 }, () => [200, "{}"]);
      const [header] = paid;
      const { authorization } =
        header === undefined
          ? { authorization: undefined }
          : ((decodeHeader(header) as PaymentPayload).payload as { authorization?: { validBefore: string } });
      const hours = Math.round((Number(authorization?.validBefore ?? 0) - Date.now() / 1_000) / 3_600);
      return authorization
        ? { text: `signed for ${hours} h`, isBounded: hours <= 24 }
        : { text: `not signed: ${said}`, isBounded: true };
    },
  },
  {
    name: "client: a page of HTML as the output",
    async run(target) {
      const { said } = await sold(target, {}, (header) => {
        header("content-type", "text/html");
        return [200, "<script>alert(1)</script>"];
      });
      return { text: said, isBounded: !said.includes("script") };
    },
  },
];
