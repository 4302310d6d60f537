// The slash-command box: an ARIA combobox with completion of commands and of what follows them.

import { get } from "./api.js";
import { announce, byId, el, icon, toast } from "./dom.js";
import { rank } from "./fuzzy.js";
import { rememberTyped, roleWords, state, typedBefore } from "./state.js";

const SHOWN = 20;
const FRESH = 60_000;
let words = {};
let wordsAt = -FRESH;

/** Draws the box; `send(text)` resolves to whether the bot answered. */
export function drawCommandBox(send) {
  const list = el("ul", { class: "suggestions", id: "suggestions", role: "listbox", "aria-label": "Commands" });
  const usage = el("p", { class: "usage", id: "usage" });
  const popup = el("div", { class: "popup", hidden: true }, usage, list);
  const input = el("input", {
    id: "command", class: "command", type: "text", role: "combobox", autocomplete: "off",
    autocapitalize: "off", spellcheck: "false", maxlength: 1000,
    "aria-label": "Command", "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": "suggestions", "aria-describedby": "usage",
    placeholder: matchMedia("(hover: none)").matches
      ? "Type a command" : "Type a command; press / to get here",
  });
  const submit = el("button", {
    type: "submit", class: "icon-button send", "aria-label": "Send the command",
  }, icon("send"));
  const form = el("form", { class: "command-form" }, popup,
    el("span", { class: "slash", "aria-hidden": "true" }, "/"), input, submit);
  byId("composer").replaceChildren(form);

  let options = [];
  let active = -1;
  let past = null;
  let sending = false;

  function suggest() {
    const { options: found, command } = suggestions(input.value);
    options = found;
    active = -1;
    usage.replaceChildren(...(command ? usageWords(command) : []));
    usage.hidden = !command;
    list.replaceChildren(...options.map((option, i) => el("li", {
      id: `suggestion-${i}`, role: "option", class: "suggestion", "aria-selected": "false",
      on: {
        pointerdown: (event) => { event.preventDefault(); accept(i); },
      },
    },
      el("span", { class: "suggestion-words" }, marked(option.words, option.at),
        option.usage ? el("span", { class: "suggestion-usage" }, ` ${option.usage}`) : null),
      el("span", { class: "suggestion-about" }, option.about))));
    list.hidden = !options.length;
    show(Boolean(options.length || command) && document.activeElement === input);
    submit.disabled = !input.value.trim();
  }

  function show(open) {
    popup.hidden = !open;
    input.setAttribute("aria-expanded", String(open && options.length > 0));
    if (!open) activate(-1);
  }

  function activate(index) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const node = list.children[active];
    node?.setAttribute("aria-selected", "true");
    node?.scrollIntoView({ block: "nearest" });
    if (node) input.setAttribute("aria-activedescendant", node.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function accept(index) {
    input.value = options[index].text;
    input.setSelectionRange(input.value.length, input.value.length);
    suggest();
  }

  async function sendNow() {
    const text = input.value.trim();
    if (!text || sending) return;
    if (!state.persona) {
      toast("Nobody can ask here: the policy names no people.", "warning");
      return;
    }
    sending = true;
    form.classList.add("sending");
    input.setAttribute("aria-busy", "true");
    show(false);
    const answered = await send(text);
    sending = false;
    form.classList.remove("sending");
    input.removeAttribute("aria-busy");
    if (!answered) return;
    rememberTyped(text);
    past = null;
    if (input.value.trim() === text) input.value = "";
    submit.disabled = true;
  }

  function earlier(by) {
    const typed = typedBefore();
    const at = (past ?? typed.length) + by;
    if (at < 0 || at > typed.length) return;
    past = at;
    input.value = typed[at] ?? "";
    submit.disabled = !input.value;
  }

  input.addEventListener("input", () => { past = null; suggest(); });
  input.addEventListener("focus", () => { refreshWords().then(() => popup.hidden || suggest()); suggest(); });
  input.addEventListener("blur", () => show(false));
  input.addEventListener("keydown", (event) => {
    const open = !popup.hidden && options.length > 0;
    const browsing = !input.value || past !== null;
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp": {
        event.preventDefault();
        const by = event.key === "ArrowDown" ? 1 : -1;
        if (browsing && by < 0 && active < 0 && typedBefore().length) { show(false); earlier(by); }
        else if (past !== null) earlier(by);
        else if (open) activate((active + by + (active < 0 && by < 0 ? 1 : 0) + options.length) % options.length);
        else suggest();
        break;
      }
      case "Tab":
        if (!open || event.shiftKey || (!input.value && active < 0)) return;
        event.preventDefault();
        accept(Math.max(0, active));
        break;
      case "Enter":
        event.preventDefault();
        if (open && active >= 0) accept(active);
        else if (open && options[0].completes && !isCommand(input.value)) accept(0);
        else sendNow();
        break;
      case "Escape":
        if (popup.hidden && !input.value) input.blur();
        else if (popup.hidden) { input.value = ""; suggest(); show(false); }
        else show(false);
        event.stopPropagation();
        break;
      default:
    }
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); sendNow(); });
  submit.disabled = true;
}

