import type { AdminData } from "./data.ts";
import { find, setText } from "./elements.ts";
import { clockText, spanText } from "./format.ts";
import { showErrors, showJobs, showMoney } from "./lists.ts";
import { showPlots, showResources, showTiles } from "./overview.ts";

/** The script of the admin page: loads the data every few seconds and shows it. */

const EVERY_MS = 3000;
const TIMEOUT_MS = 10_000;

let range = "1h";
let picked = "";
let data: AdminData | undefined;
let problem = "";
/** Number of the last request: responses to older ones are dropped. */
let sequence = 0;

function show(): void {
  if (!data) return;
  const names = data.stats.resources.map(({ resource }) => resource);
  if (!names.includes(picked)) picked = "";
  const pick = (name: string): void => {
    picked = name;
    show();
  };
  const view = { data, range, picked, chosen: picked ? [picked] : names, pick };
  setText(find("#title"), data.title);
  document.title = `${data.title} · operator`;
  showTiles(view);
  showPlots(view);
  showResources(view);
  showJobs(view);
  showMoney(view);
  showErrors(view);
}

function showState(): void {
  const state = find("#state");
  state.className = problem ? "lost" : "";
  setText(state, problem || (data ? `up ${spanText(data.now - data.begun)}` : "loading"));
}

async function load(): Promise<void> {
  sequence += 1;
  const own = sequence;
  try {
    const next = await fetchData();
    if (own !== sequence) return;
    data = next;
    problem = "";
    show();
  } catch (error) {
    if (own !== sequence) return;
    problem = problemOf(error) + (data ? ` Data of ${clockText(data.now)}.` : "");
  }
  showState();
}

async function fetchData(): Promise<AdminData> {
  const url = `${location.origin}${location.pathname.replace(/\/+$/, "")}/data?range=${range}`;
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (response.status === 401) throw new Error("The token is no longer accepted: load the page again.");
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  return response.json();
}

function problemOf(error: unknown): string {
  const isLost = error instanceof TypeError || (error as Error).name === "TimeoutError";
  return isLost ? "No contact with the server." : (error as Error).message;
}

async function keepLoading(): Promise<void> {
  for (;;) {
    if (!document.hidden) await load();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

const buttons = document.querySelectorAll<HTMLElement>("[data-range]");
for (const button of buttons) {
  button.onclick = () => {
    range = button.dataset.range ?? range;
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    void load();
  };
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void load();
});
addEventListener("resize", show);
showState();
void keepLoading();
