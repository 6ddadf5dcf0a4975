/** How the page looks. Colours are pairs: light, dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #101315);
  --raised: light-dark(#f6f8f7, #171b1e);
  --tint: light-dark(#eef1f0, #20262a);
  --text: light-dark(#1a1f23, #e4e8ea);
  --muted: light-dark(#56616b, #9da8b1);
  --line: light-dark(#e3e7e9, #2a3136);
  --edge: light-dark(#87919a, #66717a);
  --accent: light-dark(#0a6847, #63cfa3);
  --soft: light-dark(#e5f4ed, #14301f);
  --on-accent: light-dark(#ffffff, #08140e);
  --string: light-dark(#0b5e9c, #86c1f0);
  --bad: light-dark(#a82a23, #f2928b);
  --bad-soft: light-dark(#fbebea, #351c1b);
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 76px; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.65 var(--sans); overflow-wrap: break-word; }
a { color: var(--accent); text-underline-offset: 3px; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
code, pre, kbd { font-family: var(--mono); font-size: 0.865em; }
:not(pre) > code { background: var(--tint); border-radius: 5px; padding: 0.12em 0.36em; box-decoration-break: clone; -webkit-box-decoration-break: clone; overflow-wrap: anywhere; }
td > code, thead code { white-space: nowrap; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 12px; top: -60px; z-index: 9; background: var(--accent); color: var(--on-accent); padding: 8px 14px; border-radius: 0 0 8px 8px; }
.skip:focus { top: 0; }

/* The frame. */
.top { position: sticky; top: 0; z-index: 5; display: flex; align-items: center; gap: 8px; height: 56px; padding: 0 24px; background: var(--ground); border-bottom: 1px solid var(--line); }
.top .name { margin-right: auto; color: inherit; font-weight: 650; text-decoration: none; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.top .name small { color: var(--muted); font-weight: 400; font-size: 13px; margin-left: 8px; }
.top .files { display: flex; gap: 18px; margin-right: 8px; font-size: 14px; }
.top .files a { color: var(--muted); text-decoration: none; }
.top .files a:hover { color: var(--text); text-decoration: underline; }
button { font: inherit; font-size: 14px; line-height: 1.4; color: var(--text); background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 5px 12px; cursor: pointer; }
button:hover { border-color: var(--edge); }
button:disabled { opacity: 0.6; cursor: progress; }
button svg { display: block; }
.icon { padding: 7px; }
html:not(.js) :is(.needs-script, .try) { display: none; }
.frame { display: grid; grid-template-columns: 280px minmax(0, 1fr); max-width: 1520px; margin: 0 auto; }
.menu { position: sticky; top: 56px; height: calc(100vh - 56px); overflow-y: auto; padding: 24px 16px 40px 24px; border-right: 1px solid var(--line); font-size: 14px; line-height: 1.45; }
.menu ul { list-style: none; margin: 0; padding: 0; }
.menu a { display: flex; gap: 10px; align-items: baseline; justify-content: space-between; padding: 5px 10px; border-radius: 7px; color: var(--muted); text-decoration: none; }
.menu a:hover { color: var(--text); background: var(--raised); }
.menu a[aria-current] { color: var(--accent); background: var(--soft); font-weight: 600; }
.menu .sub a span:first-child { overflow: hidden; text-overflow: ellipsis; }
.menu .from { flex: none; font-size: 12.5px; font-weight: 400; font-variant-numeric: tabular-nums; }
.menu .sub { margin: 2px 0 18px; }
.menu .label { margin: 22px 0 4px; padding-left: 10px; font-weight: 650; }
.filter { margin: 6px 0 6px 10px; }
.filter p { margin: 4px 0 0 2px; min-height: 1.4em; color: var(--muted); font-size: 12.5px; }
main { min-width: 0; padding: 40px 48px 96px; }
.foot { margin-top: 72px; padding-top: 20px; border-top: 1px solid var(--line); color: var(--muted); font-size: 14px; }

/* Prose. */
h1, h2, h3, h4 { line-height: 1.25; letter-spacing: -0.012em; font-weight: 680; text-wrap: balance; }
h1 { font-size: 36px; margin: 0 0 12px; letter-spacing: -0.022em; }
h2 { font-size: 25px; margin: 0 0 16px; }
h3 { font-size: 17px; margin: 36px 0 10px; }
h4 { font-size: 15px; margin: 24px 0 6px; }
h2 a { color: inherit; text-decoration: none; }
h2 a:hover { text-decoration: underline; }
:is(.intro, .guide) > :is(p, ul, ol, .code, blockquote) { max-width: 720px; }
.lead { margin-bottom: 8px; }
.lead > p { margin: 0 0 6px; max-width: 720px; font-size: 18px; color: var(--muted); }
.lead > p:last-child { font-size: 14px; }
p, ul, ol { margin: 0 0 14px; }
ul, ol { padding-left: 22px; }
li + li { margin-top: 6px; }
blockquote { margin: 0 0 14px; padding-left: 16px; border-left: 3px solid var(--line); color: var(--muted); }
section { padding-top: 44px; margin-top: 44px; border-top: 1px solid var(--line); }
main > section:first-of-type { border-top: 0; margin-top: 0; padding-top: 28px; }
.many .resource { content-visibility: auto; contain-intrinsic-size: auto 1100px; }

/* A resource: what it is on the left, how to call it on the right. */
.resource { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 460px); grid-template-rows: auto auto 1fr; column-gap: 48px; }
.resource .head { grid-column: 1 / -1; display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; margin-bottom: 14px; }
.resource .head h2 { margin: 0; font-family: var(--mono); font-size: 23px; letter-spacing: -0.02em; overflow-wrap: anywhere; }
.price { margin: 0; padding: 3px 12px; border-radius: 99px; background: var(--soft); color: var(--accent); font-size: 14.5px; font-weight: 650; font-variant-numeric: tabular-nums; }
.price small { font-size: 13px; font-weight: 450; }
.mark { padding: 1px 8px; border: 1px solid var(--line); border-radius: 99px; color: var(--muted); font-size: 12.5px; }
.mark.old { color: var(--bad); border-color: currentColor; }
.intro, .rest { grid-column: 1; }
.beside { grid-column: 2; grid-row: 2 / 4; }
.endpoint { font-family: var(--mono); font-size: 14px; overflow-wrap: anywhere; }
.endpoint b { color: var(--accent); font-weight: 650; margin-right: 8px; }
.scroll { overflow-x: auto; margin: 0 0 20px; border: 1px solid var(--line); border-radius: 10px; }
table { width: 100%; border-collapse: collapse; font-size: 14.5px; line-height: 1.5; }
th, td { padding: 9px 14px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
tr:last-child > * { border-bottom: 0; }
thead code { background: none; padding: 0; }
thead th { color: var(--muted); background: var(--raised); font-size: 13px; font-weight: 550; white-space: nowrap; }
td { min-width: 76px; }
#prices td:nth-child(2), #prices td:last-child { white-space: nowrap; }
#prices td:nth-child(2) { font-weight: 600; }
td.wide { min-width: 240px; }
.right { text-align: right; }
.center { text-align: center; }
.prices { width: fit-content; max-width: 100%; min-width: min(100%, 300px); }
.prices td:not(:first-child) { font-weight: 650; }
.fields th[scope="row"] { width: 34%; min-width: 128px; font-weight: 400; }
.fields th > code { background: none; border: 0; padding: 0; font-size: 14px; font-weight: 650; }
.fields .type { display: block; color: var(--muted); font: 12.5px/1.5 var(--mono); overflow-wrap: anywhere; }
.fields .type code { all: unset; }
.needed { color: var(--bad); font-size: 12.5px; font-weight: 600; white-space: nowrap; }
.facts { color: var(--muted); font-size: 13.5px; }
.facts span + span::before { content: " · "; }

/* Code. */
.code { margin: 0 0 16px; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); overflow: hidden; }
.bar { display: flex; align-items: center; justify-content: space-between; min-height: 40px; padding: 4px 6px 4px 14px; border-bottom: 1px solid var(--line); color: var(--muted); font-size: 13px; font-weight: 550; }
pre { margin: 0; padding: 13px 14px; overflow-x: auto; font-size: 13px; line-height: 1.6; tab-size: 2; }
pre:focus-visible { outline-offset: -2px; }
pre code { font-size: inherit; }
pre i { font-style: normal; color: var(--string); }
.copy { padding: 2px 10px; font-size: 12.5px; color: var(--muted); background: none; border-color: transparent; }
.copy:hover { color: var(--text); }
.tabs { display: flex; gap: 2px; padding: 5px 6px; border-bottom: 1px solid var(--line); }
.tabs button { border-color: transparent; background: none; color: var(--muted); font-size: 13px; font-weight: 550; padding: 4px 10px; }
.tabs button[aria-selected="true"] { background: var(--soft); color: var(--accent); }
/* With the script, the tabs are the title of both examples. */
.js .samples { position: relative; margin: 0 0 16px; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); overflow: hidden; }
.js .samples .code { margin: 0; border: 0; border-radius: 0; }
.js .samples .bar { position: absolute; top: 0; right: 0; border: 0; padding-left: 0; }
.js .samples .bar span { display: none; }

