import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { JobDocument } from "resource402/client";
import { Webhook } from "standardwebhooks";

/** Receives the callbacks of jobs. */
export interface Hook {
  /** For the option `callbackUrl` of a call. */
  readonly url: string;
  /**
   * The job's document, as soon as a callback with a valid signature has brought it.
   * @param secret `webhookSecret` of the job.
   */
  ended(jobId: string, secret: string): Promise<JobDocument>;
  close(): void;
}

interface Waiting {
  readonly secret: string;
  readonly resolve: (document: JobDocument) => void;
}

/** Listens for callbacks on a free port of this machine. */
export async function openHook(): Promise<Hook> {
  const waiting = new Map<string, Waiting>();

  /** Returns the status of the response. Unless it is 2xx, the seller posts again later. */
  function receive(body: string, headers: Record<string, string>): number {
    const job = waiting.get(headers["webhook-id"] ?? "");
    // The callback of a quick job can come before the call has returned.
    if (job === undefined) return 404;
    try {
      // Checks the signature of id, time and body, and that the time is at most 5 minutes away.
      job.resolve(new Webhook(job.secret).verify(body, headers) as JobDocument);
      // A callback can come more than once. The second changes nothing.
      return 204;
    } catch {
      return 401;
    }
  }

  const server = createServer((request, response) => {
    text(request).then(
      (body) => response.writeHead(receive(body, request.headers as Record<string, string>)).end(),
      // The connection broke in the middle of the body.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs`,
    ended: (jobId, secret) =>
      new Promise((resolve) => {
        waiting.set(jobId, { secret, resolve });
      }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
