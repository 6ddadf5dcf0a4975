import { z } from "zod";
import { connect } from "../dist/client.js";
import { defineApi, price, resource } from "../dist/index.js";
import { listen } from "../dist/node.js";
import { serve } from "../dist/server.js";
import { median, quantile } from "./statistics.ts";
import { atMost, type Measure, type Measurement } from "./table.ts";

const api = defineApi({
  title: "Bench",
  version: "1.0.0",
  description: "One job.",
  resources: {
    wait: resource({
      summary: "Take some time.",
      input: z.object({ number: z.number().int().describe("Which job.") }),
      output: z.object({ number: z.number().int().describe("Which job.") }),
      price: price.free(),
      job: { timeout: "1m" },
    }),
  },
});
const route = { method: "POST", path: "/v1/wait" } as const;
const documents = { wait: { ...route, maxPrice: "0" } };

/** The same client, whose requests lose what makes the better ways possible. */
const WAYS = {
  events: (request: Request) => request,
  "long-poll": (request: Request) =>
    request.url.endsWith("/events") ? new Response(null, { status: 404 }) : request,
  polling: (request: Request) => {
    request.headers.delete("prefer");
    return WAYS["long-poll"](request);
  },
};

/** From the moment at which a handler has its output to that at which the buyer has it: one process, one clock. */
export const measure: Measure = async ({ quick, log }) => {
  const ended = new Map<number, number>();
  const server = serve(api, documents, {
    handlers: {
      wait: async ({ number }: { number: number }) => {
        await pause(50 + Math.random() * 100);
        ended.set(number, performance.now());
        return { number };
      },
    },
    log: { debug() {}, info() {}, warn() {}, error: console.error },
  });
  const { url: baseUrl, close } = await listen(server, { hostname: "127.0.0.1", port: 0 });
  const jobs = quick ? 10 : 100;
  let number = 0;

  async function delaysOf(way: keyof typeof WAYS): Promise<Measurement> {
    let requests = 0;
    const { jobResource } = connect({
      baseUrl,
      fetch: async (input, init) => {
        const request = WAYS[way](new Request(input, init));
        if (request instanceof Response) return request;
        requests += 1;
        return fetch(request);
      },
    });
    const wait = jobResource<{ number: number }, { number: number }>({
      name: "wait",
      price: { kind: "free" },
      ...route,
    });
    const delays: number[] = [];
    const buy = async (): Promise<void> => {
      const own = number++;
      await wait({ number: own });
      delays.push(performance.now() - (ended.get(own) ?? Number.NaN));
    };
    // Who polls sleeps most of the time: twenty at once do not disturb each other.
    const abreast = way === "polling" ? 20 : 1;
    for (let done = 0; done < jobs; done += abreast) {
      await Promise.all(Array.from({ length: Math.min(abreast, jobs - done) }, buy));
    }
    log(`${way}: ${(requests / jobs).toFixed(1)} requests a job`);
    return { value: median(delays), quartiles: [quantile(delays, 0.25), quantile(delays, 0.75)] };
  }

  async function roundTrip(): Promise<Measurement> {
    const times: number[] = [];
    for (let turn = 0; turn < jobs; turn += 1) {
      const sent = performance.now();
      await (await fetch(`${baseUrl}/v1/jobs/none`)).text();
      times.push(performance.now() - sent);
    }
    return { value: median(times), quartiles: [quantile(times, 0.25), quantile(times, 0.75)] };
  }

  await roundTrip();
  const events = await delaysOf("events");
  const held = await delaysOf("long-poll");
  const polled = await delaysOf("polling");
  const trip = await roundTrip();
  await close(0);
  return [
    {
      measure: "job's end to the buyer's result, loopback",
      unit: " ms",
      peers: [
        { name: "by polling", ...polled },
        { name: "by long-poll", ...held },
        { name: "a round trip alone", ...trip },
      ],
      ours: events,
      budget: [atMost(trip.value + 50, events.value, " ms")],
    },
  ];
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
