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
        return el("code", {}, span.text);
      case "link":
        return /^(https?:\/\/|mailto:)/i.test(span.url)
          ? el("a", { href: span.url, target: "_blank", rel: "noopener noreferrer" }, span.text,
            el("span", { class: "unseen" }, " (opens in a new tab)"))
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
