/** Elements of the page. All text is inserted as text, never as HTML. */

type Attributes = Readonly<Record<string, string | number | undefined>>;
type Children = readonly (Node | string)[];

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Children
): HTMLElementTagNameMap[Name] {
  return filled(document.createElement(name), attributes, children);
}

export function svgElement<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Children
): SVGElementTagNameMap[Name] {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled<E extends Element>(node: E, attributes: Attributes, children: Children): E {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(key, String(value));
  }
  node.append(...children);
  return node;
}

/** The element that `selector` finds. @throws Error when there is none */
export function find(selector: string, within: ParentNode = document): HTMLElement {
  const found = within.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`The page has no ${selector}.`);
  return found;
}

export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** How to make the element of an item, and how to fill it. */
interface Rows<Item> {
  readonly items: readonly Item[];
  readonly key: (item: Item) => string;
  readonly create: (item: Item) => HTMLElement;
  readonly update: (row: HTMLElement, item: Item) => void;
}

/** Keeps the elements of known items, so that nothing flickers and a selection stays. */
export function updateRows<Item>(body: Element, { items, key, create, update }: Rows<Item>): void {
  const old = new Map(
    Array.from(body.children, (row) => [(row as HTMLElement).dataset.key, row as HTMLElement]),
  );
  let next = body.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const row = old.get(name) ?? create(item);
    row.dataset.key = name;
    old.delete(name);
    update(row, item);
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
  for (const row of old.values()) row.remove();
}

/** Fills a cell, or returns its text. */
type Fill<Item> = (item: Item, cell: HTMLElement, row: HTMLElement) => string | undefined;
type Column<Item> = readonly [title: string, fill: Fill<Item>, style?: string];

interface Table<Item> {
  readonly items: readonly Item[];
  readonly key: (item: Item) => string;
  readonly columns: readonly Column<Item>[];
  /** What the page says without items. */
  readonly empty: string;
  /** Whether having no items is good news. */
  readonly emptyIsGood?: boolean;
}

export function updateTable<Item>(
  id: string,
  { items, key, columns, empty, emptyIsGood }: Table<Item>,
): void {
  const place = find(`#${id}`);
  if (!place.firstElementChild) {
    const titles = columns.map(([title, , style]) => element("th", { class: style, scope: "col" }, title));
    place.append(
      element(
        "div",
        { class: `scroll${place.dataset.tall ? " tall" : ""}`, tabindex: -1 },
        element("table", {}, element("thead", {}, element("tr", {}, ...titles)), element("tbody")),
      ),
      element("p", { class: `empty${emptyIsGood ? " ok" : ""}` }, empty),
    );
  }
  find(".empty", place).hidden = items.length > 0;
  find(".scroll", place).hidden = items.length === 0;
  updateRows(find("tbody", place), {
    items,
    key,
    create: () => element("tr", {}, ...columns.map(([, , style]) => element("td", { class: style }))),
    update: (row, item) => {
      for (const [index, [, fill]] of columns.entries()) {
        const cell = row.children[index] as HTMLElement;
        const text = fill(item, cell, row);
        if (text !== undefined) setText(cell, text);
      }
    },
  });
}

export function fillTag(cell: HTMLElement, text: string, style: string): undefined {
  const name = `tag ${style}`;
  const now = cell.firstElementChild;
  if (now && now.textContent === text && now.className === name) return;
  cell.replaceChildren(element("span", { class: name }, text));
}

/** A bar of `percent`, with its text beside it where there is one. */
export function fillMeter(cell: HTMLElement, percent: number, text?: string): undefined {
  if (!cell.firstChild) {
    const meter = element("div", { class: "meter" }, element("i", {}, element("b")));
    if (text !== undefined) meter.append(element("span"));
    cell.append(meter);
  }
  find("b", cell).style.width = `${percent}%`;
  if (text !== undefined) setText(find("span", cell), text);
}

/** The beginning of an id; the cell's title has all of it. */
export function shortId(cell: HTMLElement, id: string): string {
  if (cell.title !== id) cell.title = id;
  cell.classList.add("id");
  return id.length > 16 ? `${id.slice(0, 12)}…` : id;
}
