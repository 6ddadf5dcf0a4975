import type { PaymentRequirements } from "../../src/protocol/index.ts";
import { type Challenge, isChallenge, readChallenge } from "./challenge.ts";
import {
  hasBody,
  type InputShape,
  type OperationField,
  type ProbeOperation,
  probeRequestOf,
  type Sample,
  sampleInput,
  takesJson,
} from "./operation.ts";
import { wrongTypeOf } from "./schema.ts";
import type { Site } from "./site.ts";
import { checkNameOf, saidBy } from "./target.ts";
import type { Ask, ProbeExchange, Wire } from "./wire.ts";

/** One resource under examination. A request that several checks need is sent once. */
export interface Examination {
  readonly operation: ProbeOperation;
  /** `POST /v1/caption` */
  readonly name: string;
  readonly site: Site;
  readonly wire: Wire;
  /** Response time above which an unpaid request counts as slow, in milliseconds. */
  readonly slowMs: number;
  /** The response to a request without input. */
  readonly probe: ProbeExchange;
  readonly challenge: Challenge;
  /** The input to send, from the best source available. */
  readonly shape: InputShape | undefined;
  readonly sample: Sample;
  /** The response to the sample input, without a payment. */
  priced(): Promise<ProbeExchange>;
  /** The request with the sample input when the resource accepts it; otherwise the reason why not. */
  accepted(): Promise<Ask | string>;
  /** The responses to inputs with one mistake each; `undefined` when the input cannot have that mistake. */
  invalidInput(mistake: CheckMistake): Promise<InvalidInput | undefined>;
  /** The paid call, made once; otherwise the reason why there is none. */
  purchase(): Promise<TrialPurchase | string>;
  /** Every exchange of this resource so far. */
  exchanges(): readonly ProbeExchange[];
}

/** One signed payment, sent three times at once. All paid checks share this one signature. */
export interface TrialPurchase {
  readonly offer: PaymentRequirements;
  /** Decimal US dollars. */
  readonly usd: string;
  /** The paid request, to be sent again. */
  readonly ask: Ask;
  /** The three responses. */
  readonly answers: readonly ProbeExchange[];
  /** The first of them that was successful. */
  readonly bought: ProbeExchange | undefined;
}

export type CheckMistake = "type" | "missing" | "json" | "media" | "size";

interface InvalidInput {
  readonly exchange: ProbeExchange;
  /** The field with the mistake; absent when it is the whole body. */
  readonly field?: string;
}

export interface ExaminationOptions {
  readonly operation: ProbeOperation;
  readonly site: Site;
  readonly wire: Wire;
  readonly slowMs: number;
  readonly buy: (at: Examination) => Promise<TrialPurchase | string>;
}

/** One --input cannot fit two resources; each resource can have its own examples. */
export const ANOTHER_INPUT =
  "put a valid input first in its `examples` in the definition, or pass --input with the address of this resource alone";

/** Larger than any text field of a paid call should need. */
const SURPLUS_BYTES = 2 * 1024 * 1024;

/** Asks for the price, and prepares what the checks need. */
export async function beginExamination(options: ExaminationOptions): Promise<Examination> {
  const { operation, site, wire, slowMs, buy } = options;
  const before = wire.exchanges.length;
  const probe = await wire.send(probeRequestOf(operation, operation.given, true));
  const said = saidBy(probe)?.shape;
  const shape = operation.shape
    ? { ...(said?.example === undefined ? {} : { example: said.example }), ...operation.shape }
    : said;
  const known = { ...operation, shape };
  const sample = sampleInput(known);

  const priced = once(() => wire.send(probeRequestOf(known, sample.value)));
  const mistakes = new Map<CheckMistake, Promise<InvalidInput | undefined>>();
  const self: Examination = {
    ...{ operation: known, site, wire, slowMs, probe, shape, sample, priced },
    name: checkNameOf(operation),
    challenge: readChallenge(probe),
    async accepted() {
      if (isChallenge(await priced())) return probeRequestOf(known, sample.value);
      return `no valid input is known (the server answers ${(await priced()).status} to ${sample.from === "given" ? "the --input" : "the input that was tried"}); ${ANOTHER_INPUT}`;
    },
    invalidInput(mistake) {
      const made = mistakes.get(mistake) ?? spoil(mistake);
      mistakes.set(mistake, made);
      return made;
    },
    purchase: once(() => buy(self)),
    exchanges: () => wire.exchanges.slice(before),
  };

  async function spoil(mistake: CheckMistake): Promise<InvalidInput | undefined> {
    const made = invalidRequest(known, sample.value, mistake);
    if (!made) return undefined;
    const exchange = await wire.send(made.ask);
    return { exchange, ...(made.field === undefined ? {} : { field: made.field }) };
  }

  return self;
}

interface InvalidRequest {
  readonly ask: Ask;
  readonly field?: string;
}

function invalidRequest(
  operation: ProbeOperation,
  input: unknown,
  mistake: CheckMistake,
): InvalidRequest | undefined {
  const { method } = operation;
  const fields = operation.shape?.fields ?? [];
  const valid = (typeof input === "object" && input !== null ? input : {}) as Record<string, unknown>;
  const plain = probeRequestOf(operation, input);
  const { body: _, headers, ...bare } = plain;
  const with_ = (body: string, type = "application/json"): Ask => ({
    ...bare,
    headers: { ...headers, "content-type": type },
    body,
  });
  switch (mistake) {
    case "type": {
      const found = firstOf(fields, (field) => wrongValueOf(field));
      if (found)
        return {
          ask: probeRequestOf(operation, { ...valid, [found.field.name]: found.value }),
          field: found.field.name,
        };
      const whole = operation.shape?.body && wrongTypeOf(operation.shape.body);
      return whole === undefined ? undefined : { ask: with_(JSON.stringify(whole)) };
    }
    case "missing": {
      const field = fields.find(({ required, place }) => required && place !== "path");
      if (!field) return undefined;
      const { [field.name]: _, ...rest } = valid;
      // A GET without a query is only a question about the price.
      const isProbe =
        !hasBody(method) && !fields.some(({ name, place }) => place === "query" && name in rest);
      return isProbe ? undefined : { ask: probeRequestOf(operation, rest), field: field.name };
    }
    case "json":
      return takesJson(operation)
        ? { ask: with_(`{"${fields[0]?.name ?? "input"}": "unfinished`) }
        : undefined;
    case "media":
      return takesJson(operation) ? { ask: with_("this is plain text, not JSON", "text/plain") } : undefined;
    case "size": {
      if (!takesJson(operation)) return undefined;
      const text = fields.find(
        ({ place, schema }) => place === "body" && schema.type === "string" && !schema.enum,
      );
      const name = text?.name ?? "padding";
      return { ask: with_(JSON.stringify({ ...valid, [name]: "x".repeat(SURPLUS_BYTES) })), field: name };
    }
  }
}

function firstOf<T>(
  fields: readonly OperationField[],
  pick: (field: OperationField) => T | undefined,
): { readonly field: OperationField; readonly value: T } | undefined {
  for (const field of fields) {
    const value = pick(field);
    if (value !== undefined) return { field, value };
  }
  return undefined;
}

/** Path and query values are always text, so only a field that is not free text can have the wrong type. */
function wrongValueOf({ place, schema }: OperationField): unknown {
  if (place === "body") return wrongTypeOf(schema);
  const isFree = schema.type === "string" && schema.enum === undefined && schema.format === undefined;
  return isFree || schema.type === undefined || schema.type === "array" ? undefined : "not-a-value";
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= work();
    return made;
  };
}
