import { all, keep, make, stored } from "./nodes.ts";

/** Examples in several languages, one at a time, and buttons that copy. */

const TAB = "docs-language";
const STEPS: Partial<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

interface Tab {
  readonly button: HTMLElement;
  readonly panel: HTMLElement;
}

interface Group {
  readonly list: HTMLElement;
  readonly tabs: readonly Tab[];
}

export function startSamples(): void {
  let chosen = stored(TAB);
  const groups: Group[] = [];
  const show = ({ tabs }: Group): void => {
    const index = Math.max(
      0,
      tabs.findIndex(({ panel }) => panel.dataset.language === chosen),
    );
    for (const [at, { button, panel }] of tabs.entries()) {
      panel.hidden = at !== index;
      button.setAttribute("aria-selected", String(at === index));
      button.tabIndex = at === index ? 0 : -1;
    }
  };
  const choose = ({ button, panel }: Tab, { list }: Group): void => {
    chosen = panel.dataset.language ?? null;
    if (chosen !== null) keep(TAB, chosen);
    // What is read must not move when examples above it change their height.
    const before = list.getBoundingClientRect().top;
    for (const group of groups) show(group);
    scrollBy({ top: list.getBoundingClientRect().top - before, behavior: "instant" });
    button.focus();
  };
  for (const [number, box] of all(".samples").entries()) {
    const group = tabsOf(box, number);
    for (const tab of group.tabs) tab.button.addEventListener("click", () => choose(tab, group));
    group.list.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step === undefined) return;
      const { length } = group.tabs;
      const tab = group.tabs[(group.tabs.findIndex(({ panel }) => !panel.hidden) + step + length) % length];
      if (tab) choose(tab, group);
      event.preventDefault();
    });
    groups.push(group);
    show(group);
  }
}

function tabsOf(box: HTMLElement, number: number): Group {
  const list = make("div", { class: "tabs", role: "tablist", "aria-label": "Language of the example" });
  const tabs = all(".code", box).map((panel, at): Tab => {
    const id = `sample-${number}-${at}`;
    const own = { type: "button", role: "tab", id: `${id}-tab`, "aria-controls": id };
    const button = make("button", own, panel.dataset.language);
    panel.id = id;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    list.append(button);
    return { button, panel };
  });
  box.prepend(list);
  return { list, tabs };
}

export function startCopying(): void {
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLElement>(".copy") : null;
    if (button) void copyBy(button);
  });
}

async function copyBy(button: HTMLElement): Promise<void> {
  await copy(button.closest(".code")?.querySelector("code")?.textContent ?? "");
  button.textContent = "Copied";
  button.focus();
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1600);
}

async function copy(text: string): Promise<void> {
  try {
    return await navigator.clipboard.writeText(text);
  } catch {
    // A page without TLS has no clipboard: use the old way.
  }
  const area = make("textarea", { class: "unseen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
