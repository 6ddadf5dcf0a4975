import parse from "parse-prometheus-text-format";

/** A line of Prometheus' text: its name, labels and value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/y;
const BASE_UNITS = /_(seconds|bytes|ratio|usd)$/;
/** Units that are not base ones, and abbreviations. Source: prometheus.io/docs/practices/naming, promtool's linter. */
const OTHER_UNITS =
  /(^|_)(ms|milliseconds?|microseconds?|ns|nanoseconds?|s|secs?|minutes?|hours?|days?|weeks?|percent|kb|mb|gb|kilobytes?|megabytes?|celsius|fahrenheit)(_|$)/;
const TYPES = ["counter", "gauge", "histogram", "summary", "untyped"];

/** Reads a scrape. @throws when it is not the text format, version 0.0.4 */
export function samplesOf(text: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", inside = "", value = ""] = SAMPLE.exec(line) ?? [];
      if (name === "") throw new Error(`no sample: ${line}`);
      const labels: Record<string, string> = {};
      LABEL.lastIndex = 0;
      let end = 0;
      for (let label = LABEL.exec(inside); label; label = LABEL.exec(inside)) {
        if (label[1] === undefined || label[1] in labels) throw new Error(`a label twice: ${line}`);
        labels[label[1]] = label[2] ?? "";
        end = LABEL.lastIndex;
      }
      if (end !== inside.length) throw new Error(`no labels: ${inside}`);
      const number = value === "+Inf" ? Infinity : value === "-Inf" ? -Infinity : Number(value);
      if (Number.isNaN(number) && value !== "NaN") throw new Error(`no value: ${line}`);
      return { name, labels, value: number };
    });
}

/** Everything about a scrape that Prometheus or its linter would not have, as sentences; none when it is good. */
export function lint(text: string): string[] {
  const faults: string[] = [];
  if (!text.endsWith("\n")) faults.push("the last line does not end");
  const help = new Map<string, string>();
  const types = new Map<string, string>();
  const order: string[] = [];
  for (const line of text.split("\n")) {
    const [, word, name = "", rest = ""] = /^# (\S+) (\S+) ?(.*)$/.exec(line) ?? [];
    if (word === undefined) {
      if (line.startsWith("#")) faults.push(`a comment that says nothing: ${line}`);
      else if (line !== "") order.push(familyOf(SAMPLE.exec(line)?.[1] ?? line, types));
      continue;
    }
    const seen = word === "HELP" ? help : word === "TYPE" ? types : undefined;
    if (!seen) faults.push(`${name}: "# ${word}" is not of this format`);
    else if (seen.has(name)) faults.push(`${name}: ${word} twice`);
    else if (order.includes(name)) faults.push(`${name}: ${word} after its samples`);
    seen?.set(name, rest);
  }
  for (const [index, name] of order.entries()) {
    if (order[index - 1] !== name && order.indexOf(name) < index)
      faults.push(`${name}: its lines are not together`);
  }

  const samples = samplesOf(text);
  const series = new Set<string>();
  for (const sample of samples) {
    const family = familyOf(sample.name, types);
    const type = types.get(family);
    const name = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (series.has(name)) faults.push(`${sample.name}: the same series twice`);
    series.add(name);
    if (type === undefined) faults.push(`${sample.name}: no TYPE`);
    if (!help.get(family)) faults.push(`${sample.name}: no HELP`);
    if (type !== "histogram" && "le" in sample.labels) faults.push(`${sample.name}: le outside a histogram`);
    for (const label of Object.keys(sample.labels)) {
      if (!/^[a-z][a-z0-9_]*$/.test(label))
        faults.push(`${sample.name}: the label ${label} is not in snake_case`);
    }
    if (type === "counter" && sample.value < 0) faults.push(`${sample.name}: a counter below zero`);
  }
  for (const [name, type] of types) {
    if (!TYPES.includes(type)) faults.push(`${name}: the type ${type} does not exist`);
    if (!/^[a-z][a-z0-9_]*$/.test(name)) faults.push(`${name}: is not in snake_case`);
    if ((type === "counter") !== name.endsWith("_total")) faults.push(`${name}: a ${type} with that ending`);
    if (/_(count|sum|bucket|info)$/.test(name)) faults.push(`${name}: an ending that is reserved`);
    if (new RegExp(`(^|_)(${TYPES.join("|")})(_|$)`).test(name))
      faults.push(`${name}: has a type in its name`);
    const bare = name.replace(/_total$/, "");
    if (OTHER_UNITS.test(bare)) faults.push(`${name}: has no base unit`);
    if (type === "histogram" && !BASE_UNITS.test(bare)) faults.push(`${name}: does not say its unit`);
    if (type === "histogram") faults.push(...histogramFaults(name, samples));
  }
  return faults;
}

/** Of a histogram's lines, the histogram; else the name itself. */
function familyOf(name: string, types: ReadonlyMap<string, string>): string {
  const base = name.replace(/_(bucket|sum|count)$/, "");
  return types.get(base) === "histogram" ? base : name;
}

function histogramFaults(name: string, samples: readonly Sample[]): string[] {
  const faults: string[] = [];
  const groups = new Map<string, Sample[]>();
  for (const sample of samples.filter((one) => one.name.startsWith(`${name}_`))) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const one = (part: string) => group.filter((sample) => sample.name === `${name}_${part}`);
    const buckets = one("bucket").map(({ labels, value }) => [le(labels.le), value] as const);
    const [sum, count] = [one("sum"), one("count")];
    if (sum.length !== 1 || count.length !== 1) faults.push(`${name}${key}: not one sum and one count`);
    if (buckets.at(-1)?.[0] !== Infinity) faults.push(`${name}${key}: no last bucket`);
    if (buckets.at(-1)?.[1] !== count[0]?.value) faults.push(`${name}${key}: count and last bucket differ`);
    for (const [index, [limit, value]] of buckets.entries()) {
      const before = buckets[index - 1];
      if (before && (before[0] >= limit || before[1] > value))
        faults.push(`${name}${key}: buckets do not grow`);
    }
  }
  return faults;
}

function le(text: string | undefined): number {
  return text === "+Inf" ? Infinity : Number(text);
}

/** How many families a parser of others finds; it throws at what it cannot read. */
export function familiesByParser(text: string): number {
  return parse(text).length;
}
