import { isUsd } from "../../schema/money.ts";
import { isRecord, type PaymentRequirements, type Receipt } from "../protocol/index.ts";
import type { Method } from "../protocol/request.ts";
import type { Charged } from "./errors.ts";
import type { JobFormat } from "./job-format.ts";

/** What tells one call from another. */
export interface CallName {
  readonly baseUrl: string;
  readonly resource: string;
  readonly idempotencyKey: string;
}

/** A payment that has been signed. Its bytes never change. */
export interface SavedPayment {
  /** Random: tells two payments under one key apart. One that replaces another has the same, since one of them settles. */
  readonly id: string;
  /** The header `PAYMENT-SIGNATURE` or `X-PAYMENT`. Whoever knows it can have it settled, once: keep it as you keep a cheque. */
  readonly header: string;
  readonly offer: PaymentRequirements;
  /** US dollars, as a decimal, paid in `currency`. */
  readonly usd: string;
  /**
   * US dollars, where more than `usd` may be taken: a payment that this one has replaced asks for more. At most one of
   * the two can settle.
   */
  readonly mostUsd?: string | undefined;
  readonly currency: string;
  /** When it can no longer be settled. Seconds since the epoch. */
  readonly validBefore: number;
  /** The x402 version of `header`; that of version 1 goes into `X-PAYMENT`. @default 2 */
  readonly version?: 1;
  /** True when it was sent ahead of a 402: what the seller asks for may replace it. */
  readonly isAhead?: true;
  /** True when it replaces a payment of which the seller has not said that it did not charge it. */
  readonly isUnsure?: true;
  /** True once the seller has said that it did not charge it. */
  readonly isUnused?: true;
}

/** What is expected of the answer. */
export interface Expected {
  /** False: the answer is the output, whatever its status. */
  readonly isJob: boolean;
  /** The media types of the output, where they are published. */
  readonly produces?: readonly string[] | undefined;
  /** How the seller speaks of its jobs, where that is published. */
  readonly format?: JobFormat | undefined;
  /** Whether the seller's document declares an idempotency key. */
  readonly isKeyed?: boolean | undefined;
}

/** Everything of a request but the payment. */
export interface SavedRequest {
  readonly method: Method;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Present when the body is bytes, one character each. */
  readonly isBytes?: true;
  readonly expected?: Expected | undefined;
}

/** What has to be kept to come back to a job: plain JSON. */
export interface SavedJob {
  readonly resource: string;
  readonly jobId: string;
  readonly statusUrl: string;
  /** Where the job's changes are streamed. Without it, the job's status is asked. */
  readonly eventsUrl?: string | undefined;
  readonly idempotencyKey: string;
  readonly receipt?: Receipt | undefined;
  readonly expiresAt?: string | undefined;
  readonly webhookSecret?: string | undefined;
  /** Present for a job of a seller of another make. */
  readonly format?: JobFormat | undefined;
}

