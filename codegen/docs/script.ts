/** What runs in the browser, for reading. The page can be read without it. All text goes in as text, never as HTML. */

/** Runs before anything is drawn, so that nothing flashes. */
export const FIRST = `
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("docs-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch { /* No storage: the theme is that of the system. */ }
})();
`;

export const READING = String.raw`
"use strict";
const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with attributes and children; text stays text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

// ---- light and dark ----
const toggle = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
const nameTheme = () => toggle.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
toggle.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("docs-theme", root.dataset.theme); } catch { /* Holds for this visit. */ }
  nameTheme();
});
dark.addEventListener("change", nameTheme);
nameTheme();

// ---- contents ----
const menu = document.getElementById("menu");
const menuButton = document.getElementById("menu-button");
function openMenu(open) {
  menu.classList.toggle("open", open);
  menuButton.setAttribute("aria-expanded", String(open));
}
menuButton.addEventListener("click", () => openMenu(!menu.classList.contains("open")));
menu.addEventListener("click", (event) => { if (event.target.closest("a")) openMenu(false); });
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.classList.contains("open")) return;
  openMenu(false);
  menuButton.focus();
});

const links = new Map(all("a", menu).map((link) => [link.getAttribute("href").slice(1), link]));
let current;
const spy = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const link = links.get(target.id);
    if (!isIntersecting || !link || link === current) continue;
    current?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    current = link;
    const [seen, own] = [menu.getBoundingClientRect(), link.getBoundingClientRect()];
    if (own.top < seen.top || own.bottom > seen.bottom) menu.scrollTop += own.top - seen.top - seen.height / 3;
  }
}, { rootMargin: "-80px 0px -75% 0px" });
for (const section of all("main > section")) spy.observe(section);

const filter = document.getElementById("filter");
filter?.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const items = all(".sub li", menu);
  let found = 0;
  for (const item of items) {
    item.hidden = !words.every((word) => item.dataset.text.includes(word));
    if (!item.hidden) found += 1;
  }
  document.getElementById("found").textContent = words.length ? found + " of " + items.length : "";
});

// ---- tables that fit need no stop of the Tab key ----
const fits = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth + 1) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of all(".scroll, pre")) fits.observe(box);

// ---- examples ----
const TAB = "docs-language";
let chosen = null;
try { chosen = localStorage.getItem(TAB); } catch { /* The first one, then. */ }
const groups = [];
function choose(language, group, focus) {
  chosen = language;
  try { localStorage.setItem(TAB, language); } catch { /* Holds for this visit. */ }
  // What is read must not move when examples above it change their height.
  const before = group.list.getBoundingClientRect().top;
  for (const one of groups) show(one);
  scrollBy({ top: group.list.getBoundingClientRect().top - before, behavior: "instant" });
  if (focus) group.tabs.find((tab) => tab.getAttribute("aria-selected") === "true").focus();
}
function show({ panels, tabs }) {
  const index = Math.max(0, panels.findIndex((panel) => panel.dataset.language === chosen));
  for (const [at, panel] of panels.entries()) {
    panel.hidden = at !== index;
    tabs[at].setAttribute("aria-selected", String(at === index));
    tabs[at].tabIndex = at === index ? 0 : -1;
  }
}
for (const [number, box] of all(".samples").entries()) {
  const panels = all(".code", box);
  const list = make("div", { class: "tabs", role: "tablist", "aria-label": "Language of the example" });
  const group = { panels, list, tabs: [] };
  for (const [at, panel] of panels.entries()) {
    const id = "sample-" + number + "-" + at;
    const tab = make("button", { type: "button", role: "tab", id: id + "-tab", "aria-controls": id }, panel.dataset.language);
    tab.addEventListener("click", () => choose(panel.dataset.language, group, false));
    panel.id = id;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    group.tabs.push(tab);
    list.append(tab);
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = panels.findIndex((panel) => !panel.hidden);
    choose(panels[(at + step + panels.length) % panels.length].dataset.language, group, true);
    event.preventDefault();
  });
  box.prepend(list);
  groups.push(group);
  show(group);
}

async function copy(text) {
  try { return await navigator.clipboard.writeText(text); } catch { /* Not from an address without TLS: the old way. */ }
  const area = make("textarea", { class: "unseen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await copy(button.closest(".code").querySelector("code").textContent);
  button.textContent = "Copied";
  button.focus();
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
});
`;
