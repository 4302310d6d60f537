// Words and times, in the reader's own zone and language.

import { el } from "./dom.js";
import { state } from "./state.js";

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: "numeric", minute: "2-digit" });
const shortDate = format({ day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const DATED = { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" };
const dated = format(DATED);
const datedOfYear = format({ ...DATED, year: "numeric" });
const full = format({ dateStyle: "full", timeStyle: "long" });
const dayName = format({ weekday: "long", day: "numeric", month: "long" });
const dayNameOfYear = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const numeric = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** Days from today: 0 today, -1 yesterday. */
function daysAway(date) {
  return Math.round((startOfDay(date) - startOfDay(new Date())) / 86_400_000);
}

const isThisYear = (date) => date.getFullYear() === new Date().getFullYear();

/** One string per calendar day of the reader. */
export const dayKey = (iso) => startOfDay(new Date(iso)).toDateString();

/** What stands between two days: Today, Yesterday, Monday, November 2. */
export function dayWords(iso) {
  const date = new Date(iso);
  const away = daysAway(date);
  if (away === 0 || away === -1) {
    const words = numeric.format(away, "day");
    return words.charAt(0).toUpperCase() + words.slice(1);
  }
  return (isThisYear(date) ? dayName : dayNameOfYear).format(date);
}

/** A time; the whole date and zone show when the pointer rests on it. */
export function timeNode(iso, { withDay = false, klass = "time" } = {}) {
  const date = new Date(iso);
  const words = withDay && daysAway(date) !== 0 ? shortDate.format(date) : clock.format(date);
  return el("time", { datetime: iso, title: full.format(date), class: klass }, words);
}

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
      case "at": {
        const date = new Date(span.time);
        return el("time", { datetime: span.time, title: full.format(date), class: "at" },
          (isThisYear(date) ? dated : datedOfYear).format(date));
      }
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