async function refreshWords() {
  if (Date.now() - wordsAt < FRESH) return;
  wordsAt = Date.now();
  words = await get("/words").catch(() => ({}));
}

const tidy = (typed) => typed.replace(/^\s*\//, "").replace(/^\s*sandrail\s+/i, "").replace(/^\s+/, "");

/** The command that the words begin with, the longest first. */
function commandOf(typed) {
  const said = `${tidy(typed).toLowerCase().replace(/\s+/g, " ")} `;
  return state.commands
    .filter((c) => said.startsWith(`${c.name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];
}
const isCommand = (typed) => Boolean(commandOf(typed));

function suggestions(typed) {
  const said = tidy(typed);
  const command = commandOf(typed);
  const rest = command ? said.replace(/\s+/g, " ").slice(command.name.length) : "";
  if (!said) return { options: families(), command };
  const commands = rest.trim() ? [] : rank(said.trim(), state.commands, (c) => c.name, (c) => c.does)
    .filter(({ item }) => item !== command)
    .map(({ item, at, begins }) => ({
      text: `${item.name} `, words: item.name, at, usage: item.usage, completes: begins,
      about: mayUse(item) ? item.does : `${item.does} (for ${roleWords(item.roles)})`,
    }));
  const found = command && rest.startsWith(" ") ? argumentsOf(command, typed, rest) : [];
  return { options: [...found, ...commands].slice(0, SHOWN), command };
}

/** What can be asked for at all, by its first word: /help, /spend …; what stands behind it comes next. */
function families() {
  const firsts = [...new Set(state.commands.map((c) => c.name.split(" ")[0]))];
  return firsts.map((first) => {
    const members = state.commands.filter((c) => c.name.split(" ")[0] === first);
    const itself = members.find((c) => c.name === first);
    const more = members.filter((c) => c !== itself).map((c) => c.name.slice(first.length + 1));
    const also = more.length ? `also ${more.join(", ")}` : "";
    return {
      text: `${first} `, words: `/${first}`, at: [], usage: more.length || itself?.usage ? "…" : "",
      about: [itself?.does, itself ? also : more.join(", ")].filter(Boolean).join("; "),
    };
  });
}

/** What may come next: the words that the usage names, then teams, features and experiments. */
function argumentsOf(command, typed, rest) {
  const usage = command.usage.toLowerCase();
  if (!usage) return [];
  const last = rest.match(/\S*$/)[0];
  const named = Object.keys(words).filter((d) => usage.includes(d));
  const literals = command.usage.split(/[[\]<>|,]|\bor\b/u).map((w) => w.trim())
    .filter((w) => w.length > 1 && w === w.toLowerCase() && !(w in words))
    .map((word) => ({ word, kind: "" }));
  const values = (named.length ? named : ["team", "feature", "experiment"])
    .flatMap((kind) => (words[kind] ?? []).map((word) => ({ word, kind })));
  const before = typed.slice(0, typed.length - last.length);
  return rank(last, [...literals, ...values], (w) => w.word)
    .filter(({ item }) => item.word !== last)
    .map(({ item, at }) => ({ text: `${before}${item.word} `, words: item.word, at, about: item.kind }));
}

const mayUse = (command) => command.roles.some((r) => state.persona?.roles.includes(r));

function usageWords(command) {
  return [el("code", {}, `/${command.name}${command.usage ? ` ${command.usage}` : ""}`),
    ` ${command.does}`,
    mayUse(command) ? "" : el("span", { class: "usage-roles" }, ` For ${roleWords(command.roles)}.`)];
}

/** The words with the letters that matched in bold. */
function marked(said, at) {
  const hit = new Set(at);
  return [...said].map((letter, i) => (hit.has(i) ? el("b", {}, letter) : letter));
}

/** Puts words into the box, for the rest to be typed. */
export function writeCommand(words) {
  const input = byId("command");
  input.value = words.replace(/^\//, "");
  input.focus();
  input.setSelectionRange(input.value.length, input.value.length);
  input.dispatchEvent(new Event("input"));
}

export function focusCommandBox() {
  byId("command")?.focus();
  announce("Command box");
}