/* Try it. */
.try { margin: 20px 0 0; border: 1px solid var(--line); border-radius: 10px; }
.try > summary { padding: 10px 14px; font-weight: 600; font-size: 15px; cursor: pointer; border-radius: 10px; }
.try > summary small { color: var(--muted); font-weight: 400; font-size: 13px; margin-left: 6px; }
.try[open] > summary { border-bottom: 1px solid var(--line); border-radius: 10px 10px 0 0; }
.try form { display: grid; gap: 14px; padding: 16px 14px; }
.try label { display: block; font-size: 13.5px; font-weight: 600; }
.try label span { font-weight: 400; color: var(--muted); }
.try label code { all: unset; font-family: var(--mono); }
.try .hint { margin: 3px 0 0; color: var(--muted); font-size: 12.5px; line-height: 1.4; }
input, select, textarea { display: block; width: 100%; margin-top: 4px; font: 14px/1.45 var(--sans); color: var(--text); background: var(--ground); border: 1px solid var(--edge); border-radius: 7px; padding: 7px 10px; }
textarea { min-height: 70px; resize: vertical; }
.mono { font-family: var(--mono); font-size: 13px; }
:is(input, textarea)[aria-invalid="true"] { border-color: var(--bad); }
.actions { display: flex; flex-wrap: wrap; gap: 8px; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; padding: 7px 16px; }
button.main:hover { filter: brightness(1.08); }
button.buy { border-color: var(--accent); color: var(--accent); font-weight: 600; padding: 7px 16px; }
.result { padding: 0 14px; }
.result > :last-child { margin-bottom: 16px; }
.said { margin: 0 0 12px; padding-top: 14px; border-top: 1px solid var(--line); font-size: 14.5px; }
.said:empty { display: none; }
.said b { display: inline-block; padding: 1px 9px; margin-right: 8px; border-radius: 99px; background: var(--soft); color: var(--accent); font-variant-numeric: tabular-nums; }
.said b.bad { background: var(--bad-soft); color: var(--bad); }
.said span { color: var(--muted); }
.result table { font-size: 13.5px; }
.result caption { padding: 8px 12px; text-align: left; color: var(--muted); background: var(--raised); border-bottom: 1px solid var(--line); font-size: 13px; font-weight: 550; }
.result th[scope="row"] { width: 104px; color: var(--muted); font-weight: 450; }
.result :is(th, td) { padding: 7px 12px; }
.result td { overflow-wrap: anywhere; }
.result td.amount { font-size: 17px; font-weight: 680; line-height: 1.3; }
.result details { margin-bottom: 14px; font-size: 13.5px; }
.result details summary { padding: 2px 0; font-weight: 500; font-size: 13.5px; color: var(--muted); border: 0; border-radius: 4px; }
.result details pre { margin-top: 6px; border: 1px solid var(--line); border-radius: 8px; background: var(--raised); }
.result pre { max-height: 420px; overflow: auto; }

