// The thread at the right: a message and what was said about it.

import { get } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { MessageList } from "./messages.js";
import { drawNoteBox } from "./notes.js";
import { putPrivate } from "./private.js";
import { plural } from "./text.js";

let rootId = null;
let rootChannel = "";
let list = null;
let opener = null;
let asked = 0;
let box = null;

/** Prepares the panel; `closed()` is called when the reader closes it. */
export function startThread(closed) {
  list = new MessageList({
    container: byId("thread-messages"), scroller: byId("thread-scroller"), level: 4,
  });
  box = drawNoteBox(() => ({ channel: rootChannel, thread: rootId }));
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
  byId("thread").hidden = false;
  byId("app").classList.add("thread-shown");
  rootChannel = found.root.channel;
  list.reset([found.root, ...found.replies]);
  box.show();
  about(found.root.channel);
  putPrivate();
  if (focusId && list.reveal(focusId)) return;
  list.toEnd();
  byId("thread-title").focus({ preventScroll: true });
}

export function closeThread() {
  if (rootId === null) return;
  asked += 1;
  const id = rootId;
  rootId = null;
  byId("thread").hidden = true;
  byId("app").classList.remove("thread-shown");
  const back = opener?.isConnected && opener !== document.body
    ? opener : byId("messages").querySelector(`article[data-id="${id}"]`);
  back?.focus({ preventScroll: true });
}

/** Takes over news; returns whether it is shown here. */
export function newsInThread(message) {
  if (rootId === null || (message.id !== rootId && message.thread_id !== rootId)) return false;
  if (list.upsert(message) === "new") putPrivate();
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
