import type { Deal } from "./arena.ts";

/** For `JSON.stringify`: errors with everything that a logger would print of them. */
export function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map) return [...value];
  if (!(value instanceof Error)) return value;
  const { message, stack, cause } = value;
  return { ...value, message, stack, cause };
}

/**
 * A store that fails at everything that has to do with one deal while `isBad()`. It knows no method of the store: a call is
 * about the deal when an argument names its item, key, payment, or the id of a row that does.
 */
export function poisonedStore<S extends object>(store: S, deal: Deal, isBad: () => boolean): S {
  const ids = new Set<string>();
  const isAbout = (value: unknown): boolean => {
    const text = JSON.stringify(value, withoutExcept)?.toLowerCase() ?? "";
    return [deal.item, deal.key, ...deal.nonces, ...ids].some((mark) => text.includes(mark.toLowerCase()));
  };
  const learn = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { id, callId, jobId } = value as Record<string, unknown>;
    if (!Array.isArray(value) && isAbout(value))
      for (const one of [id, callId, jobId]) if (typeof one === "string") ids.add(one);
    for (const member of Object.values(value)) learn(member);
  };
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        for (const one of args) if (isRow(one)) learn(one);
        if (isBad() && isAbout(args))
          return Promise.reject(new Error("the row cannot be read: checksum mismatch"));
        const result: unknown = member.apply(target, args);
        if (result instanceof Promise) result.then(learn, () => {});
        return result;
      };
    },
  });
}

/** Rows that a claim leaves out are not read by it. */
function withoutExcept(name: string, value: unknown): unknown {
  return name === "except" ? undefined : plain(name, value);
}

/** Where a whole step is one argument, its parts have ids of their own; a step of many rows is not one deal's. */
function isRow(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