@media (max-width: 1240px) {
  .resource { display: block; }
  .resource .head { margin-bottom: 12px; }
  .beside { margin-top: 24px; max-width: 720px; }
}
@media (max-width: 860px) {
  .frame { display: block; }
  .menu { position: static; height: auto; max-height: 46vh; padding: 12px 16px; border-right: 0; border-bottom: 1px solid var(--line); }
  .js .menu { display: none; }
  .js .menu.open { display: block; position: fixed; inset: 56px 0 0; z-index: 4; max-height: none; background: var(--ground); }
  .menu a { padding: 9px 10px; font-size: 15px; }
  .top { padding: 0 16px; }
  .top .files { display: none; }
  main { padding: 24px 16px 72px; }
  h1 { font-size: 29px; }
  h2 { font-size: 22px; }
  .resource .head h2 { font-size: 20px; }
  section { padding-top: 32px; margin-top: 32px; }
  .fields th[scope="row"] { min-width: 104px; }
  th, td { padding: 8px 11px; }
}
@media (min-width: 861px) { #menu-button { display: none; } }
@media (forced-colors: active) { .price, .menu a[aria-current], .tabs button[aria-selected="true"] { outline: 1px solid; } }
@media print {
  :root { color-scheme: light; }
  body { font-size: 10.5pt; }
  .top, .menu, .try, .tabs, .copy, .skip, .foot { display: none !important; }
  .frame, .resource { display: block; }
  main { padding: 0; }
  .resource { content-visibility: visible !important; }
  .code[hidden] { display: block !important; }
  .js .samples .bar { position: static; padding-left: 14px; border-bottom: 1px solid var(--line); }
  .js .samples .bar span { display: inline; }
  .code, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  pre { white-space: pre-wrap; }
}
`;
