// Puts the page together: where you are, what is shown, what happens when news arrive.

import { sendCommand } from "./actions.js";
import { get, session } from "./api.js";
import { drawCommandBox, focusCommandBox, writeCommand } from "./command-box.js";
import { drawDashboard } from "./dashboard.js";
import { showAllowed } from "./controls.js";
import { announce, byId, closeMenu, el, icon, toast } from "./dom.js";
import { startLive } from "./live.js";
import { MessageList } from "./messages.js";
import { putPrivate, useChannelList } from "./private.js";
import { shortcutsButton, showShortcuts, startShortcuts } from "./shortcuts.js";
import { drawChannels, drawPersona, openSidebar, themeButton } from "./sidebar.js";
import { choosePersona, markRead, readMarks, state } from "./state.js";
import { highlightYou, plural } from "./text.js";
import { closeThread, newsInThread, openThread, openThreadId, startThread, stepInThread } from "./thread.js";

const list = new MessageList({
  container: byId("messages"), scroller: byId("scroller"), level: 3,
  openThread: (id) => go(state.channel, id, true),
});
let older = false;
let loadingOlder = false;
let unseen = 0;
let opening = 0;

// --- where you are: #/channel/finops, #/channel/finops/12, #/channel/finops/12/thread ---------------

function address(channel, id, thread) {
  const rest = id ? `/${id}${thread ? "/thread" : ""}` : "";
  return `#/channel/${encodeURIComponent(channel)}${rest}`;
}

function go(channel, id = null, thread = false) {
  const to = address(channel, id, thread);
  if (location.hash === to) route();
  else location.hash = to;
}

/** Where to begin: your team's channel, else the first with something new, else where alerts go. */
function firstChannel() {
  const channels = [...state.channels.values()];
  const home = state.channels.get(state.persona?.channel);
  if (home?.messages) return home.name;
  const first = channels.find((c) => c.unread) ?? state.channels.get(state.workspace.channel) ?? channels[0];
  return first?.name;
}

async function route() {
  const [, kind, name, id, thread] = location.hash.split("/");
  const wanted = kind === "channel" && name ? decodeURIComponent(name) : null;
  const channel = state.channels.has(wanted) ? wanted : state.channel ?? firstChannel();
  if (!channel) return;
  if (!wanted) history.replaceState(history.state, "", address(channel));
  if (wanted && wanted !== channel) toast(`There is no channel called ${wanted}.`, "warning");
  const messageId = /^\d{1,9}$/.test(id ?? "") && wanted === channel ? Number(id) : null;
  const inThread = messageId !== null && thread === "thread";
  openSidebar(false);
  if (state.channel !== channel) await openChannel(channel, messageId);
  else if (messageId && !inThread) await reveal(messageId);
  if (inThread) await openThread(messageId);
  else if (!(messageId && openThreadId() !== null && !list.node(messageId))) closeThread();
}

async function reveal(id) {
  if (list.reveal(id)) return;
  let message;
  try {
    message = await get(`/messages/${id}`);
  } catch {
    toast("That message is not here.", "warning");
    return;
  }
  if (message.thread_id) {
    await openThread(message.thread_id, id);
  } else if (message.channel === state.channel) {
    await load(state.channel, id);
    list.reveal(id);
  }
}

async function openChannel(name, messageId = null) {
  const turn = (opening += 1);
  closeThread();
  state.channel = name;
  const channel = state.channels.get(name);
  byId("channel-name").replaceChildren(icon("hash", 18), name);
  byId("channel-about").textContent = channel.about;
  byId("empty").hidden = true;
  list.reset([]);
  drawChannels();
  const read = readMarks()[name] ?? 0;
  const news = channel.last_id > read;
  await load(name, news && read ? read + 1 : null);
  if (turn !== opening) return;
  if (messageId) await reveal(messageId);
  else if (news && (read || !older)) list.toFirstFrom(read + 1);
  else list.toEnd();
  seen();
}

