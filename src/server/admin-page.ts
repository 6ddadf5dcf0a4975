/** The operator page in one piece: no build step, nothing from elsewhere. All text goes in as text, never as HTML. */
export function adminPage(nonce: string): string {
  return HTML.replaceAll("{nonce}", nonce);
}

const CSS = `
:root {
  color-scheme: light dark;
  --ground: #f5f6f8; --surface: #ffffff; --text: #1a1e24; --muted: #5c6672; --line: #e1e5ea; --track: #e9edf1;
  --accent: #2f6fb5; --good: #1b7f4d; --warn: #a45a06; --bad: #bf3030;
  --good-soft: #e4f3ea; --warn-soft: #fbf0e0; --bad-soft: #fbe9e8; --accent-soft: #e6eff8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101317; --surface: #181c21; --text: #e4e8ec; --muted: #98a2ae; --line: #2a3038; --track: #262c33;
    --accent: #6aa5e4; --good: #55bd86; --warn: #e0a04b; --bad: #ee7d76;
    --good-soft: #17301f; --warn-soft: #33270f; --bad-soft: #391d1c; --accent-soft: #172a3e;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
header {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px;
  padding: 10px 20px; background: var(--surface); border-bottom: 1px solid var(--line);
}
h1 { margin: 0; font-size: 15px; font-weight: 650; }
#state { display: inline-flex; align-items: center; gap: 6px; color: var(--muted); margin-right: auto; }
#state::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--good); }
#state.lost { color: var(--bad); }
#state.lost::before { background: var(--bad); }
button {
  font: inherit; color: var(--muted); background: none; border: 1px solid transparent; border-radius: 6px;
  padding: 3px 10px; cursor: pointer;
}
button:hover { color: var(--text); }
button[aria-pressed="true"] { color: var(--accent); background: var(--accent-soft); font-weight: 600; }
button:focus-visible, tr:focus-visible { outline: 2px solid var(--accent); outline-offset: -1px; }
.choice { display: flex; flex-wrap: wrap; gap: 2px; }
main { max-width: 1440px; margin: 0 auto; padding: 16px 20px 40px; display: grid; gap: 16px; }
dl { margin: 0; }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 1px;
  background: var(--line); border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
}
.tile { background: var(--surface); padding: 11px 14px 12px; min-width: 0; }
.tile dt { color: var(--muted); font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.tile dd { margin: 1px 0 0; font-size: 20px; font-weight: 600; letter-spacing: -0.01em; white-space: nowrap; }
.tile small { display: block; color: var(--muted); font-size: 11.5px; font-weight: 400; letter-spacing: 0; min-height: 1.45em; overflow: hidden; text-overflow: ellipsis; }
.tile.warn dd { color: var(--warn); }
.tile.bad dd { color: var(--bad); }
.tile.warn small, .tile.bad small { color: var(--muted); }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; min-width: 0; }
.card > .head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 12px; padding: 11px 14px 6px; }
h2 { margin: 0; font-size: 13px; font-weight: 650; }
.head .note { color: var(--muted); font-size: 12px; }
.head .choice { margin-left: auto; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 4px 20px; padding: 2px 14px 12px; }
figure { margin: 0; min-width: 0; }
figcaption { display: flex; justify-content: space-between; gap: 8px; color: var(--muted); font-size: 12px; padding-bottom: 2px; }
figcaption b { color: var(--text); font-weight: 600; }
svg { display: block; width: 100%; overflow: visible; }
svg text { fill: var(--muted); font-size: 10.5px; }
.grid { stroke: var(--line); stroke-width: 1; }
.bar { fill: var(--accent); }
.path { fill: none; stroke: var(--accent); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: var(--accent); }
.cross { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 2 2; }
.scroll { overflow-x: auto; }
.tall { max-height: 420px; overflow-y: auto; }
table { width: 100%; border-collapse: collapse; }
th { position: sticky; top: 0; background: var(--surface); color: var(--muted); font-weight: 500; font-size: 12px; text-align: left; padding: 4px 8px 5px; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 5px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: middle; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { padding-left: 14px; }
th:last-child, td:last-child { padding-right: 14px; }
.n { text-align: right; }
.wide { white-space: normal; min-width: 200px; width: 40%; overflow-wrap: anywhere; }
.id { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; color: var(--muted); }
.dim { color: var(--muted); }
tbody tr.pick { cursor: pointer; }
tbody tr.pick:hover td, tr[aria-selected="true"] td { background: var(--accent-soft); }
.spark { width: 110px; height: 20px; display: inline-block; vertical-align: middle; overflow: hidden; }
.tag { display: inline-block; padding: 0 7px; border-radius: 9px; font-size: 11.5px; line-height: 18px; background: var(--track); color: var(--muted); }
.tag.good { background: var(--good-soft); color: var(--good); }
.tag.bad { background: var(--bad-soft); color: var(--bad); }
.tag.warn { background: var(--warn-soft); color: var(--warn); }
.tag.on { background: var(--accent-soft); color: var(--accent); }
.meter { display: flex; align-items: center; gap: 8px; min-width: 120px; }
.meter i { flex: 1; height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; }
.meter i b { display: block; height: 100%; width: 0; border-radius: 3px; background: var(--accent); transition: width 0.6s; }
.meter span { width: 34px; text-align: right; color: var(--muted); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 16px; align-items: start; }
.empty { margin: 0; padding: 10px 14px 16px; color: var(--muted); }
.empty.ok::before { content: "✓ "; color: var(--good); }
@media (max-width: 640px) {
  header { padding: 8px 12px; }
  main { padding: 10px 10px 32px; gap: 10px; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .tile:last-child:nth-child(odd) { grid-column: span 2; }
  .head .choice { margin-left: -8px; }
  td, th { padding-left: 6px; padding-right: 6px; }
  /* What a person on the way needs first. */
  #going :is(td, th):first-child, #ended :is(td, th):first-child { display: none; }
  #going :is(td, th):nth-child(2), #ended :is(td, th):nth-child(2) { padding-left: 14px; }
  .meter { min-width: 84px; }
}
@media (prefers-reduced-motion: reduce) { .meter i b { transition: none; } }
`;

