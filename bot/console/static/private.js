// Answers that only you see. They live in this window, belong to who you were, and can be dismissed.

import { pressIn } from "./actions.js";
import { fillBlocks } from "./blocks.js";
import { announce, byId, el, icon } from "./dom.js";
import { state } from "./state.js";
import { highlightYou, timeNode } from "./text.js";

const cards = [];
let channelList = null;

/** Names the list of the channel's messages, among which answers to commands stand. */
export function useChannelList(list) {
  channelList = list;
}

const KEPT = 40;

/** Shows an answer right below the message it is about, else at the end of the channel. */
export function showPrivate({ near, channel, thread, asked, message, charts }) {
  const body = el("div", { class: "body" });
  const card = el("section", {
    class: `private tone-${message.tone}`, "aria-label": "Only you can see this", tabindex: "-1",
  },
    el("header", { class: "private-head" },
      icon("eye", 14), el("span", {}, "Only you can see this ·"),
      timeNode(new Date().toISOString()),
      el("button", {
        type: "button", class: "icon-button private-close", "aria-label": "Dismiss this answer",
        on: { click: () => dismiss(entry) },
      }, icon("close", 14))),
    asked ? el("p", { class: "private-asked" }, el("code", {}, `/${asked.replace(/^\s*\//, "")}`)) : null,
    body);
  const entry = {
    card, channel, inThread: Boolean(near?.closest("#thread")), messageId: near?.dataset.id ?? null,
    person: state.persona?.person, after: channelList.newest,
  };
  fillBlocks(body, message.blocks, charts, {
    level: 4, press: pressIn({ channel, thread, node: () => card }),
  });
  // A refusal about the same message takes the place of the one before.
  for (const old of cards.filter((c) => entry.messageId && sameSpot(c, entry))) remove(old);
  cards.push(entry);
  while (cards.length > KEPT) remove(cards[0]);
  put(entry);
  highlightYou(card);
  announce(`Only you can see this: ${message.summary}`);
  card.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

const sameSpot = (a, b) =>
  a.messageId === b.messageId && a.inThread === b.inThread && a.person === b.person;

/** Puts the cards of the channel and of who you are back after the messages were drawn anew. */
export function putPrivate() {
  for (const entry of cards) entry.card.remove();
  for (const entry of cards.filter((c) => c.messageId)) put(entry);
  arrange();
}

/** Answers to commands stand after the message that was the newest when they came. */
function arrange() {
  channelList.setExtras(cards.filter((c) => !c.messageId && isHere(c))
    .map((c) => ({ after: c.after, node: c.card })));
}

const isHere = (entry) =>
  entry.channel === state.channel && entry.person === state.persona?.person;

function put(entry) {
  if (!entry.messageId) {
    arrange();
    return;
  }
  if (!isHere(entry)) return;
  const list = byId(entry.inThread ? "thread-messages" : "messages");
  const message = list.querySelector(`article[data-id="${CSS.escape(entry.messageId)}"]`);
  message?.querySelector(".after").append(entry.card);
}

function remove(entry) {
  entry.card.remove();
  const at = cards.indexOf(entry);
  if (at >= 0) cards.splice(at, 1);
  if (!entry.messageId) arrange();
}

function dismiss(entry) {
  const message = entry.card.closest("article");
  remove(entry);
  (message ?? byId("command"))?.focus({ preventScroll: true });
}
