// Keys that save time, and the page that shows them. Single keys can be switched off.

import { byId, el, icon } from "./dom.js";

const KEY = "sandrail.single-keys";
const KEYS = [
  ["/", "Go to the command box"],
  ["j, k or ↓, ↑", "Next, previous message"],
  ["Enter", "Open the thread of the message"],
  ["[ and ]", "Previous, next channel"],
  ["Tab, Shift Tab", "Move between the controls"],
  ["Esc", "Close what is open: form, menu, thread"],
  ["?", "Show this"],
];

function singleKeys() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

/** Listens for shortcuts; `does` has a function by key. */
export function startShortcuts(does) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open], .menu")) return;
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      does.Escape?.(event);
      return;
    }
    if (typing || !singleKeys()) return;
    const action = does[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
}

export function shortcutsButton() {
  return el("button", {
    type: "button", class: "icon-button", id: "shortcuts", "aria-label": "Keyboard shortcuts",
    title: "Keyboard shortcuts (?)", "aria-haspopup": "dialog", on: { click: showShortcuts },
  }, icon("keys"));
}

export function showShortcuts() {
  const opener = document.activeElement;
  const dialog = el("dialog", { class: "dialog dialog-small", "aria-labelledby": "shortcuts-title" },
    el("header", { class: "dialog-head" }, el("h2", { id: "shortcuts-title" }, "Keyboard shortcuts"),
      el("button", {
        type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => dialog.close() },
      }, icon("close"))),
    el("div", { class: "dialog-body" },
      el("dl", { class: "keys" }, KEYS.map(([keys, words]) => el("div", {},
        el("dt", {}, keys.split(/( or |, | and | )/).map((part) =>
          (/^( or |, | and | )$/.test(part) ? part : el("kbd", {}, part)))),
        el("dd", {}, words)))),
      el("label", { class: "choice" },
        el("input", {
          type: "checkbox", checked: singleKeys(),
          on: { change: (event) => localStorage.setItem(KEY, event.target.checked ? "on" : "off") },
        }), el("span", {}, "Use single keys as shortcuts"))));
  dialog.addEventListener("close", () => {
    dialog.remove();
    (opener?.isConnected ? opener : byId("shortcuts")).focus();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