/** Loads the newest messages of a channel, back to a message when it is given. */
async function load(name, backTo) {
  byId("messages").setAttribute("aria-busy", "true");
  const read = readMarks()[name];
  let found;
  try {
    found = await get(`/channels/${encodeURIComponent(name)}/messages${backTo ? `?back_to=${backTo}` : ""}`);
  } catch (error) {
    toast(error.message, "warning");
    return;
  } finally {
    byId("messages").setAttribute("aria-busy", "false");
  }
  if (state.channel !== name) return;
  const line = read && found.messages.some((m) => m.id <= read) ? read + 1 : null;
  list.reset(found.messages, line);
  older = found.older;
  drawEdges();
  putPrivate();
}

function drawEdges() {
  const box = byId("older");
  box.hidden = !older;
  if (older && !box.firstChild) {
    box.append(el("button", { type: "button", class: "button button-default button-small", on: { click: loadOlder } },
      "Show older messages"));
  }
  const empty = byId("empty");
  empty.hidden = list.entries.size > 0;
  if (empty.hidden) return;
  const about = state.channels.get(state.channel).about;
  empty.replaceChildren(
    el("img", { src: "/console/static/icon.svg", alt: "", width: 64, height: 64 }),
    el("h3", {}, `Nothing in #${state.channel} yet`),
    el("p", {}, `${about} will show up here by themselves: what happened, what it costs, and buttons to deal with it.`),
    el("p", {}, "Press ", el("kbd", {}, "/"), " to ask for something, ", el("kbd", {}, "?"), " for all keys."));
}

async function loadOlder() {
  if (!older || loadingOlder) return;
  loadingOlder = true;
  const name = state.channel;
  try {
    const found = await get(`/channels/${encodeURIComponent(name)}/messages?before=${list.oldest}`);
    if (state.channel === name) {
      older = found.older;
      list.prepend(found.messages);
      drawEdges();
      putPrivate();
    }
  } catch (error) {
    toast(error.message, "warning");
  } finally {
    loadingOlder = false;
  }
}

// --- news -------------------------------------------------------------------------------------------

function onMessage(message) {
  const channel = state.channels.get(message.channel);
  if (!channel) return;
  const isNew = message.id > channel.last_id;
  if (isNew) {
    channel.last_id = message.id;
    channel.messages += 1;
    if (countsAsUnread(channel, message)) channel.unread += 1;
  }
  const shownInThread = newsInThread(message);
  if (message.channel === state.channel) inChannel(message, isNew);
  if (message.channel === state.channel || isNew) tell(message, isNew, shownInThread);
  drawChannels();
}

/** A thread with news counts once, whether its root or its replies are new. */
function countsAsUnread(channel, message) {
  channel.news ??= new Set();
  const root = message.thread_id ?? message.id;
  const known = channel.news.has(root)
    || (message.thread_id && root > (readMarks()[channel.name] ?? 0));
  channel.news.add(root);
  return !known;
}

function inChannel(message, isNew) {
  if (message.thread_id) {
    if (message.root) list.setReplies(message.root);
    // The count stands below the root: that is seen where someone looks, unless roots wait below.
    if (isNew && !unseen) seen();
    return;
  }
  const known = list.node(message.id) !== null;
  if (!known && message.id < list.newest) return; // an edit of something older than what is loaded
  const atEnd = list.atEnd;
  const what = list.upsert(message);
  if (what === "new") {
    drawEdges();
    if (!atEnd) showJump(unseen + 1);
  }
  if (atEnd) seen();
}

let toldAt = 0;
function tell(message, isNew, shownInThread) {
  if (!isNew && message.revision === 1) return;
  if (Date.now() - toldAt < 150 && isNew) return; // a flood is counted in the list of channels
  toldAt = Date.now();
  const where = message.thread_id && !shownInThread ? "In a thread of" : isNew ? "New in" : "Changed in";
  announce(`${where} ${message.channel}: ${message.content.summary}`);
}

function showJump(count) {
  unseen = count;
  const jump = byId("jump");
  jump.hidden = count === 0;
  jump.replaceChildren(icon("arrow", 16), `${plural(count, "new message")}`);
}