const JS = `
"use strict";
const EVERY_MS = 3000;
const $ = (id) => document.getElementById(id);
let range = "1h";
let picked = "";
let data;
let failed = "";
let sequence = 0;

// ---- what things look like in words ----
const count = (value) => Math.round(value).toLocaleString("en-US");
const percent = (part, whole) => {
  if (!whole) return "–";
  const value = (100 * part) / whole;
  return (value === 100 || value < 0.05 ? value.toFixed(0) : value > 99.9 ? "99.9" : value.toFixed(1)) + " %";
};
const usd = (micro) => {
  const value = micro / 1e6;
  if (value === 0) return "$0";
  return "$" + value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 });
};
const span = (ms) => {
  if (ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 59950) return (ms / 1000).toFixed(ms < 9950 ? 1 : 0) + " s";
  const minutes = Math.floor(ms / 60000);
  if (minutes < 60) return minutes + " min";
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? hours + " h " + (minutes % 60) + " min" : Math.floor(hours / 24) + " days";
};
const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const moment = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const ago = (time) => (data.now - time < 1000 ? "just now" : span(data.now - time) + " ago");
const words = (name) => name.replaceAll("_", " ");
const short = (id) => (id.length > 16 ? id.slice(0, 12) + "…" : id);
const total = (list) => list.reduce((sum, value) => sum + value, 0);

// ---- elements: text only, never markup ----
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "rect", "circle", "g", "title"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== undefined));
  return node;
}
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
/** Keeps rows where they are, so that nothing flickers, and what is selected stays so. */
function rows(body, items, key, create, update) {
  const old = new Map(Array.from(body.children, (row) => [row.dataset.key, row]));
  let next = body.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let row = old.get(name);
    if (!row) {
      row = create(item);
      row.dataset.key = name;
    }
    old.delete(name);
    update(row, item);
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
  for (const row of old.values()) row.remove();
}
/** A table whose cells are given as functions that fill them. */
function table(id, items, key, columns, empty) {
  const place = $(id);
  let body = place.querySelector("tbody");
  if (!body) {
    body = make("tbody");
    const head = make("tr", {}, ...columns.map(([title, , kind]) => make("th", { class: kind, scope: "col" }, title)));
    place.append(
      make("div", { class: "scroll" + (place.dataset.tall ? " tall" : ""), tabindex: "-1" },
        make("table", {}, make("thead", {}, head), body)),
      make("p", { class: "empty" }),
    );
  }
  const note = place.querySelector(".empty");
  note.className = "empty" + (empty[1] ? " ok" : "");
  say(note, empty[0]);
  note.hidden = items.length > 0;
  place.querySelector(".scroll").hidden = items.length === 0;
  rows(body, items, key,
    () => make("tr", {}, ...columns.map(([, , kind]) => make("td", { class: kind }))),
    (row, item) => columns.forEach(([, fill], index) => {
      const cell = row.children[index];
      const text = fill(item, cell, row);
      if (text !== undefined) say(cell, text);
    }));
}
function tag(cell, text, kind) {
  const name = "tag " + kind;
  const now = cell.firstElementChild;
  if (now && now.textContent === text && now.className === name) return;
  cell.replaceChildren(make("span", { class: name }, text));
}
function abbreviated(cell, text) {
  if (cell.title !== text) cell.title = text;
  cell.classList.add("id");
  return short(text);
}

// ---- plots ----
function ceiling(value, least) {
  const top = Math.max(value, least);
  const unit = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 4, 5, 8, 10].map((n) => n * unit).find((n) => n >= top);
}
function plot(id, { title, values, form, kind, top, least = 4, summary }) {
  const figure = $(id);
  const width = Math.max(240, Math.round(figure.clientWidth || 300));
  const { from, bucketMs } = data.stats;
  const mark = JSON.stringify([values, width, from, top]);
  if (figure.mark !== mark) {
    figure.mark = mark;
    const high = top ?? ceiling(Math.max(0, ...values.filter((value) => value !== undefined)), least);
    const left = 46, right = 6, upper = 8, lower = 20, height = 150;
    const inner = width - left - right, depth = height - upper - lower;
    const x = (index) => left + (inner * index) / values.length;
    const y = (value) => upper + depth * (1 - value / high);
    const svg = make("svg", { viewBox: "0 0 " + width + " " + height, height, role: "img", "aria-label": title });
    for (const part of [0, 0.5, 1]) {
      const at = y(high * part);
      svg.append(
        make("line", { class: "grid", x1: left, x2: width - right, y1: at, y2: at }),
        make("text", { x: left - 6, y: at + 3.5, "text-anchor": "end" }, part === 0 && kind === "line" && top === undefined ? "0" : form(high * part)),
      );
    }
    const ticks = width < 380 ? 3 : 4;
    for (let tick = 0; tick <= ticks; tick += 1) {
      const index = (values.length * tick) / ticks;
      const anchor = tick === 0 ? "start" : tick === ticks ? "end" : "middle";
      svg.append(make("text", { x: x(index), y: height - 5, "text-anchor": anchor }, clock(from + index * bucketMs)));
    }
    if (kind === "bars") {
      const wide = Math.max(1, inner / values.length - (inner / values.length > 4 ? 1.5 : 0.5));
      values.forEach((value, index) => {
        if (value > 0) svg.append(make("rect", { class: "bar", x: x(index), y: y(value), width: wide, height: Math.max(1, y(0) - y(value)), rx: Math.min(1.5, wide / 3) }));
      });
    } else {
      let line = "";
      values.forEach((value, index) => {
        if (value === undefined) return;
        const known = values[index - 1] !== undefined;
        const at = x(index + 0.5).toFixed(1) + " " + y(Math.min(value, high)).toFixed(1);
        line += (known ? "L" : "M") + at;
        if (!known && values[index + 1] === undefined) svg.append(make("circle", { class: "dot", cx: x(index + 0.5), cy: y(Math.min(value, high)), r: 2.25 }));
      });
      svg.append(make("path", { class: "path", d: line || "M0 0" }));
    }
    const cross = make("line", { class: "cross", y1: upper, y2: y(0), visibility: "hidden" });
    svg.append(cross);
    svg.onpointermove = ({ clientX }) => {
      const box = svg.getBoundingClientRect();
      const index = Math.floor((((clientX - box.left) / box.width) * width - left) / (inner / values.length));
      if (index < 0 || index >= values.length) return svg.onpointerleave();
      cross.setAttribute("x1", x(index + 0.5));
      cross.setAttribute("x2", x(index + 0.5));
      cross.setAttribute("visibility", "visible");
      const value = values[index];
      figure.read = clock(from + index * bucketMs) + "  " + (value === undefined ? "nothing" : form(value));
      say(figure.querySelector("b"), figure.read);
    };
    svg.onpointerleave = () => {
      cross.setAttribute("visibility", "hidden");
      figure.read = undefined;
      say(figure.querySelector("b"), figure.summary);
    };
    const caption = figure.querySelector("figcaption") ?? make("figcaption", {}, make("span", {}, title), make("b"));
    figure.read = undefined;
    figure.replaceChildren(caption, svg);
  }
  figure.summary = summary;
  if (!figure.read) say(figure.querySelector("b"), summary);
}
function spark(cell, values, top) {
  const mark = JSON.stringify([values, top]);
  if (cell.mark === mark) return;
  cell.mark = mark;
  if (!values.some((value) => value > 0)) return cell.replaceChildren();
  const most = top ?? Math.max(...values.filter((value) => value !== undefined), 0);
  const svg = make("svg", { class: "spark", viewBox: "0 0 110 20", "aria-hidden": "true" });
  let line = "";
  const step = 110 / values.length;
  values.forEach((value, index) => {
    if (value === undefined) return;
    const at = ((index + 0.5) * step).toFixed(1) + " " + (18 - 16 * (most ? value / most : 0)).toFixed(1);
    line += (values[index - 1] === undefined ? "M" : "L") + at;
    if (values[index - 1] === undefined) line += "h0.01";
  });
  if (line) svg.append(make("path", { class: "path", d: line }));
  cell.querySelector("svg")?.remove();
  cell.append(svg);
}

// ---- the stats of one resource, or of all ----
const ratio = (good, bad) => good.map((value, index) => (value + bad[index] ? (100 * value) / (value + bad[index]) : undefined));
const mean = (ms, good, bad) => ms.map((value, index) => (good[index] + bad[index] ? value / (good[index] + bad[index]) : undefined));
function together(list) {
  const add = (name) => list.reduce((sums, one) => one[name].map((value, index) => value + (sums[index] ?? 0)), []);
  const sum = (name) => list.reduce((all, one) => all + one[name], 0);
  const since = list.map((one) => one.since).filter((time) => time !== undefined);
  return {
    calls: add("calls"), revenue: add("revenue"), good: add("good"), bad: add("bad"), ms: add("ms"),
    queued: sum("queued"), running: sum("running"), unpaid: sum("unpaid"), cancelled: sum("cancelled"), paid: sum("paid"),
    since: since.length ? Math.min(...since) : undefined,
  };
}
function funnelOf(names) {
  const found = data.funnels.filter((one) => names.includes(one.resource));
  return { challenged: total(found.map((one) => one.challenged)), paid: total(found.map((one) => one.paid)) };
}
const done = (one) => total(one.good) + total(one.bad);
const money = (list) => list.map(([currency, value]) => (value / 1e6).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 6 }) + " " + currency).join(", ");

function draw() {
  const { stats } = data;
  const names = stats.resources.map((one) => one.resource);
  if (picked && !names.includes(picked)) picked = "";
  const chosen = picked ? [picked] : names;
  const all = together(stats.resources.filter((one) => chosen.includes(one.resource)));
  say($("title"), data.title);
  document.title = data.title + " · operator";

  const funnel = funnelOf(chosen);
  const owed = stats.refunds.filter((one) => one.state === "owed" && chosen.includes(one.resource));
  const owing = total(owed.map((one) => one.refunds));
  const sums = new Map();
  for (const one of owed) sums.set(one.currency, (sums.get(one.currency) ?? 0) + one.value);
  const unknown = picked ? data.unconfirmed.filter((one) => one.resource === picked).length : stats.unknown;
  const work = done(all);
  const good = work ? total(all.good) / work : 1;
  const window = range === "1h" ? "last hour" : "last 24 hours";
  const tiles = [
    ["Calls", count(total(all.calls)), window],
    ["402 → paid", percent(Math.min(funnel.paid, funnel.challenged), funnel.challenged), funnel.challenged ? count(funnel.paid) + " of " + count(funnel.challenged) : "no requests yet", "", "Of those who were asked to pay since this process began"],
    ["Success rate", percent(total(all.good), work), work ? count(total(all.bad)) + " failed" : "nothing ended", good < 0.9 ? "bad" : good < 0.98 ? "warn" : ""],
    ["Mean time", work ? span(total(all.ms) / work) : "–", work ? "of " + count(work) + " that ended" : ""],
    ["Revenue", usd(total(all.revenue)), count(all.paid) + " paid, gross", "", "Refunds are not deducted"],
    ["Running", count(all.running), ""],
    ["Waiting", count(all.queued + all.unpaid), all.unpaid ? count(all.unpaid) + " for their payment" : all.queued && all.since ? "oldest " + span(data.now - all.since) : ""],
    ["Refunds owed", count(owing), owing ? money([...sums]) : "", owing ? "warn" : ""],
    ["Unconfirmed", count(unknown), unknown === 1 ? "settlement" : "settlements", unknown ? "warn" : "", "Payments with an unknown outcome"],
  ];
  rows($("tiles"), tiles, ([name]) => name,
    ([name]) => make("div", { class: "tile" }, make("dt", {}, name), make("dd", {}, make("span"), make("small"))),
    (node, [, value, note, kind, hint]) => {
      if (hint) node.title = hint;
      node.className = "tile " + (kind ?? "");
      say(node.querySelector("span"), value);
      say(node.querySelector("small"), note);
    });

  rows($("pick"), ["", ...names], (name) => "r:" + name,
    (name) => {
      const button = make("button", { type: "button" }, name || "all");
      button.onclick = () => pick(name);
      return button;
    },
    (button, name) => button.setAttribute("aria-pressed", String(picked === name)));
  plot("calls", { title: "Calls", values: all.calls, form: count, kind: "bars", summary: count(total(all.calls)) });
  plot("rate", { title: "Success rate", values: ratio(all.good, all.bad), form: (value) => Math.round(value) + " %", kind: "line", top: 100, summary: percent(total(all.good), work) });
  plot("time", { title: "Mean processing time", values: mean(all.ms, all.good, all.bad), form: span, kind: "line", least: 10, summary: work ? span(total(all.ms) / work) : "–" });
  plot("revenue", { title: "Revenue", values: all.revenue, form: usd, kind: "bars", least: 10000, summary: usd(total(all.revenue)) });

  table("resources", stats.resources, (one) => one.resource, [
    ["Resource", (one, cell, row) => {
      if (!row.onclick) {
        row.className = "pick";
        row.tabIndex = 0;
        row.onclick = () => pick(picked === one.resource ? "" : one.resource);
        row.onkeydown = (event) => { if (event.key === "Enter") row.onclick(); };
      }
      row.setAttribute("aria-selected", String(picked === one.resource));
      return one.resource;
    }],
    ["Calls", (one) => count(total(one.calls)), "n"],
    ["", (one, cell) => spark(cell, one.calls)],
    ["Conversion", (one) => { const own = funnelOf([one.resource]); return percent(Math.min(own.paid, own.challenged), own.challenged); }, "n"],
    ["Success", (one) => percent(total(one.good), done(one)), "n"],
    ["", (one, cell) => spark(cell, ratio(one.good, one.bad), 100)],
    ["Mean time", (one) => (done(one) ? span(total(one.ms) / done(one)) : "–"), "n"],
    ["", (one, cell) => spark(cell, mean(one.ms, one.good, one.bad))],
    ["Revenue", (one) => usd(total(one.revenue)), "n"],
    ["", (one, cell) => spark(cell, one.revenue)],
    ["Running", (one) => count(one.running), "n"],
    ["Waiting", (one) => count(one.queued + one.unpaid), "n"],
    ["Owed", (one) => count(total(stats.refunds.filter((refund) => refund.state === "owed" && refund.resource === one.resource).map((refund) => refund.refunds))), "n"],
  ], ["This API has no resources.", false]);

  const going = data.going.filter((one) => chosen.includes(one.resource));
  const unfinished = all.running + all.queued + all.unpaid;
  say($("going-note"), unfinished > going.length && going.length ? going.length + " of " + count(unfinished) : "");
  table("going", going, (one) => one.id, [
    ["Job", (one, cell) => abbreviated(cell, one.id)],
    ["Resource", (one) => one.resource],
    ["State", (one, cell) => tag(cell, words(one.status) + (one.attempt > 1 ? ", attempt " + one.attempt : ""), one.status === "running" ? "on" : one.status === "queued" ? "" : "warn")],
    ["Progress", (one, cell) => {
      if (!cell.firstChild) cell.append(make("div", { class: "meter" }, make("i", {}, make("b")), make("span")));
      cell.querySelector("b").style.width = one.progress + "%";
      say(cell.querySelector("span"), one.progress + " %");
    }],
    ["For", (one, cell) => { cell.title = "accepted " + moment(one.createdAt); return span(data.now - (one.status === "running" ? one.startedAt ?? one.createdAt : one.createdAt)); }, "n"],
  ], ["No job runs or waits.", false]);

  const ended = data.ended.filter((one) => chosen.includes(one.resource));
  say($("ended-note"), ended.length ? "last " + ended.length : "");
  table("ended", ended, (one) => one.id, [
    ["Job", (one, cell) => abbreviated(cell, one.id)],
    ["Resource", (one) => one.resource],
    ["Outcome", (one, cell) => tag(cell, one.status === "failed" && one.code ? "failed: " + words(one.code) : one.status, { succeeded: "good", failed: "bad", expired: "bad" }[one.status] ?? "")],
    ["Took", (one) => (one.startedAt === undefined ? "–" : span(one.endedAt - one.startedAt)), "n"],
    ["Waited", (one) => span((one.startedAt ?? one.endedAt) - one.createdAt), "n"],
    ["Ended", (one, cell) => { cell.title = moment(one.endedAt); return ago(one.endedAt); }, "n"],
  ], ["No job has ended yet.", false]);

  const refunds = data.owed.filter((one) => chosen.includes(one.resource));
  say($("owed-note"), owing ? count(owing) + ", " + money([...sums]) : "");
  table("owed", refunds, (one) => one.id, [
    ["Refund", (one, cell) => abbreviated(cell, one.id)],
    ["Resource", (one) => one.resource],
    ["Amount", (one) => one.amount + " " + one.currency, "n"],
    ["To", (one, cell) => abbreviated(cell, one.to)],
    ["Reason", (one) => words(one.reason)],
    ["Since", (one, cell) => { cell.title = moment(one.createdAt); return ago(one.createdAt); }, "n"],
    ["Problem", (one) => (one.tries ? "tried " + one.tries + "×" + (one.problem ? ": " + one.problem : "") : "not tried yet"), "wide"],
  ], ["Nothing is owed to anybody.", true]);

  const unconfirmed = data.unconfirmed.filter((one) => chosen.includes(one.resource));
  table("unconfirmed", unconfirmed, (one) => one.id, [
    ["Call", (one, cell) => abbreviated(cell, one.id)],
    ["Resource", (one) => one.resource],
    ["Amount", (one) => usd(one.value), "n"],
    ["Payer", (one, cell) => abbreviated(cell, one.payer)],
    ["Network", (one) => one.network],
    ["Looked for", (one) => one.tries + "×", "n"],
    ["Since", (one, cell) => { cell.title = moment(one.createdAt); return ago(one.createdAt); }, "n"],
  ], ["Every settlement is known.", true]);

  const codes = [
    ...data.errors.map((one) => ({ resource: one.resource, code: one.code, times: one.calls, where: "calls, this process" })),
    ...stats.failures.map((one) => ({ resource: one.resource, code: one.code, times: one.jobs, where: "jobs, " + window })),
  ].filter((one) => chosen.includes(one.resource)).sort((a, b) => b.times - a.times || (a.code < b.code ? -1 : 1));
  const most = Math.max(1, ...codes.map((one) => one.times));
  table("codes", codes, (one) => JSON.stringify([one.resource, one.code, one.where]), [
    ["Code", (one) => one.code],
    ["Resource", (one) => one.resource],
    ["Of", (one) => one.where, "dim"],
    ["Times", (one) => count(one.times), "n"],
    ["", (one, cell) => {
      if (!cell.firstChild) cell.append(make("div", { class: "meter" }, make("i", {}, make("b"))));
      cell.querySelector("b").style.width = (100 * one.times) / most + "%";
    }],
  ], ["No errors.", true]);
}

// ---- asking ----
function pick(name) {
  picked = name;
  if (data) draw();
}
function tell() {
  const state = $("state");
  state.className = failed ? "lost" : "";
  say(state, failed || (data ? "up " + span(data.now - data.begun) : "loading"));
}
async function load() {
  const own = ++sequence;
  try {
    const answer = await fetch(location.origin + location.pathname.replace(/\\/+$/, "") + "/data?range=" + range, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.status === 401 ? "The token is no longer accepted: load the page again." : "The server answers " + answer.status + ".");
    const next = await answer.json();
    if (own !== sequence) return;
    data = next;
    failed = "";
    draw();
  } catch (error) {
    if (own !== sequence) return;
    failed = (error instanceof TypeError || error.name === "TimeoutError" ? "No contact with the server." : error.message) + (data ? " Figures of " + clock(data.now) + "." : "");
  }
  tell();
}
for (const button of document.querySelectorAll("[data-range]")) {
  button.onclick = () => {
    range = button.dataset.range;
    for (const other of document.querySelectorAll("[data-range]")) other.setAttribute("aria-pressed", String(other === button));
    load();
  };
}
async function keep() {
  for (;;) {
    if (!document.hidden) await load();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
addEventListener("resize", () => { if (data) draw(); });
tell();
keep();
`;

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>operator</title>
<link rel="icon" href="data:,">
<style nonce="{nonce}">${CSS}</style>
</head>
<body>
<header>
  <h1 id="title">&nbsp;</h1>
  <span id="state" role="status"></span>
  <div class="choice" role="group" aria-label="Time range">
    <button type="button" data-range="1h" aria-pressed="true">1 h</button>
    <button type="button" data-range="24h" aria-pressed="false">24 h</button>
  </div>
