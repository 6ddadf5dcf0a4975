import type { Store } from "./store.ts";

/** The store could not do what it was asked to: the disk is full, the file is locked, the connection is gone. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/** The store failed, and it cannot be told whether it has written what it was asked to. */
export class Uncertain extends StoreUnavailable {}

/** The same store. Each of its failures is a {@link StoreUnavailable}, unlike a mistake in the code. */
export function wrapStoreErrors(store: Store): Store {
  const guarded =
    (name: string, method: (...args: unknown[]) => unknown) =>
    async (...args: unknown[]): Promise<unknown> => {
      try {
        return await method.apply(store, args);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new StoreUnavailable(`the store failed (${name}): ${why}`, { cause });
      }
    };
  const members = new Map<string | symbol, unknown>();
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (!members.has(name)) {
        const isSync = name === "watch";
        members.set(name, isSync ? member.bind(target) : guarded(String(name), member as () => unknown));
      }
      return members.get(name);
    },
  });
}
