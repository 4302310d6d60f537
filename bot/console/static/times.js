// Times in the workspace's zone, as the texts of messages have them; the reader's own time is in the tooltip.

import { el } from "./dom.js";
import { state } from "./state.js";

const PARTS = {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  hourCycle: "h23",
};
const formats = new Map();

function formatIn(zone) {
  if (!formats.has(zone)) {
    let format;
    try {
      format = new Intl.DateTimeFormat("en-US", { ...PARTS, timeZone: zone });
    } catch { // a zone that this browser does not know
      format = new Intl.DateTimeFormat("en-US", { ...PARTS, timeZone: "UTC" });
    }
    formats.set(zone, format);
  }
  return formats.get(zone);
}

/** The calendar's words of a time in a zone: weekday, day, month, year, hour, minute. */
function partsOf(date, zone = state.workspace.time_zone) {
  return Object.fromEntries(formatIn(zone).formatToParts(date).map((p) => [p.type, p.value]));
}

/** "Mon 23 Nov, 19:53"; with the year when it is not this year's or when asked. */
function words(date, zone, withYear = false) {
  const p = partsOf(date, zone);
  const year = withYear || p.year !== partsOf(new Date(), zone).year ? ` ${p.year}` : "";
  return `${p.weekday} ${p.day} ${p.month}${year}, ${p.hour}:${p.minute}`;
}

/** The whole time with its zone, and what that is for the reader when they are elsewhere. */
function fullWords(date) {
  const here = state.workspace.time_zone;
  const { timeZone: reader } = Intl.DateTimeFormat().resolvedOptions();
  const ours = words(date, here, true);
  const theirs = words(date, reader, true);
  const yours = ours === theirs ? "your time as well" : `your time: ${theirs} (${reader})`;
  return `${ours} (${here}), ${yours}`;
}

/** A time; the whole of it and the reader's own time show when the pointer rests on it. */
export function timeNode(iso, klass = "time") {
  const date = new Date(iso);
  return el("time", { datetime: iso, title: fullWords(date), class: klass },
    words(date, state.workspace.time_zone));
}

/** One string per calendar day of the workspace. */
export function dayKey(iso) {
  const p = partsOf(new Date(iso));
  return `${p.day} ${p.month} ${p.year}`;
}

/** What stands between two days: Today, Yesterday, Mon 23 Nov. */
export function dayWords(iso) {
  const now = Date.now();
  if (dayKey(iso) === dayKey(now)) return "Today";
  if (dayKey(iso) === dayKey(now - 86_400_000)) return "Yesterday";
  return words(new Date(iso), state.workspace.time_zone).split(",")[0];
}
