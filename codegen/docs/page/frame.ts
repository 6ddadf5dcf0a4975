import { all, byId, keep } from "./nodes.ts";

/** Around the text: the theme, the menu, and boxes that scroll. */

export function startTheme(): void {
  const root = document.documentElement;
  const toggle = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = (): boolean => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const nameTheme = (): void =>
    toggle.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
  toggle.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    root.dataset.theme = theme;
    keep("docs-theme", theme);
    nameTheme();
  });
  dark.addEventListener("change", nameTheme);
  nameTheme();
}

export function startMenu(): void {
  const menu = byId("menu");
  const button = byId("menu-button");
  const open = (isOpen: boolean): void => {
    menu.classList.toggle("open", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
  };
  button.addEventListener("click", () => open(!menu.classList.contains("open")));
  menu.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("a")) open(false);
  });
  addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.classList.contains("open")) return;
    open(false);
    button.focus();
  });
  markSection(menu);
  startFilter(menu);
}

/** Marks the link of the section that is read. */
function markSection(menu: HTMLElement): void {
  const links = new Map(all("a", menu).map((link) => [link.getAttribute("href")?.slice(1), link]));
  let current: HTMLElement | undefined;
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        const link = links.get(target.id);
        if (!isIntersecting || !link || link === current) continue;
        current?.removeAttribute("aria-current");
        link.setAttribute("aria-current", "true");
        current = link;
        const [seen, own] = [menu.getBoundingClientRect(), link.getBoundingClientRect()];
        const isHidden = own.top < seen.top || own.bottom > seen.bottom;
        if (isHidden) menu.scrollTop += own.top - seen.top - seen.height / 3;
      }
    },
    { rootMargin: "-80px 0px -75% 0px" },
  );
  for (const section of all("main > section")) observer.observe(section);
}

function startFilter(menu: HTMLElement): void {
  const filter = document.getElementById("filter");
  if (!(filter instanceof HTMLInputElement)) return;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = all(".sub li", menu);
    for (const item of items) item.hidden = !words.every((word) => item.dataset.text?.includes(word));
    const found = items.filter(({ hidden }) => !hidden).length;
    byId("found").textContent = words.length ? `${found} of ${items.length}` : "";
  });
}

/** Boxes that fit need no stop of the Tab key. */
export function startBoxes(): void {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth + 1) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of all(".scroll, pre")) observer.observe(box);
}
