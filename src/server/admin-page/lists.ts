import { fillMeter, fillTag, find, setText, shortId, updateTable } from "./elements.ts";
import { agoText, codeText, countText, dollarsText, momentText, spanText, sumsText } from "./format.ts";
import { owedOf, type View, windowText } from "./overview.ts";
import { sumOf } from "./sums.ts";

/** The records of the chosen resources. */
function ofChosen<Item extends { readonly resource: string }>(
  { chosen }: View,
  items: readonly Item[],
): Item[] {
  return items.filter(({ resource }) => chosen.includes(resource));
}

const keyOf = ({ id }: { readonly id: string }): string => id;
const resourceOf = ({ resource }: { readonly resource: string }): string => resource;

/** How long ago; the cell's title has the time. */
function since(cell: HTMLElement, { now }: View["data"], time: number): string {
  cell.title = momentText(time);
  return agoText(now, time);
}

export function showJobs(view: View): void {
  const { data } = view;
  const going = ofChosen(view, data.going);
  const { running, queued, unpaid } = sumOf(ofChosen(view, data.stats.resources));
  const unfinished = running + queued + unpaid;
  const isCut = going.length > 0 && unfinished > going.length;
  setText(find("#going-note"), isCut ? `${going.length} of ${countText(unfinished)}` : "");
  updateTable("going", {
    items: going,
    key: keyOf,
    columns: [
      ["Job", (one, cell) => shortId(cell, one.id)],
      ["Resource", resourceOf],
      [
        "State",
        (one, cell) => {
          const text = codeText(one.status) + (one.attempt > 1 ? `, attempt ${one.attempt}` : "");
          return fillTag(cell, text, one.status === "running" ? "on" : one.status === "queued" ? "" : "warn");
        },
      ],
      ["Progress", ({ progress }, cell) => fillMeter(cell, progress, `${progress} %`)],
      [
        "For",
        ({ status, createdAt, startedAt }, cell) => {
          cell.title = `accepted ${momentText(createdAt)}`;
          return spanText(data.now - (status === "running" ? (startedAt ?? createdAt) : createdAt));
        },
        "n",
      ],
    ],
    empty: "No job runs or waits.",
  });

  const ended = ofChosen(view, data.ended);
  const styles: Partial<Record<string, string>> = { succeeded: "good", failed: "bad", expired: "bad" };
  setText(find("#ended-note"), ended.length ? `last ${ended.length}` : "");
  updateTable("ended", {
    items: ended,
    key: keyOf,
    columns: [
      ["Job", (one, cell) => shortId(cell, one.id)],
      ["Resource", resourceOf],
      [
        "Outcome",
        ({ status, code }, cell) => {
          const text = status === "failed" && code ? `failed: ${codeText(code)}` : status;
          return fillTag(cell, text, styles[status] ?? "");
        },
      ],
      [
        "Took",
        ({ startedAt, endedAt = data.now }) =>
          startedAt === undefined ? "–" : spanText(endedAt - startedAt),
        "n",
      ],
      [
        "Waited",
        ({ createdAt, startedAt, endedAt = data.now }) => spanText((startedAt ?? endedAt) - createdAt),
        "n",
      ],
      ["Ended", ({ endedAt = data.now }, cell) => since(cell, data, endedAt), "n"],
    ],
    empty: "No job has ended yet.",
  });
}

export function showMoney(view: View): void {
  const { data } = view;
  const { refunds, sums } = owedOf(view);
  setText(find("#owed-note"), refunds ? `${countText(refunds)}, ${sumsText(sums)}` : "");
  updateTable("owed", {
    items: ofChosen(view, data.owed),
    key: keyOf,
    columns: [
      ["Refund", (one, cell) => shortId(cell, one.id)],
      ["Resource", resourceOf],
      ["Amount", ({ amount, currency }) => `${amount} ${currency}`, "n"],
      ["To", (one, cell) => shortId(cell, one.to)],
      ["Reason", ({ reason }) => codeText(reason)],
      ["Since", (one, cell) => since(cell, data, one.createdAt), "n"],
      [
        "Problem",
        ({ tries, problem }) => (tries ? `tried ${tries}×${problem ? `: ${problem}` : ""}` : "not tried yet"),
        "wide",
      ],
    ],
    empty: "No refund is owed.",
    emptyIsGood: true,
  });
  updateTable("unconfirmed", {
    items: ofChosen(view, data.unconfirmed),
    key: keyOf,
    columns: [
      ["Call", (one, cell) => shortId(cell, one.id)],
      ["Resource", resourceOf],
      ["Amount", ({ value }) => dollarsText(value), "n"],
      ["Payer", (one, cell) => shortId(cell, one.payer)],
      ["Network", ({ network }) => network],
      ["Looked for", ({ tries }) => `${tries}×`, "n"],
      ["Since", (one, cell) => since(cell, data, one.createdAt), "n"],
    ],
    empty: "Every settlement is known.",
    emptyIsGood: true,
  });
}

export function showErrors(view: View): void {
  const { data, range } = view;
  const codes = ofChosen(view, [
    ...data.errors.map(({ calls, ...one }) => ({ ...one, times: calls, where: "calls, this process" })),
    ...data.stats.failures.map(({ jobs, ...one }) => ({
      ...one,
      times: jobs,
      where: `jobs, ${windowText(range)}`,
    })),
  ]).sort((a, b) => b.times - a.times || (a.code < b.code ? -1 : 1));
  const most = Math.max(1, ...codes.map(({ times }) => times));
  updateTable("codes", {
    items: codes,
    key: ({ resource, code, where }) => JSON.stringify([resource, code, where]),
    columns: [
      ["Code", ({ code }) => code],
      ["Resource", resourceOf],
      ["Of", ({ where }) => where, "dim"],
      ["Times", ({ times }) => countText(times), "n"],
      ["", ({ times }, cell) => fillMeter(cell, (100 * times) / most)],
    ],
    empty: "No errors.",
    emptyIsGood: true,
  });
}
