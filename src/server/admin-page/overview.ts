import type { AdminData } from "./data.ts";
import { element, find, setText, updateRows, updateTable } from "./elements.ts";
import { countText, dollarsText, percentText, spanText, sumsText, total } from "./format.ts";
import { updatePlot, updateSpark } from "./plot.ts";
import { endedOf, funnelOf, meanSeries, successSeries, sumOf } from "./sums.ts";

/** What the page shows: the data, of all resources or of one. */
export interface View {
  readonly data: AdminData;
  readonly range: string;
  /** The chosen resource; empty for all. */
  readonly picked: string;
  /** The names of the resources that are shown. */
  readonly chosen: readonly string[];
  readonly pick: (name: string) => void;
}

export const windowText = (range: string): string => (range === "1h" ? "last hour" : "last 24 hours");

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
  readonly style?: string;
  readonly hint?: string;
}

export function showTiles(view: View): void {
  updateRows(find("#tiles"), {
    items: tilesOf(view),
    key: ({ name }) => name,
    create: ({ name }) =>
      element(
        "div",
        { class: "tile" },
        element("dt", {}, name),
        element("dd", {}, element("span"), element("small")),
      ),
    update: (node, { value, note = "", style = "", hint }) => {
      if (hint) node.title = hint;
      node.className = `tile ${style}`;
      setText(find("span", node), value);
      setText(find("small", node), note);
    },
  });
}

function tilesOf({ data, range, picked, chosen }: View): readonly Tile[] {
  const { stats } = data;
  const all = sumOf(stats.resources.filter((one) => chosen.includes(one.resource)));
  const { challenged, paid } = funnelOf(data, chosen);
  const owed = owedOf({ data, chosen });
  const unknown = picked
    ? data.unconfirmed.filter(({ resource }) => resource === picked).length
    : stats.unknown;
  const ended = endedOf(all);
  const good = ended ? total(all.good) / ended : 1;
  const oldest = all.queued && all.since !== undefined ? `oldest ${spanText(data.now - all.since)}` : "";
  return [
    { name: "Calls", value: countText(total(all.calls)), note: windowText(range) },
    {
      name: "402 → paid",
      value: percentText(paid, challenged),
      note: challenged ? `${countText(paid)} of ${countText(challenged)}` : "no requests yet",
      hint: "Calls that got a 402 since this process began, and how many of them were paid",
    },
    {
      name: "Success rate",
      value: percentText(total(all.good), ended),
      note: ended ? `${countText(total(all.bad))} failed` : "nothing ended",
      style: good < 0.9 ? "bad" : good < 0.98 ? "warn" : "",
    },
    { name: "Mean time", value: meanText(all), note: ended ? `of ${countText(ended)} that ended` : "" },
    {
      name: "Revenue",
      value: dollarsText(total(all.revenue)),
      note: `${countText(all.paid)} paid, gross`,
      hint: "Refunds are not deducted",
    },
    { name: "Running", value: countText(all.running) },
    {
      name: "Waiting",
      value: countText(all.queued + all.unpaid),
      note: all.unpaid ? `${countText(all.unpaid)} for their payment` : oldest,
    },
    {
      name: "Refunds owed",
      value: countText(owed.refunds),
      note: owed.refunds ? sumsText(owed.sums) : "",
      style: owed.refunds ? "warn" : "",
    },
    {
      name: "Unconfirmed",
      value: countText(unknown),
      note: unknown === 1 ? "settlement" : "settlements",
      style: unknown ? "warn" : "",
      hint: "Payments with an unknown outcome",
    },
  ];
}

function meanText(all: Parameters<typeof endedOf>[0]): string {
  const ended = endedOf(all);
  return ended ? spanText(total(all.ms) / ended) : "–";
}

/** Refunds that are owed: how many, and their sums by currency in millionths. */
export function owedOf({ data, chosen }: Pick<View, "data" | "chosen">): {
  readonly refunds: number;
  readonly sums: ReadonlyMap<string, number>;
} {
  const owed = data.stats.refunds.filter((one) => one.state === "owed" && chosen.includes(one.resource));
  const sums = new Map<string, number>();
  for (const { currency, value } of owed) sums.set(currency, (sums.get(currency) ?? 0) + value);
  return { refunds: total(owed.map((one) => one.refunds)), sums };
}

export function showPlots({ data, picked, chosen, pick }: View): void {
  const { resources } = data.stats;
  updateRows(find("#pick"), {
    items: ["", ...resources.map(({ resource }) => resource)],
    key: (name) => `r:${name}`,
    create: (name) => {
      const button = element("button", { type: "button" }, name || "all");
      button.onclick = () => pick(name);
      return button;
    },
    update: (button, name) => button.setAttribute("aria-pressed", String(picked === name)),
  });
  const all = sumOf(resources.filter(({ resource }) => chosen.includes(resource)));
  const calls = { title: "Calls", values: all.calls, text: countText, kind: "bars" } as const;
  updatePlot("calls", { ...calls, summary: countText(total(all.calls)) }, data.stats);
  const rate = { title: "Success rate", values: successSeries(all), kind: "line", top: 100 } as const;
  const text = (value: number): string => `${Math.round(value)} %`;
  updatePlot("rate", { ...rate, text, summary: percentText(total(all.good), endedOf(all)) }, data.stats);
  const time = { title: "Mean processing time", values: meanSeries(all), kind: "line", least: 10 } as const;
  updatePlot("time", { ...time, text: spanText, summary: meanText(all) }, data.stats);
  const revenue = { title: "Revenue", values: all.revenue, kind: "bars", least: 10_000 } as const;
  updatePlot(
    "revenue",
    { ...revenue, text: dollarsText, summary: dollarsText(total(all.revenue)) },
    data.stats,
  );
}

export function showResources({ data, picked, pick }: View): void {
  updateTable("resources", {
    items: data.stats.resources,
    key: ({ resource }) => resource,
    columns: [
      [
        "Resource",
        ({ resource }, _, row) => {
          const choose = (): void => pick(picked === resource ? "" : resource);
          row.className = "pick";
          row.tabIndex = 0;
          row.onclick = choose;
          row.onkeydown = ({ key }) => {
            if (key === "Enter") choose();
          };
          row.setAttribute("aria-selected", String(picked === resource));
          return resource;
        },
      ],
      ["Calls", (one) => countText(total(one.calls)), "n"],
      ["", (one, cell) => updateSpark(cell, one.calls)],
      [
        "Conversion",
        ({ resource }) => {
          const { challenged, paid } = funnelOf(data, [resource]);
          return percentText(paid, challenged);
        },
        "n",
      ],
      ["Success", (one) => percentText(total(one.good), endedOf(one)), "n"],
      ["", (one, cell) => updateSpark(cell, successSeries(one), 100)],
      ["Mean time", meanText, "n"],
      ["", (one, cell) => updateSpark(cell, meanSeries(one))],
      ["Revenue", (one) => dollarsText(total(one.revenue)), "n"],
      ["", (one, cell) => updateSpark(cell, one.revenue)],
      ["Running", (one) => countText(one.running), "n"],
      ["Waiting", (one) => countText(one.queued + one.unpaid), "n"],
      ["Owed", ({ resource }) => countText(owedOf({ data, chosen: [resource] }).refunds), "n"],
    ],
    empty: "This API has no resources.",
  });
}
