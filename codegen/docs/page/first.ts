/** Runs in the head, before anything is drawn, so that the page does not flash. */
const root = document.documentElement;
root.classList.add("js");
try {
  const theme = localStorage.getItem("docs-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
} catch {
  // Without storage, the theme is that of the system.
}

export {};
