import { isUsd } from "../../schema/money.ts";
import { isRecord, type PaymentRequirements } from "../wire/index.ts";
import type { SavedJob } from "./job.ts";

/** What tells one call from another. */
export interface CallName {
  readonly baseUrl: string;
  readonly resource: string;
  readonly idempotencyKey: string;
}

/** A payment that has been signed. Its bytes never change. */
export interface SavedPayment {
  /** The `PAYMENT-SIGNATURE` header. Whoever knows it can have it settled, once: keep it as you keep a cheque. */
  readonly header: string;
  readonly offer: PaymentRequirements;
  /** US dollars, as a decimal, paid in `currency`. */
  readonly usd: string;
  readonly currency: string;
  /** When it can no longer be settled. Seconds since the epoch. */
  readonly validBefore: number;
}

/** A call whose payment was signed and whose end is not known yet: plain JSON. */
export interface SavedCall extends CallName {
  readonly version: 1;
  /** Everything of the request but the payment. */
  readonly request: {
    readonly method: "GET" | "POST";
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string | undefined;
  };
  readonly payment: SavedPayment;
  /** Present once the server has accepted the call as a job. */
  readonly job?: SavedJob | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/**
 * Where a client keeps the calls that it has paid for until it knows how they ended. What a method has resolved with
 * must outlive a crash of whatever the implementation is meant to survive. Several clients may share one.
 */
export interface Calls {
  /** Stores the call, unless one of the same name is stored: that one is returned then. @throws when it cannot be stored */
  add(call: SavedCall): Promise<SavedCall>;
  /**
   * Stores `call` in the place of `was`, unless another payment has taken that place: the call with that one is
   * returned then.
   */
  replace(was: SavedCall, call: SavedCall): Promise<SavedCall>;
  /** Forgets the call, unless another payment has taken its place. */
  remove(call: SavedCall): Promise<void>;
  find(name: CallName): Promise<SavedCall | undefined>;
  list(): Promise<readonly SavedCall[]>;
}

/** One text for each name. */
export function nameOf({ baseUrl, resource, idempotencyKey }: CallName): string {
  return JSON.stringify([baseUrl, resource, idempotencyKey]);
}

/** Reads what was saved; `undefined` when it is something else, or of a later version. */
export function readSavedCall(text: string | null): SavedCall | undefined {
  try {
    const call: unknown = JSON.parse(text ?? "");
    if (!isRecord(call) || call.version !== 1 || !isRecord(call.request) || !isRecord(call.payment))
      return undefined;
    const { header, usd, validBefore, offer } = call.payment;
    const texts = [call.baseUrl, call.resource, call.idempotencyKey, call.request.url, header];
    const whole = texts.every((one) => typeof one === "string") && isUsd(usd) && isRecord(offer);
    return whole && typeof validBefore === "number" ? (call as unknown as SavedCall) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps calls as long as this process lives. */
export function memoryCalls(): Calls {
  const kept = new Map<string, SavedCall>();
  return callsIn({
    get: (name) => kept.get(name),
    set: (name, call) => kept.set(name, call),
    delete: (name) => kept.delete(name),
    names: () => [...kept.keys()],
  });
}

/** What is needed of `localStorage`. */
export interface StorageLike {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * Keeps calls in the `localStorage` of a browser, or in anything like it. They outlive the page. Scripts of the same
 * origin can read them; what cannot be read as a saved call is left alone.
 *
 * @param prefix of the items' keys. Default `"resource402:"`.
 */
export function storageCalls(storage: StorageLike, prefix = "resource402:"): Calls {
  return callsIn({
    get: (name) => readSavedCall(storage.getItem(prefix + name)),
    set: (name, call) => storage.setItem(prefix + name, JSON.stringify(call)),
    delete: (name) => storage.removeItem(prefix + name),
    names: () =>
      Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "")
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length)),
  });
}

/** Calls in a place that answers at once, so that no other can come between looking and storing. */
function callsIn(place: {
  get(name: string): SavedCall | undefined;
  set(name: string, call: SavedCall): unknown;
  delete(name: string): unknown;
  names(): string[];
}): Calls {
  const find = (name: CallName): SavedCall | undefined => place.get(nameOf(name));
  const store = (call: SavedCall, holder: SavedCall | undefined): SavedCall => {
    if (holder) return holder;
    place.set(nameOf(call), call);
    return call;
  };
  const other = (call: SavedCall): SavedCall | undefined => {
    const holder = find(call);
    return holder?.payment.header === call.payment.header ? undefined : holder;
  };
  return {
    add: async (call) => store(call, find(call)),
    replace: async (was, call) => store(call, other(was)),
    remove: async (call) => void (other(call) ?? place.delete(nameOf(call))),
    find: async (name) => find(name),
    list: async () => place.names().flatMap((name) => place.get(name) ?? []),
  };
}
