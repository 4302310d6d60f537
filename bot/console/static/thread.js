// The thread at the right: a message and what was said about it.

import { get } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { MessageList } from "./messages.js";
import { drawNoteBox } from "./notes.js";
import { putPrivate } from "./private.js";
import { plural } from "./text.js";

let rootId = null;
let list = null;
let opener = null;
let asked = 0;
let box = null;
let mine = null;
let shown = { channel: "", thread: null };
let beside = (change) => change();

/**
 * Prepares the panel; `closed()` is called when the reader closes it, `keepPlace(change)` around what makes
 * the channel's column narrower or wider.
 */
export function startThread({ closed, keepPlace }) {
  beside = keepPlace;
  list = new MessageList({
    container: byId("thread-messages"), scroller: byId("thread-scroller"), level: 4,
  });
  box = drawNoteBox(() => shown, bring);
  byId("thread-close").addEventListener("click", () => closed());
}

export const openThreadId = () => rootId;

/** Shows the thread of a root; `focusId` is the reply to bring into view. */
export async function openThread(id, focusId = null) {
  if (rootId !== id) opener = document.activeElement;
  rootId = id;
  const turn = (asked += 1);
  let found;
  try {
    found = await get(`/messages/${id}/thread`);
  } catch (error) {
    announce(error.message);
    if (turn === asked) closeThread();
    return;
  }
  if (turn !== asked) return;
  if (byId("thread").hidden) beside(() => unfold(true));
  shown = { channel: found.root.channel, thread: id };
  list.reset([found.root, ...found.replies]);
  box.show();
  about(found.root.channel);
  putPrivate();
  if (focusId && list.reveal(focusId)) return;
  list.toEnd();
  byId("thread-title").focus({ preventScroll: true });
}

/** What you wrote yourself is brought into view, whether its news or the answer comes first. */
function bring(id) {
  mine = id;
  list.node(id)?.scrollIntoView({ block: "nearest" });
}

function unfold(open) {
  byId("thread").hidden = !open;
  byId("app").classList.toggle("thread-shown", open);
}

export function closeThread() {
  if (rootId === null) return;
  asked += 1;
  const id = rootId;
  rootId = null;
  beside(() => unfold(false));
  const back = opener?.isConnected && opener !== document.body
    ? opener : byId("messages").querySelector(`article[data-id="${id}"]`);
  back?.focus({ preventScroll: true });
}

/** Takes over news; returns whether it is shown here. */
export function newsInThread(message) {
  if (rootId === null || (message.id !== rootId && message.thread_id !== rootId)) return false;
  if (list.upsert(message) === "new") putPrivate();
  if (message.id === mine) bring(mine);
  about(message.channel);
  return true;
}

export const stepInThread = (by) => list.step(by);

function about(channel) {
  const replies = list.entries.size - 1;
  byId("thread-about").replaceChildren(
    `#${channel} · ${replies ? plural(replies, "reply", "replies") : "no replies yet"}`,
    el("span", { class: "unseen" }, "."));
}
