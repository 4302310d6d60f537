// Words: what spans say, as nodes and as lines.

import { el } from "./dom.js";
import { state } from "./state.js";
import { timeNode } from "./times.js";

/** Text spans as nodes. An address that is no web or mail address stays words. */
export function spans(text) {
  return text.map((span) => {
    switch (span.kind) {
      case "strong":
        return el("strong", {}, span.text);
      case "code":
        return isCommand(span.text) ? commandNode(span.text) : el("code", {}, span.text);
      case "link":
        return /^(https?:\/\/|mailto:)/i.test(span.url)
          ? el("a", { href: span.url, target: "_blank", rel: "noopener noreferrer" }, span.text,
            el("span", { class: "unseen" }, " (opens in a new tab)"))
          : span.url.startsWith("#/channel/") ? el("a", { href: span.url }, span.text)
            : `${span.text} (${span.url})`;
      case "mention":
        return el("span", {
          class: "mention", title: span.person, data: { person: span.person },
        }, `@${span.name}`);
      case "at":
        return timeNode(span.time, "at");
      default:
        return span.text;
    }
  });
}

/** Whether the words are a command that there is, with what may follow it. */
const isCommand = (words) => words.startsWith("/")
  && state.commands.some((c) => c.name.split(" ")[0] === words.slice(1).split(" ")[0]);

/** Where a person's own words come: NAME, TEXT, [budget]. */
const BLANK = /\s*(\[|\b[A-Z]{3,}\b|…)/;

/** A command that runs when it is used; with a blank in it, it waits in the command box for the words. */
function commandNode(words) {
  const blank = words.search(BLANK);
  const does = blank < 0 ? `Run ${words}` : `Write ${words} in the command box`;
  return el("button", {
    type: "button", class: "code-command", title: does, "aria-label": does,
    data: { command: blank < 0 ? words : `${words.slice(0, blank)} `, runs: blank < 0 ? "yes" : "no" },
  }, el("code", {}, words));
}

/** Highlights the mentions of who you are now, everywhere. */
export function highlightYou(root = document) {
  for (const mention of root.querySelectorAll(".mention")) {
    mention.classList.toggle("mention-you", mention.dataset.person === state.persona?.person);
  }
}

/** What spans say, as one line. */
export const wordsOf = (text) =>
  text.map((s) => s.text ?? (s.name ? `@${s.name}` : "")).join("");

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
