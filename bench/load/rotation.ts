import { median, quantile } from "../statistics.ts";
import type { Measurement, MeasureOptions } from "../table.ts";
import { openConnections } from "./connections.ts";
import { ALL_CORES, keepOn, LOAD_CORE } from "./cores.ts";
import { type ServerProcess, startServer } from "./server.ts";

/** One way to serve the route, and what it is asked. */
export interface Variant {
  /** File in `servers/`. */
  readonly server: string;
  /** What it must answer. */
  readonly status: number;
  /** Makes the requests of one slice, before its clock starts. */
  requests(port: number, count: number): Promise<readonly Buffer[]>;
}

export interface Measured {
  /** CPU of the server per request as a multiple of the baseline's, median over all rotations. */
  readonly ratio: Measurement;
  /** Median CPU per request, in microseconds: for this machine only. */
  readonly cpuMicros: number;
}

interface Running extends Variant {
  readonly process: ServerProcess;
  readonly samples: number[];
}

const SLICE = 500;

/**
 * Measures servers in short slices that take turns, and compares each with the baseline (the first one)
 * of the same rotation: whatever else the machine does falls on all of them alike.
 */
export async function compare(
  variants: readonly Variant[],
  { quick, profileTo, log }: MeasureOptions,
): Promise<readonly Measured[]> {
  const [rotations, warmUp] = quick ? [10, 4] : [60, 24];
  const running: Running[] = [];
  keepOn(LOAD_CORE, process.pid);
  try {
    for (const variant of variants) {
      const process = await startServer(variant.server, profileTo);
      running.push({ ...variant, process, samples: [] });
    }
    log(`warming up ${variants.map(({ server }) => server).join(", ")}`);
    for (let round = 0; round < warmUp; round += 1) {
      for (const one of running) await cpuPerRequest(one);
    }
    log(`${rotations} rotations of ${SLICE} requests each`);
    for (let rotation = 0; rotation < rotations; rotation += 1) {
      // No server always follows the same neighbour.
      const turns = [
        ...running.slice(rotation % running.length),
        ...running.slice(0, rotation % running.length),
      ];
      for (const one of turns) one.samples.push(await cpuPerRequest(one));
    }
    const measured = running.map(({ samples }) => relative(samples, running[0]?.samples ?? []));
    log(
      running.map(({ server }, index) => `${server} ${measured[index]?.cpuMicros.toFixed(1)} µs`).join(", "),
    );
    return measured;
  } finally {
    await Promise.all(running.map(({ process }) => process.stop()));
    keepOn(ALL_CORES, process.pid);
  }
}

async function cpuPerRequest({ process, status, requests }: Running): Promise<number> {
  const slice = await requests(process.port, SLICE);
  // Each slice has its own: a server closes connections that wait for their turn for long.
  const connections = await openConnections(process.port);
  const before = await process.cpuMicros();
  await connections.send(slice, status);
  const spent = (await process.cpuMicros()) - before;
  connections.close();
  return spent / slice.length;
}

function relative(samples: readonly number[], baseline: readonly number[]): Measured {
  const ratios = samples.map((sample, index) => sample / (baseline[index] ?? Number.NaN));
  return {
    ratio: { value: median(ratios), quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] },
    cpuMicros: median(samples),
  };
}
