import { DurableObject, env } from "cloudflare:workers";
import { openServer, type Settings } from "./server.ts";

interface Env {
  readonly SHOP: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

/** One server for all requests, which goes on between them. */
export class Shop extends DurableObject<Env> {
  readonly server = openServer(env as unknown as Settings, { jobs: { keepsRunning: true } });

  override fetch(request: Request): Promise<Response> {
    return this.server.fetch(request);
  }
}

export default {
  fetch: (request: Request, { SHOP }: Env) => SHOP.get(SHOP.idFromName("shop")).fetch(request),
};
