import { isRecord } from "../../../src/protocol/index.ts";
import { isChallenge, jsonOf } from "../challenge.ts";
import { type Check, type CheckVerdict, fault, PASSED, skipped } from "../check.ts";
import type { CheckMistake, Examination } from "../examination.ts";
import { evidenceOf, type ProbeExchange } from "../wire.ts";

const BEFORE_PAYMENT =
  "If the server asks for payment before it validates the input, a buyer pays for an error, or learns of it only after signing.";

export const INPUT_CHECKS: readonly Check[] = [
  {
    id: "input-example",
    title: "The server answers a valid input with its price",
    severity: "error",
    scope: "resource",
    why: "Buyers copy the example first. If the server refuses it, the document and the server disagree.",
    source: "practice; OpenAPI 3.1 §4.8.19 Example Object",
    fix: "Check the published examples against the schema that the server uses for validation.",
    look: async (at) => {
      const { sample } = at;
      const priced = await at.priced();
      if (isChallenge(priced)) return PASSED;
      if (priced.status >= 500 || priced.status === 0) {
        return fault("The server does not answer an input that fits the schema.", evidenceOf(priced));
      }
      if (priced.status >= 200 && priced.status < 300) {
        return fault(
          "The server gives the resource away: it answers an unpaid call with success.",
          evidenceOf(priced),
        );
      }
      return sample.from === "example"
        ? fault("The server refuses the published example.", evidenceOf(priced))
        : skipped(
            `no valid input is known: the server answers ${priced.status} to the input that was tried; give one with --input`,
          );
    },
  },
  spoiling({
    id: "input-type",
    title: "The server refuses a value of the wrong type before payment",
    mistake: "type",
    without: "no field can have a value of the wrong type",
    said: "a value of the wrong type",
    source: "RFC 9110 §15.5.1; practice: validate before the 402",
  }),
  spoiling({
    id: "input-missing",
    title: "The server refuses an input without a required field before payment",
    mistake: "missing",
    without: "no field is known to be required",
    said: "an input without a required field",
    source: "RFC 9110 §15.5.1; practice: validate before the 402",
  }),
  spoiling({
    id: "input-json",
    title: "The server refuses a body that is not JSON before payment",
    mistake: "json",
    without: "no document describes a body of JSON",
    said: "a truncated body",
    source: "RFC 9110 §15.5.1; RFC 8259",
  }),
  spoiling({
    id: "input-media",
    title: "The server refuses a body of another media type before payment",
    mistake: "media",
    without: "no document describes a body of JSON",
    said: "a plain text body",
    source: "RFC 9110 §15.5.16",
    severity: "warning",
  }),
  spoiling({
    id: "input-size",
    title: "The server refuses a body of 2 MiB before payment",
    mistake: "size",
    without: "no document describes a body of JSON",
    said: "a body of 2 MiB",
    source: "RFC 9110 §15.5.14",
    severity: "warning",
  }),
  {
    id: "input-named",
    title: "A refusal names the invalid field",
    severity: "warning",
    scope: "resource",
    why: "An agent uses the response to fix its request. If the response does not name the invalid field, the agent sends the same request again.",
    source: "RFC 9457 §3; practice",
    fix: 'Answer with the path of each invalid field and the expected value: { "details": [{ "path": "prompt", "message": "…" }] }.',
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
    why: "Programs read errors. They cannot parse an HTML page or plain text reliably.",
    source: "RFC 9457 §3",
    fix: "Answer application/problem+json with type, title, status and detail.",
    look: async (at) => {
      const refusals = await seen(at, isRefusal);
      const [first] = refusals;
      if (!first) return skipped("no refusal was seen");
      const other = refusals.find((exchange) => !isRecord(jsonOf(exchange)));
      if (other) return fault("The refusal is not a JSON object.", evidenceOf(other, ["content-type"]));
      const plain = refusals.find(
        ({ headers }) => !/^application\/(problem\+)?json/i.test(headers.get("content-type") ?? ""),
      );
      return plain
        ? fault("The content type of the refusal is not JSON.", evidenceOf(plain, ["content-type"]))
        : PASSED;
    },
  },
];

/** Every response to an invalid input for which `like` is true. */
async function seen(at: Examination, like: (exchange: ProbeExchange) => boolean): Promise<ProbeExchange[]> {
  const mistakes: readonly CheckMistake[] = ["type", "missing", "json", "media"];
  const all = await Promise.all(mistakes.map((mistake) => at.invalidInput(mistake)));
  return all.flatMap((one) => (one && like(one.exchange) ? [one.exchange] : []));
}

/** A refusal of the input: a 4xx other than 402. */
export function isRefusal({ status }: ProbeExchange): boolean {
  return status >= 400 && status < 500 && status !== 402;
}

interface Spoiling {
  readonly id: string;
  readonly title: string;
  readonly mistake: CheckMistake;
  readonly without: string;
  readonly said: string;
  readonly source: string;
  readonly severity?: Check["severity"];
}

function spoiling({ id, title, mistake, without, said, source, severity = "error" }: Spoiling): Check {
  return {
    ...{ id, title, severity, source, scope: "resource" },
    why: BEFORE_PAYMENT,
    fix: "Validate first: answer 400 to invalid input (413 when it is too large, 415 when it is not JSON), free of charge, before any payment step.",
    look: async (at): Promise<CheckVerdict> => {
      const made = await at.invalidInput(mistake);
      if (!made) return skipped(without);
      const { exchange, field } = made;
      const which = field === undefined || mistake === "size" ? "" : ` (${field})`;
      if (isRefusal(exchange)) return PASSED;
      if (exchange.failure) {
        // A server may close the connection when the body is too large (RFC 9110 §15.5.14).
        return mistake === "size" && exchange.failure.kind === "broken"
          ? PASSED
          : fault(`The server does not answer ${said}${which}.`, evidenceOf(exchange));
      }
      if (exchange.status === 402) {
        return fault(`The server asks for payment for ${said}${which}.`, evidenceOf(exchange));
      }
      return fault(`The server answers ${exchange.status} to ${said}${which}.`, evidenceOf(exchange));
    },
  };
}