/** What is shown to someone who looks is read. */
function seen() {
  const channel = state.channels.get(state.channel);
  if (!channel || document.hidden) return;
  showJump(0);
  channel.unread = 0;
  channel.news?.clear();
  markRead(channel.name, channel.last_id);
  drawChannels();
}

async function loadChannels() {
  const query = new URLSearchParams();
  for (const [name, id] of Object.entries(readMarks())) query.append("read", `${name}:${id}`);
  const found = await get(`/channels?${query}`);
  state.channels = new Map(found.channels.map((c) => [c.name, c]));
}

async function loadEverything() {
  await loadChannels();
  if (state.channel) {
    await load(state.channel, null);
    list.toEnd();
    if (openThreadId() !== null) await openThread(openThreadId());
    seen();
  }
  drawChannels();
}

async function onHello(hello) {
  const version = document.querySelector('meta[name="console-version"]').content;
  if (hello.version !== version) {
    toast("Sandrail was updated. Load the page again to get the new console.", "neutral");
  }
  takeSession(await session().catch(() => null));
}

// --- the start --------------------------------------------------------------------------------------

function takeSession(found) {
  if (!found) return;
  state.workspace = found.workspace;
  state.personas = found.personas;
  state.commands = found.commands;
  state.presses = found.presses;
  choosePersona();
  showAllowed();
  drawDashboard();
  const persona = byId("persona");
  if (!persona || persona.getAttribute("aria-expanded") !== "true") drawPersona(becameSomeone);
}

function becameSomeone() {
  drawDashboard();
  showAllowed();
  highlightYou();
  putPrivate();
}

function stepChannel(by) {
  const names = [...state.channels.keys()];
  const to = names.indexOf(state.channel) + by;
  go(names[(to + names.length) % names.length]);
}

const step = (by) => (byId("thread").contains(document.activeElement) ? stepInThread(by) : list.step(by));
const leaveThread = () => go(state.channel);
const narrow = matchMedia("(max-width: 1180px)");

async function start() {
  byId("sidebar-open").append(icon("menu"));
  byId("sidebar-close").append(icon("close"));
  byId("thread-close").append(icon("close"));
  byId("bar-tools").append(themeButton(), shortcutsButton());
  byId("sidebar-open").addEventListener("click", () => openSidebar(true));
  for (const id of ["sidebar-close", "scrim"]) byId(id).addEventListener("click", () => openSidebar(false));
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    list.step(0);
    if (!list.entries.size) byId("messages").focus();
  });
  byId("jump").addEventListener("click", () => { list.toEnd(true); seen(); });
  byId("scroller").addEventListener("scroll", () => {
    if (byId("scroller").scrollTop < 240) loadOlder();
    if (list.atEnd && (unseen || state.channels.get(state.channel)?.unread)) seen();
  }, { passive: true });
  document.addEventListener("visibilitychange", () => list.atEnd && seen());
  document.addEventListener("click", (event) => {
    const used = event.target.closest?.(".code-command");
    if (!used) return;
    // Where the thread covers the channel, the answer would not be seen.
    if (byId("thread").contains(used) && narrow.matches) leaveThread();
    if (used.dataset.runs === "yes") sendCommand(used.dataset.command);
    else writeCommand(used.dataset.command);
  });
  window.addEventListener("hashchange", () => { closeMenu(); route(); });
  useChannelList(list);
  startThread({ closed: leaveThread, keepPlace: (change) => list.keepPlace(change) });
  startShortcuts({
    "/": focusCommandBox, "?": showShortcuts, j: () => step(1), k: () => step(-1),
    "[": () => stepChannel(-1), "]": () => stepChannel(1),
    Escape: () => {
      if (byId("app").classList.contains("sidebar-shown")) openSidebar(false);
      else if (openThreadId() !== null) leaveThread();
    },
  });
  drawCommandBox(sendCommand);
  const found = await session();
  state.since = found.since;
  takeSession(found);
  await loadChannels();
  await route();
  startLive({ message: onMessage, reset: loadEverything, hello: onHello });
}

start().catch((error) => {
  toast(error.message ?? "The console could not start; load the page again.", "warning");
  throw error;
});
