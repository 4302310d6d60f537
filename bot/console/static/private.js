// Answers that only you see. They live in this window, belong to who you were, and can be dismissed.

import { pressIn } from "./actions.js";
import { fillBlocks } from "./blocks.js";
import { announce, byId, el, icon } from "./dom.js";
import { state } from "./state.js";
import { highlightYou } from "./text.js";
import { timeNode } from "./times.js";

const cards = [];
let channelList = null;

/** Names the list of the channel's messages, among which answers to commands stand. */
export function useChannelList(list) {
  channelList = list;
}

const KEPT = 40;

/** Shows an answer right below the buttons of the message it is about, else at the end of the channel. */
export function showPrivate({ near, channel, thread, asked, message, charts, page }) {
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
  const about = cards.find((c) => c.card === near); // a button of a private answer was pressed
  const entry = {
    card, channel, inThread: Boolean(near?.closest("#thread")), messageId: near?.dataset.id ?? null,
    person: state.persona?.person, after: about?.after ?? channelList.newest, about, page,
  };
  fillBlocks(body, message.blocks, charts, {
    level: 4, press: pressIn({ channel, thread, node: () => card }),
  });
  if (page && about?.page) {
    takePlace(entry, about, message.summary);
    return;
  }
  if (about?.messageId) Object.assign(entry, { messageId: about.messageId, inThread: about.inThread });
  // A refusal about the same message takes the place of the one before.
  for (const old of cards.filter((c) => sameSpot(c, entry))) remove(old);
  cards.splice(about ? cards.indexOf(about) + 1 : cards.length, 0, entry);
  while (cards.length > KEPT) remove(cards[0]);
  put(entry);
  highlightYou(card);
  announce(`Only you can see this: ${message.summary}`);
  bring(card);
}

/** A page shows something else: the same place, and the same button has the focus. */
function takePlace(entry, former, summary) {
  const buttons = (of) => [...of.card.querySelectorAll("[data-control]")];
  const at = buttons(former).indexOf(document.activeElement);
  Object.assign(entry, {
    about: former.about, after: former.after, inThread: former.inThread, messageId: former.messageId,
  });
  const asked = former.card.querySelector(".private-asked");
  if (asked) {
    asked.firstChild.textContent = `/dashboard ${entry.page}`;
    entry.card.querySelector(".private-head").after(asked);
  }
  cards.splice(cards.indexOf(former), 1, entry);
  former.card.replaceWith(entry.card);
  if (!entry.messageId) arrange();
  highlightYou(entry.card);
  announce(`Only you can see this: ${summary}`);
  (buttons(entry)[at] ?? entry.card).focus({ preventScroll: true });
}

/** Scrolls until a card is seen: all of it, or its beginning when it is higher than the view. */
function bring(card) {
  const high = card.offsetHeight > (card.closest(".scroller")?.clientHeight ?? 0) - 40;
  card.scrollIntoView({ block: high ? "start" : "nearest", behavior: "instant" });
}

const sameSpot = (a, b) => (a.messageId || a.about) && a.messageId === b.messageId
  && a.about === b.about && a.inThread === b.inThread && a.person === b.person;

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
  const list = byId(entry.inThread ? "thread-messages" : "messages");
  const message = list.querySelector(`article[data-id="${CSS.escape(entry.messageId)}"]`);
  if (message && isHere(entry)) putIn(message, entry);
}

/** Right below the buttons, where someone looks who pressed one; else below the message. */
function putIn(message, entry) {
  const buttons = [...message.querySelectorAll(":scope > .content > .body > .controls")].at(-1);
  if (entry.about?.card.isConnected) entry.about.card.after(entry.card);
  else if (buttons) buttons.after(entry.card);
  else message.querySelector(":scope > .content > .after").append(entry.card);
}

/** Puts the cards of one message back after it was drawn anew. */
export function putCards(message) {
  if (!message.isConnected) return;
  const inThread = Boolean(message.closest("#thread"));
  for (const entry of cards) {
    if (entry.messageId === message.dataset.id && entry.inThread === inThread && isHere(entry)) {
      putIn(message, entry);
    }
  }
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
