import { PATHS, RESOURCES } from "./api.ts";
import { buy, type ClientKind, type Outcome } from "./clients.ts";
import type { Ended } from "./invariants.ts";
import { BASE_URL, type Purchase, type Stage, sleep } from "./stage.ts";

/** What happens in a run, until all buyers have come to an end. */
export type Story = (stage: Stage, purchase: Purchase, client: ClientKind) => Promise<Ended[]>;

export async function oneBuys(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  return [{ purchase, client, outcome: await buy(stage, purchase, client) }];
}

/** Waits for something to happen, at most a minute. */
async function until(happened: () => boolean): Promise<void> {
  for (let waited = 0; !happened() && waited < 60_000; waited += 10) await sleep(10);
}

export async function cancelAuthorization(
  stage: Stage,
  purchase: Purchase,
  client: ClientKind,
): Promise<Ended[]> {
  const bought = buy(stage, purchase, client);
  await until(() => stage.facilitator.asked.settle > 0);
  const nonce = purchase.sent.at(-1)?.nonce;
  if (nonce) await stage.ledger.cancel(purchase.buyer.address, nonce);
  return [{ purchase, client, outcome: await bought }];
}

export async function otherInput(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const outcome = await buy(stage, purchase, client);
  const other: Purchase = { ...stage.purchase(purchase.resource), key: purchase.key };
  stage.purchases[1] = other;
  const network = stage.network(other);
  const second = await Promise.race([
    buy(stage, other, client, network),
    sleep(1_200_000).then((): Outcome => ({ state: "failed", why: "no answer" })),
  ]);
  return [
    { purchase, client, outcome },
    { purchase: other, client, outcome: second },
  ];
}

/** The same signed request five times at once, beside what the buyer does itself. */
export async function twins(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const network = stage.network(purchase);
  const outcome = await buy(stage, purchase, client, async (input, init) => {
    const request = new Request(input, init);
    if (!request.headers.has("payment-signature")) return network(request);
    const copies = Array.from({ length: 4 }, () => network(request.clone()).catch(() => undefined));
    const answer = await network(request);
    await Promise.all(copies);
    return answer;
  });
  return [{ purchase, client, outcome }];
}

/** A signed payment belongs to the purchase it was signed for. */
export async function otherPlace(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const outcome = await buy(stage, purchase, client);
  const signature = purchase.sent.at(-1)?.request.headers.get("payment-signature") ?? "";
  const headers = { "content-type": "application/json", "payment-signature": signature };
  const ended: Ended[] = [{ purchase, client, outcome }];
  for (const resource of RESOURCES) {
    const stolen = stage.purchase(resource);
    const answer = await stage
      .answer(
        new Request(BASE_URL + PATHS[resource], {
          method: "POST",
          headers,
          body: JSON.stringify({ item: stolen.item }),
        }),
      )
      .catch(() => undefined);
    const given = answer?.status === 200 || answer?.status === 202;
    ended.push({
      purchase: stolen,
      client: "keyless",
      outcome: given
        ? { state: "delivered", output: undefined }
        : { state: "failed", why: String(answer?.status) },
    });
  }
  return ended;
}

export async function killedAtWork(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const bought = buy(stage, purchase, client);
  await until(() => stage.starts.length > 0);
  stage.servers.find(({ number }) => number === stage.starts[0]?.server)?.life.kill();
  return [{ purchase, client, outcome: await bought }];
}

/** The server can no longer renew its lease; another one runs beside it. */
export async function losesLease(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const bought = buy(stage, purchase, client);
  await until(() => stage.starts.length > 0);
  stage.muted = stage.starts[0]?.server;
  return [{ purchase, client, outcome: await bought }];
}

export function cancels(afterMs: number): Story {
  return async (stage, purchase, client) => {
    const network = stage.network(purchase);
    const outcome = await buy(stage, purchase, client, async (input, init) => {
      const answer = await network(input, init);
      if (answer.status !== 202) return answer;
      const { statusUrl } = (await answer.clone().json()) as { statusUrl: string };
      setTimeout(
        () => void stage.answer(new Request(statusUrl, { method: "DELETE" })).catch(() => {}),
        afterMs,
      );
      return answer;
    });
    return [{ purchase, client, outcome }];
  };
}

export async function muchLater(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const outcome = await buy(stage, purchase, client);
  const runs = stage.starts.length;
  stage.clock.set(30 * 3_600_000);
  await sleep(180_000);
  const last = purchase.sent.at(-1);
  await stage.answer(last?.request.clone() ?? new Request(BASE_URL)).catch(() => {});
  await sleep(60_000);
  const ended: Ended[] = [{ purchase, client, outcome }];
  const again = stage.starts.length - runs;
  if (again > 0)
    ended.push({
      purchase,
      client,
      outcome: { state: "failed", why: `ran ${again} times more`, charged: "no" },
    });
  return ended;
}

export function clockJumps(byMs: number): Story {
  return async (stage, purchase, client) => {
    const bought = buy(stage, purchase, client);
    for (let waited = 0; stage.facilitator.asked.settle === 0 && waited < 60_000; waited += 10)
      await sleep(10);
    await sleep(1_000);
    stage.clock.set(byMs);
    return [{ purchase, client, outcome: await bought }];
  };
}

/**
 * The first buyer is gone between its paid request and the answer; the one that comes back has what it kept.
 * `awayMs`: how long no buyer asks; by the clock of all, which then stands so much later.
 */
export function buyerDies(awayMs = 0): Story {
  return async (stage, purchase, client) => {
    const network = stage.network(purchase);
    let died = false;
    const outcome = await buy(stage, purchase, client, async (input, init) => {
      const request = new Request(input, init);
      const paid = request.headers.has("payment-signature");
      if (!paid || died) return network(request);
      died = true;
      void network(request.clone()).catch(() => {});
      await sleep(30_000);
      if (awayMs > 0) {
        stage.clock.set(awayMs);
        // The servers sweep what is old.
        await sleep(180_000);
      }
      throw new TypeError("fetch failed");
    });
    return [{ purchase, client, outcome }];
  };
}

export async function invalidInput(stage: Stage, purchase: Purchase, client: ClientKind): Promise<Ended[]> {
  const network = stage.network(purchase);
  const outcome = await Promise.race([
    buy(stage, purchase, client, async (input, init) => {
      const request = new Request(input, init);
      if (!request.headers.has("payment-signature")) return network(request);
      const { headers, method, url } = request;
      return network(new Request(url, { method, headers, body: JSON.stringify({ item: 42 }) }));
    }),
    sleep(1_200_000).then((): Outcome => ({ state: "failed", why: "no answer" })),
  ]);
  return [{ purchase, client, outcome }];
}
