import { isRecord } from "../../protocol/index.ts";
import { isChallenge, jsonOf } from "../challenge.ts";
import { type Check, fault, PASSED, skipped, type Verdict } from "../check.ts";
import type { Examination, Mistake } from "../examination.ts";
import { type Exchange, evidenceOf } from "../wire.ts";

const BEFORE_PAYMENT =
  "A buyer who is asked to pay for input that cannot be used pays for an error, or finds out only after having signed.";

export const INPUT_CHECKS: readonly Check[] = [
  {
    id: "input-example",
    title: "A valid input is answered with its price",
    severity: "error",
    scope: "resource",
    why: "The example is what buyers copy first. If it is refused, the document and the server disagree.",
    source: "practice; OpenAPI 3.1 §4.8.19 Example Object",
    fix: "Check the published examples against the schema that the server validates by.",
    look: async (at) => {
      const { sample } = at;
      const priced = await at.priced();
      if (isChallenge(priced)) return PASSED;
      if (priced.status >= 500 || priced.status === 0) {
        return fault("An input by the schema is not answered.", evidenceOf(priced));
      }
      if (priced.status >= 200 && priced.status < 300) {
        return fault(
          "The resource is given away: an unpaid call is answered with success.",
          evidenceOf(priced),
        );
      }
      return sample.from === "example"
        ? fault("The published example is refused.", evidenceOf(priced))
        : skipped(
            `no valid input is known: the one that was tried is answered ${priced.status}; give one with --input`,
          );
    },
  },
  spoiling({
    id: "input-type",
    title: "A value of the wrong type is refused before payment",
    mistake: "type",
    without: "no field has a type that can be mistaken",
    said: "a value of the wrong type",
    source: "RFC 9110 §15.5.1; practice: validate before the 402",
  }),
  spoiling({
    id: "input-missing",
    title: "A missing required field is refused before payment",
    mistake: "missing",
    without: "no field is known to be required",
    said: "an input without a required field",
    source: "RFC 9110 §15.5.1; practice: validate before the 402",
  }),
  spoiling({
    id: "input-json",
    title: "A body that is not JSON is refused before payment",
    mistake: "json",
    without: "the resource takes no body",
    said: "a body that breaks off",
    source: "RFC 9110 §15.5.1; RFC 8259",
  }),
  spoiling({
    id: "input-media",
    title: "A body of another media type is refused before payment",
    mistake: "media",
    without: "the resource takes no body",
    said: "a body of plain text",
    source: "RFC 9110 §15.5.16",
    severity: "warning",
  }),
  spoiling({
    id: "input-size",
    title: "A body of 2 MiB is refused before payment",
    mistake: "size",
    without: "the resource takes no body",
    said: "a body of 2 MiB",
    source: "RFC 9110 §15.5.14",
    severity: "warning",
  }),
  {
    id: "input-named",
    title: "A refusal names the field that is wrong",
    severity: "warning",
    scope: "resource",
    why: "An agent fixes its request by the answer. What does not say which field is wrong is tried again as it was.",
    source: "RFC 9457 §3; practice",
    fix: 'Answer with the path of each field and what is expected there: { "details": [{ "path": "prompt", "message": "…" }] }.',
    look: async (at) => {
      const refusals = (await Promise.all([at.invalidInput("type"), at.invalidInput("missing")])).filter(
        (one) => one?.field !== undefined && isRefusal(one.exchange),
      );
      if (refusals.length === 0) return skipped("no refusal for a single field was seen");
      const silent = refusals.find((one) => !one?.exchange.body.includes(one.field ?? ""));
      return silent
        ? fault(`The refusal does not name ${silent.field}.`, evidenceOf(silent.exchange))
        : PASSED;
    },
  },
  {
    id: "input-problem",
    title: "A refusal is a JSON document",
    severity: "warning",
    scope: "resource",
    why: "Programs read errors; a page or plain text has to be guessed at.",
    source: "RFC 9457 §3",
    fix: "Answer application/problem+json with type, title, status and detail.",
    look: async (at) => {
      const refusals = await seen(at, isRefusal);
      const [first] = refusals;
      if (!first) return skipped("no refusal was seen");
      const other = refusals.find((exchange) => !isRecord(jsonOf(exchange)));
      if (other) return fault("The refusal is no JSON object.", evidenceOf(other, ["content-type"]));
      const plain = refusals.find(
        ({ headers }) => !/^application\/(problem\+)?json/i.test(headers.get("content-type") ?? ""),
      );
      return plain
        ? fault("The refusal does not say that it is JSON.", evidenceOf(plain, ["content-type"]))
        : PASSED;
    },
  },
];

/** Every answer to a spoiled input of which `like` is true. */
async function seen(at: Examination, like: (exchange: Exchange) => boolean): Promise<Exchange[]> {
  const mistakes: readonly Mistake[] = ["type", "missing", "json", "media"];
  const all = await Promise.all(mistakes.map((mistake) => at.invalidInput(mistake)));
  return all.flatMap((one) => (one && like(one.exchange) ? [one.exchange] : []));
}

/** A refusal of the input: of class 400, and not one that asks for money. */
export function isRefusal({ status }: Exchange): boolean {
  return status >= 400 && status < 500 && status !== 402;
}

interface Spoiling {
  readonly id: string;
  readonly title: string;
  readonly mistake: Mistake;
  readonly without: string;
  readonly said: string;
  readonly source: string;
  readonly severity?: Check["severity"];
}

function spoiling({ id, title, mistake, without, said, source, severity = "error" }: Spoiling): Check {
  return {
    ...{ id, title, severity, source, scope: "resource" },
    why: BEFORE_PAYMENT,
    fix: "Validate first: answer input that is not valid with 400 (413 where it is too large, 415 where it is no JSON), free of charge, before any talk of money.",
    look: async (at): Promise<Verdict> => {
      const made = await at.invalidInput(mistake);
      if (!made) return skipped(without);
      const { exchange, field } = made;
      const which = field === undefined || mistake === "size" ? "" : ` (${field})`;
      if (isRefusal(exchange)) return PASSED;
      if (exchange.failure) {
        // Who is sent too much may hang up (RFC 9110 §15.5.14).
        return mistake === "size" && exchange.failure.kind === "broken"
          ? PASSED
          : fault(`To ${said}${which} there is no answer.`, evidenceOf(exchange));
      }
      if (exchange.status === 402) {
        return fault(`For ${said}${which} payment is asked.`, evidenceOf(exchange));
      }
      return fault(`To ${said}${which} the answer is ${exchange.status}.`, evidenceOf(exchange));
    },
  };
}
