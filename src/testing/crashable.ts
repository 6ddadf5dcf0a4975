import { FAULT_POINTS, type FaultPoint, type Faults } from "../telemetry/fault.ts";

export { FAULT_POINTS, type FaultPoint, type Faults };

/** Options of `crashable`: where the server dies, and what it calls on its way. */
export interface CrashableOptions {
  /** Dies when it passes this point … */
  readonly at?: FaultPoint;
  /** … for the nth time. @default 1 */
  readonly nth?: number;
  /** Called at every point that is passed while it lives. The returned promise is awaited. */
  readonly onPass?: (point: FaultPoint, nth: number) => unknown;
}

/** The life of a server in this process. What has gone through `guard` or `fetch` ends with it. */
export interface Crashable {
  /** The server's option `faults`. */
  readonly faults: Faults;
  readonly alive: boolean;
  /** How often each point has been passed. */
  readonly passed: ReadonlyMap<FaultPoint, number>;
  /** Resolves when it has died. */
  readonly death: Promise<void>;
  /**
   * The same object until death: what its methods are asked afterwards has no effect and is never answered, and what
   * was asked before has its effect and is never answered either. For the store, the facilitator and the handlers.
   */
  guard<T extends object>(target: T): T;
  /** The server's `fetch`, which ends as a broken connection does. */
  fetch(answer: (request: Request) => Promise<Response>): (request: Request) => Promise<Response>;
  /** As `kill -9` does it. */
  kill(): void;
}

/**
 * A server in this process that can die as a killed one does: from one moment to the next, nothing that it has begun
 * goes on, and nothing that it would still do has an effect. A new one may then be started over the same store.
 *
 * ```ts
 * const life = crashable({ at: "settle.after" });
 * const server = createServer({ ...options, store: life.guard(store), faults: life.faults });
 * ```
 */
export function crashable({ at, nth = 1, onPass }: CrashableOptions = {}): Crashable {
  let alive = true;
  let die = (): void => {};
  const death = new Promise<void>((resolve) => {
    die = resolve;
  });
  const passed = new Map<FaultPoint, number>();
  const never = new Promise<never>(() => {});
  const broken = () => new TypeError("fetch failed", { cause: new Error("the server has died") });
  const kill = () => {
    alive = false;
    die();
  };

  return {
    get alive() {
      return alive;
    },
    passed,
    death,
    kill,
    faults: {
      async reach(point) {
        if (!alive) return never;
        const count = (passed.get(point) ?? 0) + 1;
        passed.set(point, count);
        await onPass?.(point, count);
        if (point === at && count === nth) kill();
        if (!alive) return never;
      },
    },
    guard: (target) =>
      new Proxy(target, {
        get(object, name) {
          const member: unknown = Reflect.get(object, name, object);
          if (typeof member !== "function") return member;
          return (...args: unknown[]) => {
            if (!alive) return never;
            const answer: unknown = member.apply(object, args);
            if (!(answer instanceof Promise)) return answer;
            return new Promise((resolve, reject) => {
              answer.then(
                (value) => alive && resolve(value),
                (error) => alive && reject(error),
              );
            });
          };
        },
      }),
    fetch: (answer) => async (request) => {
      if (!alive) throw broken();
      const dead = death.then(() => Promise.reject(broken()));
      return Promise.race([answer(request), dead]);
    },
  };
}

/**
 * Kills this process with SIGKILL at a point: for a server in a process of its own. Written `"settle.after"`, or
 * `"settle.after:3"` for the third passing. The environment's `RESOURCE402_DIE_AT` unless given; without either, lives.
 *
 * @throws RangeError when it names no point.
 */
export function killAt(spec: string | undefined = process.env.RESOURCE402_DIE_AT): Faults {
  const [name, count = "1"] = (spec ?? "").split(":");
  const at = FAULT_POINTS.find((point) => point === name);
  if (spec && (!at || !/^[1-9]\d*$/.test(count))) throw new RangeError(`"${spec}" names no fault point`);
  let left = Number(count);
  return {
    async reach(point) {
      if (point !== at) return;
      left -= 1;
      if (left > 0) return;
      process.kill(process.pid, "SIGKILL");
      await new Promise(() => {});
    },
  };
}
