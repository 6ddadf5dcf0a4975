import { DurableObject } from "cloudflare:workers";
import { makeServer, type Setting } from "../api/server.ts";

declare const SETTING: Setting;

/** One server for all requests, which goes on between them. */
export class Shop extends DurableObject {
  readonly server = makeServer(SETTING, { jobs: { keepsRunning: true } });

  override fetch(request: Request): Promise<Response> {
    return this.server.fetch(request);
  }
}

interface Env {
  readonly SHOP: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

export default {
  fetch: (request: Request, { SHOP }: Env) => SHOP.get(SHOP.idFromName("shop")).fetch(request),
};