</header>
<main>
  <dl class="tiles" id="tiles"></dl>
  <section class="card" aria-label="Over time">
    <div class="head"><h2>Over time</h2><div class="choice" id="pick" role="group" aria-label="Resource"></div></div>
    <div class="plots">
      <figure id="calls"></figure><figure id="rate"></figure><figure id="time"></figure><figure id="revenue"></figure>
    </div>
  </section>
  <section class="card"><div class="head"><h2>Resources</h2></div><div id="resources"></div></section>
  <div class="two">
    <section class="card"><div class="head"><h2>Running and waiting</h2><span class="note" id="going-note"></span></div><div id="going" data-tall="1"></div></section>
    <section class="card"><div class="head"><h2>Ended</h2><span class="note" id="ended-note"></span></div><div id="ended" data-tall="1"></div></section>
  </div>
  <section class="card"><div class="head"><h2>Refunds owed</h2><span class="note" id="owed-note"></span></div><div id="owed" data-tall="1"></div></section>
  <div class="two">
    <section class="card"><div class="head"><h2>Unknown settlements</h2></div><div id="unconfirmed" data-tall="1"></div></section>
    <section class="card"><div class="head"><h2>Errors</h2></div><div id="codes" data-tall="1"></div></section>
  </div>
</main>
<script nonce="{nonce}">${JS}</script>
</body>
</html>
`;
