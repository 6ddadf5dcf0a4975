import type { Form } from "../forms.ts";
import { buyWithDemo, requestFor } from "./calls.ts";
import { formRows } from "./form-fields.ts";
import { all, byId, make } from "./nodes.ts";
import { explained, purchase, wasPaid } from "./results.ts";

/** The forms that send a call without paying, or, in `resource402 dev`, buy with the demo wallet. */

const WORDS: Partial<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  402: "Payment Required",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** What `emitDocs` writes into the page. */
interface PageData {
  readonly servers: readonly string[];
  readonly forms: Readonly<Partial<Record<string, Form>>>;
}

export function startForms(): void {
  const { servers, forms }: PageData = JSON.parse(byId("forms").textContent ?? "");
  const { demo } = document.documentElement.dataset;
  const server = { base: firstBase(servers, demo) };
  for (const box of all(".try")) {
    box.addEventListener("toggle", () => {
      const name = box.dataset.resource ?? "";
      const form = forms[name];
      if (form && box.hasAttribute("open") && !box.querySelector("form"))
        build(box, { name, form, server, demo });
    });
  }
}

/** The server of the page when it is the API, or else the one that the document names. */
function firstBase([first]: readonly string[], demo: string | undefined): string {
  const { protocol, origin, pathname, href } = location;
  const isServed = protocol.startsWith("http");
  if (isServed && (demo !== undefined || /\/docs\/?$/.test(pathname))) {
    return origin + pathname.replace(/\/docs\/?$|\/$/, "");
  }
  if (first === undefined) return isServed ? origin : "http://localhost:3000";
  return new URL(first, isServed ? href : "http://localhost:3000").href.replace(/\/$/, "");
}

interface Trial {
  readonly name: string;
  readonly form: Form;
  /** The base URL that all forms share. */
  readonly server: { base: string };
  /** The path of the demo wallet, where there is one. */
  readonly demo: string | undefined;
}

function build(box: HTMLElement, { name, form, server, demo }: Trial): void {
  const id = `try-${name}-`;
  const rows = formRows(form, id);
  const address = addressField(`${id}base`, server);
  const status = make("p", { class: "said", role: "status" });
  const result = make("div");
  const say = (badge: string, words: string, isBad: boolean): void =>
    status.replaceChildren(...(badge ? [make("b", { class: isBad ? "bad" : undefined }, badge)] : []), words);
  type Work = (input: unknown) => Promise<void>;
  async function run(button: HTMLButtonElement, doing: string, work: Work): Promise<void> {
    button.disabled = true;
    result.replaceChildren();
    status.textContent = doing;
    try {
      await work(rows.read());
    } catch (error) {
      const unreachable = `No answer from ${server.base}. Is the address right, and does the server allow calls from this page (CORS)?`;
      say("", error instanceof SyntaxError ? error.message : unreachable, true);
    }
    button.disabled = false;
    button.focus();
  }
  const act = (button: HTMLButtonElement, doing: string, work: Work): void =>
    button.addEventListener("click", (event) => {
      event.preventDefault();
      void run(button, doing, work);
    });

  const send = make("button", { type: "submit", class: "main" }, "Send without paying");
  act(send, "Sending …", async (input) => {
    const started = performance.now();
    const response = await fetch(...requestFor(form, server.base, input));
    const body = await response.text();
    const ms = Math.round(performance.now() - started);
    const isBad = response.status >= 400 && response.status !== 402;
    say(String(response.status), WORDS[response.status] ?? response.statusText, isBad);
    status.append(make("span", {}, ` · ${ms} ms`));
    result.replaceChildren(...explained(response, body));
  });
  const buttons = make("div", { class: "actions" }, send);
  if (demo !== undefined) {
    const button = make("button", { type: "button", class: "buy" }, "Buy with the demo wallet");
    act(button, "Buying …", async (input) => {
      const end = await buyWithDemo(demo, { resource: name, input }, (progress) => say("", progress, false));
      const failure = end.error ?? end.code;
      const price = wasPaid(end) && end.usd !== undefined ? `for $${end.usd}` : "";
      say(failure === undefined ? "Bought" : "Failed", failure ?? price, failure !== undefined);
      result.replaceChildren(...purchase(end));
    });
    buttons.append(button);
  }
  const place = make("div", {}, make("label", { for: address.id }, "Server"), address);
  box.append(
    make("form", { novalidate: true, "aria-label": `Try ${name}` }, ...rows.boxes, place, buttons),
    make("div", { class: "result" }, status, result),
  );
}

function addressField(id: string, server: Trial["server"]): HTMLInputElement {
  const own = { id, class: "mono base", type: "url", autocomplete: "off", spellcheck: "false" };
  const address = make("input", own);
  address.value = server.base;
  address.addEventListener("input", () => {
    server.base = address.value.trim();
    for (const other of document.querySelectorAll<HTMLInputElement>("input.base")) {
      if (other !== address) other.value = address.value;
    }
  });
  return address;
}
