import { element, find, setText, svgElement } from "./elements.ts";
import { clockText } from "./format.ts";

/** One value per bucket; `undefined` where there is none. */
export type Series = readonly (number | undefined)[];

interface Plot {
  readonly title: string;
  readonly values: Series;
  readonly text: (value: number) => string;
  readonly kind: "bars" | "line";
  /** The fixed end of the scale. Without it, the scale follows the values. */
  readonly top?: number;
  /** The end of the scale is at least this. */
  readonly least?: number;
  /** What the plot says while the pointer is elsewhere. */
  readonly summary: string;
}

/** The time of the first bucket and the length of each. */
interface Buckets {
  readonly from: number;
  readonly bucketMs: number;
}

/** What a plot shows: drawn again only when it differs. `read` is the value under the pointer. */
interface Drawn {
  readonly mark: string;
  summary: string;
  read: string | undefined;
}
const drawn = new WeakMap<Element, Drawn>();

const HEIGHT = 150;
const [LEFT, RIGHT, UPPER, LOWER] = [46, 6, 8, 20];

export function updatePlot(id: string, plot: Plot, buckets: Buckets): void {
  const place = find(`#${id}`);
  const width = Math.max(240, Math.round(place.clientWidth || 300));
  const mark = JSON.stringify([plot.values, width, buckets.from, plot.top]);
  let state = drawn.get(place);
  if (state?.mark !== mark) {
    state = { mark, summary: plot.summary, read: undefined };
    drawn.set(place, state);
    const caption =
      place.querySelector("figcaption") ??
      element("figcaption", {}, element("span", {}, plot.title), element("b"));
    place.replaceChildren(caption, drawPlot(plot, buckets, width, place, state));
  }
  state.summary = plot.summary;
  if (state.read === undefined) setText(find("b", place), plot.summary);
}

/** Where values stand in the drawing. */
interface Scale {
  readonly high: number;
  readonly inner: number;
  readonly x: (index: number) => number;
  readonly y: (value: number) => number;
}

function scaleOf({ values, top, least = 4 }: Plot, width: number): Scale {
  const high = top ?? scaleEnd(Math.max(0, ...values.map((value) => value ?? 0)), least);
  const inner = width - LEFT - RIGHT;
  return {
    high,
    inner,
    x: (index) => LEFT + (inner * index) / values.length,
    y: (value) => UPPER + (HEIGHT - UPPER - LOWER) * (1 - value / high),
  };
}

/** The next round number. */
function scaleEnd(value: number, least: number): number {
  const end = Math.max(value, least);
  const unit = 10 ** Math.floor(Math.log10(end));
  return [1, 2, 4, 5, 8].map((factor) => factor * unit).find((round) => round >= end) ?? 10 * unit;
}

function drawPlot(plot: Plot, buckets: Buckets, width: number, place: HTMLElement, state: Drawn): SVGElement {
  const scale = scaleOf(plot, width);
  const svg = svgElement("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    height: HEIGHT,
    role: "img",
    "aria-label": plot.title,
  });
  svg.append(...axes(plot, buckets, scale, width));
  svg.append(...(plot.kind === "bars" ? bars(plot.values, scale) : line(plot.values, scale)));

  const cross = svgElement("line", { class: "cross", y1: UPPER, y2: scale.y(0), visibility: "hidden" });
  svg.append(cross);
  const leave = (): void => {
    cross.setAttribute("visibility", "hidden");
    state.read = undefined;
    setText(find("b", place), state.summary);
  };
  svg.onpointerleave = leave;
  svg.onpointermove = ({ clientX }) => {
    const box = svg.getBoundingClientRect();
    const at = ((clientX - box.left) / box.width) * width - LEFT;
    const index = Math.floor(at / (scale.inner / plot.values.length));
    if (index < 0 || index >= plot.values.length) return leave();
    for (const end of ["x1", "x2"]) cross.setAttribute(end, String(scale.x(index + 0.5)));
    cross.setAttribute("visibility", "visible");
    const value = plot.values[index];
    const time = clockText(buckets.from + index * buckets.bucketMs);
    state.read = `${time}  ${value === undefined ? "nothing" : plot.text(value)}`;
    setText(find("b", place), state.read);
  };
  return svg;
}

function axes(
  { values, text, kind, top }: Plot,
  { from, bucketMs }: Buckets,
  scale: Scale,
  width: number,
): Node[] {
  const levels = [0, 0.5, 1].flatMap((part) => {
    const y = scale.y(scale.high * part);
    const label = part === 0 && kind === "line" && top === undefined ? "0" : text(scale.high * part);
    return [
      svgElement("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
      svgElement("text", { x: LEFT - 6, y: y + 3.5, "text-anchor": "end" }, label),
    ];
  });
  const ticks = width < 380 ? 3 : 4;
  const times = Array.from({ length: ticks + 1 }, (_, tick) => {
    const index = (values.length * tick) / ticks;
    const anchor = tick === 0 ? "start" : tick === ticks ? "end" : "middle";
    const at = { x: scale.x(index), y: HEIGHT - 5, "text-anchor": anchor };
    return svgElement("text", at, clockText(from + index * bucketMs));
  });
  return [...levels, ...times];
}

function bars(values: Series, { inner, x, y }: Scale): Node[] {
  const step = inner / values.length;
  const width = Math.max(1, step - (step > 4 ? 1.5 : 0.5));
  return values.flatMap((value, index) => {
    if (value === undefined || value <= 0) return [];
    const height = Math.max(1, y(0) - y(value));
    return [
      svgElement("rect", {
        class: "bar",
        x: x(index),
        y: y(value),
        width,
        height,
        rx: Math.min(1.5, width / 3),
      }),
    ];
  });
}

function line(values: Series, { high, x, y }: Scale): Node[] {
  const dots: Node[] = [];
  let path = "";
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue;
    const isFirst = values[index - 1] === undefined;
    const [cx, cy] = [x(index + 0.5), y(Math.min(value, high))];
    path += `${isFirst ? "M" : "L"}${cx.toFixed(1)} ${cy.toFixed(1)}`;
    // A value without neighbors has no line.
    if (isFirst && values[index + 1] === undefined)
      dots.push(svgElement("circle", { class: "dot", cx, cy, r: 2.25 }));
  }
  return [...dots, svgElement("path", { class: "path", d: path || "M0 0" })];
}

const sparks = new WeakMap<Element, string>();

/** A small line beside a number. Without `top`, its scale ends at the largest value. */
export function updateSpark(cell: HTMLElement, values: Series, top?: number): undefined {
  const mark = JSON.stringify([values, top]);
  if (sparks.get(cell) === mark) return;
  sparks.set(cell, mark);
  const high = top ?? Math.max(0, ...values.map((value) => value ?? 0));
  const step = 110 / values.length;
  let path = "";
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue;
    const isFirst = values[index - 1] === undefined;
    const y = 18 - 16 * (high ? value / high : 0);
    path += `${isFirst ? "M" : "L"}${((index + 0.5) * step).toFixed(1)} ${y.toFixed(1)}${isFirst ? "h0.01" : ""}`;
  }
  const isFlat = !values.some((value) => value !== undefined && value > 0);
  if (isFlat) {
    cell.replaceChildren();
    return;
  }
  const svg = svgElement("svg", { class: "spark", viewBox: "0 0 110 20", "aria-hidden": "true" });
  svg.append(svgElement("path", { class: "path", d: path }));
  cell.replaceChildren(svg);
}
