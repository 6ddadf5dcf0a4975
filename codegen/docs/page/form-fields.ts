import type { Form } from "../forms.ts";
import { make, shownText } from "./nodes.ts";

type Field = NonNullable<Form["fields"]>[number];
type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A field of the form. `read` returns the value of its control. */
interface FieldRow {
  readonly box: HTMLElement;
  /** @throws SyntaxError when the text is not valid JSON */
  read(): unknown;
}

export interface FormRows {
  readonly boxes: readonly HTMLElement[];
  /** The input that the fields describe. @throws SyntaxError when a field is not valid JSON */
  read(): unknown;
}

/** The fields of a form; an input that is not a plain object is one field of JSON. */
export function formRows({ fields, body }: Form, id: string): FormRows {
  if (!fields) {
    const row = fieldRow({ name: "input", kind: "json", required: true, value: body, hint: "" }, `${id}0`);
    return { boxes: [row.box], read: row.read };
  }
  const rows = fields.map((field, at) => ({ name: field.name, ...fieldRow(field, id + at) }));
  return {
    boxes: rows.map(({ box }) => box),
    read: () =>
      Object.fromEntries(
        rows.map(({ name, read }) => [name, read()] as const).filter(([, value]) => value !== undefined),
      ),
  };
}

function fieldRow(field: Field, id: string): FieldRow {
  const hintId = `${id}-hint`;
  const hint = [field.kind === "json" ? "JSON" : "", field.hint].filter(Boolean).join(", ");
  const control = controlOf(field, { id, name: field.name, "aria-describedby": hint ? hintId : undefined });
  const need = make("span", {}, field.required ? "required" : "optional");
  const box = make(
    "div",
    {},
    make("label", { for: id }, make("code", {}, field.name), " ", need),
    control,
    hint ? make("p", { class: "hint", id: hintId }, hint) : undefined,
  );
  return { box, read: () => inputIn(field, control) };
}

function controlOf({ kind, choices = [], required, value }: Field, own: Parameters<typeof make>[1]): Control {
  if (kind === "choice") {
    const select = make("select", own);
    if (!required && value === undefined) select.append(make("option", { value: "" }, "not sent"));
    for (const [at, choice] of choices.entries())
      select.append(make("option", { value: at }, String(choice)));
    const at = choices.indexOf(value);
    if (at >= 0) select.value = String(at);
    return select;
  }
  const isLong = kind === "long" || kind === "json";
  const control = isLong
    ? make("textarea", { ...own, rows: 3, spellcheck: "false", class: kind === "json" ? "mono" : undefined })
    : make("input", {
        ...own,
        type: "text",
        inputmode: kind === "number" ? "decimal" : undefined,
        autocomplete: "off",
      });
  control.value = shownText(value);
  return control;
}

function inputIn({ name, kind, choices = [], required }: Field, control: Control): unknown {
  control.removeAttribute("aria-invalid");
  const text = control.value;
  if (kind === "choice") return text === "" ? undefined : choices[Number(text)];
  if (text === "" && (!required || kind !== "text")) return undefined;
  if (kind === "number") return Number.isNaN(Number(text)) ? text : Number(text);
  if (kind !== "json") return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    control.setAttribute("aria-invalid", "true");
    control.focus();
    throw new SyntaxError(`${name} is not valid JSON: ${(error as Error).message}`);
  }
}
