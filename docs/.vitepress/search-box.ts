/** Texts of VitePress's search box, each with its accessible replacement: its roles nest links in a button and in options. */
const REPLACEMENTS: readonly (readonly [written: string, accessible: string])[] = [
  [
    `role="button"
      :aria-owns="results?.length ? 'localsearch-list' : undefined"
      aria-expanded="true"
      aria-haspopup="listbox"`,
    'role="dialog"\n      aria-modal="true"',
  ],
  [`:role="results?.length ? 'listbox' : undefined"`, ""],
  [`:aria-selected="selectedIndex === index ? 'true' : 'false'"\n            role="option"`, ""],
  [
    `:aria-activedescendant="selectedIndex > -1 ? ('localsearch-item-' + selectedIndex) : undefined"
            aria-autocomplete="both"`,
    "",
  ],
  [`:aria-label="[...p.titles, p.title].join(' > ')"`, ""],
  ["<kbd :aria-label", '<kbd role="img" :aria-label'],
];

/** A plugin of Vite. Fails when a new version of VitePress has another search box: then look whether this is needed. */
export function accessibleSearchBox() {
  return {
    name: "accessible-search-box",
    enforce: "pre" as const,
    transform(code: string, id: string): string | undefined {
      if (!id.endsWith("/VPLocalSearchBox.vue")) return undefined;
      return REPLACEMENTS.reduce((text, [written, accessible]) => {
        if (!text.includes(written)) throw new Error(`VPLocalSearchBox.vue no longer contains: ${written}`);
        return text.replaceAll(written, accessible);
      }, code);
    },
  };
}
