import { durableServer } from "resource402/workers";
import { openServer, type Settings } from "./server.ts";

interface Bindings {
  readonly SHOP: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

/** One server for all requests, which goes on between them. Its records are in the SQLite storage of the object. */
export const Shop = durableServer((settings: Settings, place) => openServer(settings, place));

export default {
  fetch: (request: Request, { SHOP }: Bindings) => SHOP.get(SHOP.idFromName("shop")).fetch(request),
};