/** A call whose payment was signed and may still settle: plain JSON. */
export interface SavedCall extends CallName {
  readonly version: 1;
  /** Absent once the call has ended. */
  readonly request?: SavedRequest | undefined;
  /** SHA-256 of the request's address and body, in hexadecimal. */
  readonly fingerprint: string;
  /** True when the client made the key: no later call is expected to use it. */
  readonly isKeyRandom: boolean;
  readonly payment: SavedPayment;
  /** Payments that were signed before under the same key (`renew`) and may still settle. */
  readonly earlier?: readonly SavedPayment[] | undefined;
  readonly receipt?: Receipt | undefined;
  /** Present once the server has accepted the call as a job. */
  readonly job?: SavedJob | undefined;
  /**
   * Present once the call has ended: it is no longer pending. It stays stored while its payment may still settle, so
   * that no process signs again under its key.
   */
  readonly ended?: { readonly charged: Charged; readonly isDelivered: boolean } | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** Every payment that was signed for a call and may still settle, the last one first. */
export function paymentsOf({ payment, earlier = [] }: SavedCall): readonly SavedPayment[] {
  return [payment, ...earlier];
}

/** What a payment counts in the budget, in US dollars. */
export function countedUsd({ usd, mostUsd = usd }: Pick<SavedPayment, "usd" | "mostUsd">): string {
  return mostUsd;
}

/** What a seller reports about a payment, for the call: its "no" is not about the payment that this one has replaced. */
export function chargedFor({ isUnsure }: SavedPayment, said: Charged): Charged {
  return said === "no" && isUnsure ? "unknown" : said;
}

/** How long after its authorization's end a payment may still turn up in a block. */
const EXPIRY_MARGIN_MS = 60_000;

/** When the payments of a call can no longer settle, in milliseconds since the epoch. */
export function expiryOf(call: SavedCall): number {
  return Math.max(...paymentsOf(call).map(({ validBefore }) => validBefore)) * 1000 + EXPIRY_MARGIN_MS;
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
    if (!isRecord(call) || call.version !== 1 || !Array.isArray(call.earlier ?? [])) return undefined;
    const { baseUrl, resource, idempotencyKey, fingerprint, request, ended, payment } = call;
    const texts = [baseUrl, resource, idempotencyKey, fingerprint, isRecord(request) ? request.url : ""];
    const payments = [payment, ...((call.earlier ?? []) as unknown[])];
    const isWhole = isRecord(request ?? ended) && payments.every(isPayment);
    return isWhole && texts.every(isText) ? (call as unknown as SavedCall) : undefined;
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): value is string => typeof value === "string";

function isPayment(value: unknown): boolean {
  if (!isRecord(value) || !isText(value.id) || !isText(value.header) || !isRecord(value.offer)) return false;
  return isUsd(value.usd) && typeof value.validBefore === "number";
}

/** Keeps calls as long as this process lives. */
export function memoryCalls(): Calls {
  const kept = new Map<string, SavedCall>();
  return callsIn({
    alone: async (_, work) => work(),
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
 * origin can read them; what cannot be read as a saved call is left alone. Tabs may share it: the Web Locks API, where the
 * platform has it (browsers have it on https and on localhost), keeps two of them from storing the same call at once.
 *
 * @param prefix of the items' keys. Default `"resource402:"`.
 */
export function storageCalls(storage: StorageLike, prefix = "resource402:"): Calls {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  return callsIn({
    alone: async (name, work) => (locks ? locks.request(prefix + name, async () => work()) : work()),
    get: (name) => readSavedCall(storage.getItem(prefix + name)),
    set: (name, call) => storage.setItem(prefix + name, JSON.stringify(call)),
    delete: (name) => storage.removeItem(prefix + name),
    names: () =>
      Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "")
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length)),
  });
}

/** Calls in a place that answers at once. */
function callsIn(place: {
  /** Runs `work` while no other client changes the call of that name. */
  alone<T>(name: string, work: () => T): Promise<T>;
  get(name: string): SavedCall | undefined;
  set(name: string, call: SavedCall): unknown;
  delete(name: string): unknown;
  names(): string[];
}): Calls {
  const find = (name: CallName): SavedCall | undefined => place.get(nameOf(name));
  const store = (call: SavedCall, other: () => SavedCall | undefined): Promise<SavedCall> =>
    place.alone(nameOf(call), () => {
      const holder = other();
      if (!holder) place.set(nameOf(call), call);
      return holder ?? call;
    });
  const other = (call: SavedCall): SavedCall | undefined => {
    const holder = find(call);
    return holder?.payment.header === call.payment.header ? undefined : holder;
  };
  return {
    add: (call) => store(call, () => find(call)),
    replace: (was, call) => store(call, () => other(was)),
    remove: (call) => place.alone(nameOf(call), () => void (other(call) ?? place.delete(nameOf(call)))),
    find: async (name) => find(name),
    list: async () => place.names().flatMap((name) => place.get(name) ?? []),
  };
}
