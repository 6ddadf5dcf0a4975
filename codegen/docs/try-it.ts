/** The script of the forms: sends a call that is not paid, and shows what the answer says. See `forms.ts`. */
export const TRY_IT = String.raw`
const { servers, forms } = JSON.parse(document.getElementById("forms").textContent);
const demo = root.dataset.demo;
const CHAINS = { 1: "Ethereum", 10: "Optimism", 137: "Polygon", 8453: "Base", 42161: "Arbitrum", 43114: "Avalanche", 84532: "Base Sepolia" };

/** Beside the API when it serves this page itself, else where the document says. */
function firstBase() {
  const { protocol, origin, pathname, href } = location;
  const served = protocol.startsWith("http");
  if (served && (demo !== undefined || /\/docs\/?$/.test(pathname))) return origin + pathname.replace(/\/docs\/?$|\/$/, "");
  const [first] = servers;
  if (first === undefined) return served ? origin : "http://localhost:3000";
  return new URL(first, served ? href : "http://localhost:3000").href.replace(/\/$/, "");
}
let base = firstBase();

// ---- the form ----
const text = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2));

function control(field, id, hintId) {
  const { kind, choices, required, value, hint } = field;
  const own = { id, name: field.name, "aria-describedby": hint || kind === "json" ? hintId : undefined };
  if (kind === "choice") {
    const select = make("select", own);
    if (!required && value === undefined) select.append(make("option", { value: "" }, "not sent"));
    for (const [at, choice] of choices.entries()) select.append(make("option", { value: at }, String(choice)));
    const at = choices.findIndex((choice) => choice === value);
    if (at >= 0) select.value = String(at);
    return select;
  }
  if (kind === "long" || kind === "json") {
    const area = make("textarea", { ...own, rows: 3, spellcheck: "false", class: kind === "json" ? "mono" : undefined });
    area.value = text(value);
    return area;
  }
  const input = make("input", { ...own, type: "text", inputmode: kind === "number" ? "decimal" : undefined, autocomplete: "off" });
  input.value = text(value);
  return input;
}

/** Label, control and hint of a field, and how its value is read; reading throws a SyntaxError for broken JSON. */
function row(field, id) {
  const hintId = id + "-hint";
  const element = control(field, id, hintId);
  const hint = [field.kind === "json" ? "JSON" : "", field.hint].filter(Boolean).join(", ");
  const box = make("div", {},
    make("label", { for: id }, make("code", {}, field.name), " ", make("span", {}, field.required ? "required" : "optional")),
    element,
    hint ? make("p", { class: "hint", id: hintId }, hint) : undefined,
  );
  function read() {
    element.removeAttribute("aria-invalid");
    const written = element.value;
    if (field.kind === "choice") return written === "" ? undefined : field.choices[Number(written)];
    if (written === "" && (!field.required || field.kind !== "text")) return undefined;
    if (field.kind === "number") return Number.isNaN(Number(written)) ? written : Number(written);
    if (field.kind !== "json") return written;
    try { return JSON.parse(written); } catch (error) {
      element.setAttribute("aria-invalid", "true");
      element.focus();
      throw new SyntaxError(field.name + " is not valid JSON: " + error.message);
    }
  }
  return { box, read };
}

function build(box) {
  const name = box.dataset.resource;
  const form = forms[name];
  const id = "try-" + name + "-";
  const address = make("input", { id: id + "base", class: "mono base", type: "url", autocomplete: "off", spellcheck: "false" });
  address.value = base;
  address.addEventListener("input", () => {
    base = address.value.trim();
    for (const other of all("input.base")) if (other !== address) other.value = address.value;
  });
  const rows = (form.fields ?? [{ name: "input", kind: "json", required: true, value: form.body, hint: "" }]).map((field, at) => ({ field, ...row(field, id + at) }));
  const input = () => {
    if (!form.fields) return rows[0].read();
    return Object.fromEntries(rows.map(({ field, read }) => [field.name, read()]).filter(([, value]) => value !== undefined));
  };
  const said = make("p", { class: "said", role: "status" });
  const shown = make("div");
  const act = (button, doing, work) => button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    shown.replaceChildren();
    said.textContent = doing;
    try { await work(input()); } catch (error) {
      say("", error instanceof SyntaxError ? error.message : "No answer from " + base + ". Is the address right, and does the server allow calls from this page (CORS)?", true);
    }
    button.disabled = false;
    button.focus();
  });
  const say = (badge, words, bad) => said.replaceChildren(...(badge ? [make("b", { class: bad ? "bad" : undefined }, badge)] : []), words);
  const send = make("button", { type: "submit", class: "main" }, "Send without paying");
  act(send, "Sending …", async (values) => {
    const started = performance.now();
    const answer = await fetch(...request(form, values));
    const body = await answer.text();
    const ms = Math.round(performance.now() - started);
    say(String(answer.status), WORDS[answer.status] ?? answer.statusText, answer.status >= 400 && answer.status !== 402);
    said.append(make("span", {}, " · " + ms + " ms"));
    shown.replaceChildren(...explained(answer, body));
  });
  const buttons = make("div", { class: "actions" }, send);
  if (demo !== undefined) {
    const buy = make("button", { type: "button", class: "buy" }, "Buy with the demo wallet");
    act(buy, "Buying …", async (values) => {
      const answer = await fetch(demo, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ resource: name, input: values }) });
      const end = await last(answer, (progress) => say("", progress));
      const failed = end.error !== undefined || end.code !== undefined;
      say(failed ? "Failed" : "Bought", failed ? String(end.error ?? end.code) : isPaid(end) && end.usd !== undefined ? "for $" + end.usd : "", failed);
      shown.replaceChildren(...bought(end));
    });
    buttons.append(buy);
  }
  box.append(
    make("form", { novalidate: true, "aria-label": "Try " + name },
      ...rows.map(({ box }) => box),
      make("div", {}, make("label", { for: address.id }, "Server"), address),
      buttons,
    ),
    make("div", { class: "result" }, said, shown),
  );
}
for (const box of all(".try")) box.addEventListener("toggle", () => { if (box.open && !box.querySelector("form")) build(box); });

// ---- the call ----
const WORDS = { 200: "OK", 202: "Accepted", 400: "Bad Request", 402: "Payment Required", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable", 504: "Gateway Timeout" };

function request({ method, path }, values) {
  const rest = new Map(Object.entries(values ?? {}));
  const address = path.replace(/:([A-Za-z_][A-Za-z0-9_]*)/g, (_, name) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(value ?? "");
  });
  const url = base.replace(/\/+$/, "") + address;
  if (method !== "GET") {
    const isObject = typeof values === "object" && values !== null && !Array.isArray(values);
    return [url, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(isObject ? Object.fromEntries(rest) : values) }];
  }
  const query = [...rest].flatMap(([name, value]) => [value].flat().map((one) => [name, typeof one === "object" ? JSON.stringify(one) : String(one)]));
  return [query.length ? url + "?" + new URLSearchParams(query) : url, {}];
}

/** The last of the documents that the demo wallet streams, one a line; those before it tell how far it is. */
async function last(answer, progress) {
  const end = {};
  const take = (line) => {
    if (line.trim() === "") return;
    const document = JSON.parse(line);
    Object.assign(end, document);
    const { message, status } = document;
    const word = message ?? status;
    if (word !== undefined || document.progress !== undefined) {
      progress([document.progress === undefined ? "" : document.progress + " %", word ?? ""].join(" ").trim());
    }
  };
  let kept = "";
  const decoder = new TextDecoder();
  const whole = [];
  for await (const chunk of chunks(answer.body)) {
    const piece = decoder.decode(chunk, { stream: true });
    whole.push(piece);
    kept += piece;
    const lines = kept.split("\n");
    kept = lines.pop();
    for (const line of lines) try { take(line); } catch { /* Part of one document on several lines. */ }
  }
  try { take(kept); } catch { Object.assign(end, JSON.parse(whole.join(""))); }
  return end;
}

async function* chunks(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

// ---- what the answer says ----
function parsed(json) { try { return JSON.parse(json); } catch { return undefined; } }

function decoded(header) {
  try { return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(header), (char) => char.charCodeAt(0)))); } catch { return undefined; }
}

function explained(answer, body) {
  const document = parsed(body);
  if (answer.status === 402) {
    const challenge = decoded(answer.headers.get("payment-required") ?? "") ?? document;
    const offers = Array.isArray(challenge?.accepts) ? challenge.accepts : [];
    const tables = offers.map((offer, at) => table(offers.length > 1 ? "Offer " + (at + 1) + " of " + offers.length : "What the 402 asks for", offered(offer)));
    return [...tables, raw("The challenge as JSON", challenge ?? body)];
  }
  if (answer.status >= 400 && document !== undefined) {
    const problem = [["Code", document.code], ["Detail", document.detail ?? document.error], ["Payment", document.paymentState]];
    const details = Array.isArray(document.details) ? document.details.map(({ path, message }) => [path || "input", message]) : [];
    return [table("The problem", problem), ...(details.length ? [table("What is wrong, field by field", details)] : []), raw("The problem as JSON", document)];
  }
  return [block(answer.status === 202 ? "The job" : "The output", document ?? body)];
}

function offered(offer) {
  const { amount, maxAmountRequired, network, payTo, asset, scheme, maxTimeoutSeconds, extra = {} } = offer;
  const { pricing, refundPolicy, name } = extra ?? {};
  const atomic = amount ?? maxAmountRequired;
  return [
    ["Amount", pricing ? pricing.amount + " " + pricing.currency : atomic + " of the token's smallest units", "amount"],
    ["For", pricing?.description],
    ["Network", chainName(network)],
    ["Pay to", payTo],
    ["Token", name ? name + ", " + asset : asset],
    ["Scheme", scheme],
    ["Valid for", maxTimeoutSeconds === undefined ? undefined : duration(maxTimeoutSeconds)],
    ["Refunds", refundPolicy],
  ];
}

function chainName(network) {
  const known = CHAINS[/^eip155:(\d+)$/.exec(network ?? "")?.[1]];
  return known ? known + " (" + network + ")" : network;
}

function duration(seconds) {
  const words = (count, one) => count + " " + one + (count === 1 ? "" : "s");
  return seconds >= 120 && seconds % 60 === 0 ? words(seconds / 60, "minute") : words(seconds, "second");
}

/** A signed payment is not always settled: a call that fails may cost nothing. */
function isPaid({ charged, receipt }) {
  return charged === undefined ? receipt !== undefined : [true, "yes", "refunded"].includes(charged);
}

function bought(end) {
  const { output, usd, receipt, jobId, code, charged } = end;
  const rows = [
    [isPaid(end) ? "Paid" : "Signed for", usd === undefined ? undefined : "$" + usd, "amount"],
    ["Charged", charged === undefined ? undefined : typeof charged === "boolean" ? (charged ? "yes" : "no") : String(charged)],
    ["Code", code],
    ["Job", jobId],
    ["Transaction", receipt?.transaction],
    ["Network", chainName(receipt?.network)],
  ];
  return [
    ...(rows.some(([, value]) => value !== undefined) ? [table("The purchase", rows)] : []),
    ...(output === undefined ? [] : [block("The output", output)]),
    raw("All of it as JSON", end),
  ];
}

function table(caption, rows) {
  const lines = rows.filter(([, value]) => value !== undefined && value !== null).map(([name, value, style]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: style }, String(value))));
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, caption), make("tbody", {}, ...lines)));
}

function raw(title, value) {
  return make("details", {}, make("summary", {}, title), make("pre", { tabindex: 0 }, make("code", {}, text(value))));
}

function block(title, value) {
  return make("div", { class: "code" }, make("div", { class: "bar" }, make("span", {}, title), make("button", { type: "button", class: "copy" }, "Copy")), make("pre", { tabindex: 0 }, make("code", {}, text(value))));
}
`;
