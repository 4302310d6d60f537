// Forms as modal dialogs: errors stand at their fields, nothing typed is lost until it is saved.

import { byId, el, icon } from "./dom.js";
import { spans } from "./text.js";

let forms = 0;

/** Opens a form; `send(inputs, files)` returns {errors} to show, or nothing when the form may close. */
export function openForm(form, { send }) {
  const id = `form-${(forms += 1)}`;
  const opener = document.activeElement;
  const fields = form.fields.map((field) => fieldNode(field, `${id}-${field.name}`));
  const problem = el("p", { class: "form-problem", role: "alert", tabindex: "-1", hidden: true });
  const submit = el("button", { type: "submit", class: "button button-primary" },
    el("span", { class: "button-label" }, form.submit));
  const body = el("form", { class: "form", novalidate: true, "aria-labelledby": `${id}-title` },
    el("header", { class: "dialog-head" },
      el("h2", { id: `${id}-title` }, form.title),
      el("button", {
        type: "button", class: "icon-button", "aria-label": "Close without saving",
        on: { click: () => dialog.close() },
      }, icon("close"))),
    el("div", { class: "dialog-body" },
      form.intro.length ? el("p", { class: "form-intro" }, spans(form.intro)) : null,
      problem,
      fields.map((f) => f.node)),
    el("footer", { class: "dialog-foot" },
      el("button", {
        type: "button", class: "button button-default", on: { click: () => dialog.close() },
      }, "Cancel"),
      submit));
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": `${id}-title` }, body);

  let busy = false;
  body.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    const missing = Object.fromEntries(
      fields.map((f) => [f.field.name, f.check()]).filter(([, sentence]) => sentence));
    showErrors(missing);
    if (Object.keys(missing).length) return;
    busy = true;
    const { files, unread } = await textsOf(fields);
    if (Object.keys(unread).length) {
      busy = false;
      showErrors(unread);
      return;
    }
    submit.setAttribute("aria-disabled", "true");
    submit.setAttribute("aria-busy", "true");
    submit.append(el("span", { class: "spinner", "aria-hidden": "true" }));
    const inputs = Object.fromEntries(
      fields.filter((f) => f.field.kind !== "file").map((f) => [f.field.name, f.value()]));
    const answer = await send(inputs, files);
    busy = false;
    submit.removeAttribute("aria-disabled");
    submit.removeAttribute("aria-busy");
    submit.querySelector(".spinner")?.remove();
    if (answer) showErrors(answer.errors);
    else dialog.close();
  });

  function showErrors(errors) {
    const known = new Set(fields.map((f) => f.field.name));
    for (const field of fields) field.say(errors[field.field.name] ?? "");
    const elsewhere = Object.entries(errors).filter(([name]) => !known.has(name));
    problem.hidden = elsewhere.length === 0;
    problem.textContent = elsewhere.map(([, sentence]) => sentence).join(" ");
    const first = fields.find((f) => errors[f.field.name]);
    if (first) first.focus();
    else if (elsewhere.length) problem.focus();
  }

  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
    else byId("command")?.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  fields[0]?.focus();
}

/** The texts of the files that were chosen, and a sentence for each that cannot be read. */
async function textsOf(fields) {
  const files = {};
  const unread = {};
  for (const { field, file } of fields.filter((f) => f.field.kind === "file" && f.file())) {
    try {
      const bytes = await file().arrayBuffer();
      files[field.name] = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (error) {
      unread[field.name] = error instanceof TypeError
        ? "The file is not text in UTF-8: save it as UTF-8, and choose it again."
        : "The file could not be read; choose it again.";
    }
  }
  return { files, unread };
}

function fieldNode(field, id) {
  const error = el("p", { class: "field-error", id: `${id}-error`, hidden: true });
  const hint = el("p", { class: "field-hint", id: `${id}-hint` }, field.hint);
  const described = [field.hint ? hint.id : null].filter(Boolean);
  const { node: input, control, value } = inputNode(field, id);
  const label = el(field.kind === "choice" && !control.matches("select") ? "legend" : "label",
    { class: "field-label", for: control.matches("fieldset") ? null : id },
    field.label, field.required ? null : el("span", { class: "field-optional" }, " optional"));
  const group = control.matches("fieldset");
  if (group) control.prepend(label);
  if (described.length) control.setAttribute("aria-describedby", described.join(" "));
  if (field.required && !group) control.setAttribute("aria-required", "true");
  const node = el("div", { class: "field" }, group ? null : label,
    field.hint && !group ? hint : null, input, group && field.hint ? hint : null, error);
  return {
    field, node, value, file: () => control.files?.[0],
    focus: () => (group ? control.querySelector("input:checked, input") : control).focus(),
    check() {
      const given = value().trim();
      if (field.required && !given) {
        return {
          text: "Please fill this in.", date: "Please choose a date.", file: "Please choose a file.",
        }[field.kind] ?? "Please choose one.";
      }
      if (field.kind === "file" && (control.files[0]?.size ?? 0) > LARGEST_FILE) {
        return `The file is larger than ${LARGEST_FILE / 1024} kB, which no policy is.`;
      }
      if (field.kind === "date" && control.validity.badInput) return "This is not a whole date.";
      return "";
    },
    say(sentence) {
      error.textContent = sentence;
      error.hidden = !sentence;
      node.classList.toggle("field-wrong", Boolean(sentence));
      const about = sentence ? [error.id, ...described] : described;
      if (about.length) control.setAttribute("aria-describedby", about.join(" "));
      else control.removeAttribute("aria-describedby");
      if (group) return;
      if (sentence) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
  };
}

const FEW = 5;
const LARGEST_FILE = 512 * 1024; // bytes, as handlers/conversation.py has it

function inputNode(field, id) {
  if (field.kind === "choice" && field.options.length <= FEW && field.required) {
    const control = el("fieldset", { class: "choices" }, field.options.map((option, i) =>
      el("label", { class: "choice" },
        el("input", {
          type: "radio", name: id, id: i === 0 ? id : `${id}-${i}`, value: option.value,
          checked: option.value === field.initial,
        }), el("span", {}, option.label))));
    return {
      node: control, control, value: () => control.querySelector("input:checked")?.value ?? "",
    };
  }
  let control;
  if (field.kind === "choice") {
    control = el("select", { id, class: "input" },
      field.initial === null || !field.required
        ? el("option", { value: "" }, field.required ? "Choose…" : "None") : null,
      field.options.map((o) => el("option", {
        value: o.value, selected: o.value === field.initial,
      }, o.label)));
  } else if (field.kind === "date") {
    control = el("input", { id, class: "input input-date", type: "date", value: field.initial });
  } else if (field.kind === "file") {
    control = el("input", {
      id, class: "input", type: "file", accept: field.endings.map((e) => `.${e}`).join(","),
    });
  } else {
    control = el(field.multiline ? "textarea" : "input", {
      id, class: "input", maxlength: field.max_length, autocomplete: "off",
      type: field.multiline ? null : "text", rows: field.multiline ? 3 : null,
    });
    control.value = field.initial;
  }
  return { node: control, control, value: () => control.value };
}
