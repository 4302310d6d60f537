// A list of messages: draws them, keeps them up to date in place, keeps the reader's place.

import { COUNCIL, pressIn, toCouncil } from "./actions.js";
import { fillBlocks } from "./blocks.js";
import { el, icon } from "./dom.js";
import { putCards } from "./private.js";
import { state } from "./state.js";
import { highlightYou, plural } from "./text.js";
import { dayKey, dayWords, timeNode } from "./times.js";

const AT_END = 80;

/** One column of messages, in a channel or in a thread. */
export class MessageList {
  /** `openThread(id)` is called for a root's replies; without it, this is a thread's own list. */
  constructor({ container, scroller, level, openThread = null }) {
    Object.assign(this, { container, scroller, level, openThread });
    this.entries = new Map();
    this.newFrom = null;
    this.extras = [];
    container.addEventListener("keydown", (event) => this.#keys(event));
    container.addEventListener("focusin", (event) => {
      const article = event.target.closest?.("article");
      if (article) this.#rove(article);
    });
  }

  get newest() {
    return Math.max(0, ...this.entries.keys());
  }

  get oldest() {
    return Math.min(...this.entries.keys());
  }

  /** Shows these messages and no others; those from id `newFrom` on stand below a line that says so. */
  reset(messages, newFrom = null) {
    this.entries.clear();
    this.newFrom = newFrom;
    this.container.replaceChildren();
    for (const message of messages) this.#add(message);
    this.#arrange();
  }

  /** Adds older messages above without moving what is read. */
  prepend(messages) {
    this.keepPlace(() => {
      for (const message of messages) if (!this.entries.has(message.id)) this.#add(message);
      this.#arrange();
    });
  }

  /** Shows a message's newest state; returns "new", "changed" or null when it was known. */
  upsert(message) {
    const entry = this.entries.get(message.id);
    if (!entry) {
      const follow = this.atEnd;
      this.keepPlace(() => { this.#add(message); this.#arrange(); });
      if (follow) this.toEnd();
      return "new";
    }
    const changed = entry.message.revision !== message.revision;
    if (entry.message.revision > message.revision) return null;
    entry.message = { ...entry.message, ...message };
    this.keepPlace(() => this.#fill(entry));
    if (changed) flash(entry.node);
    return changed ? "changed" : null;
  }

  /** Nodes that stand between the messages, each after the message with the id `after`. */
  setExtras(extras) {
    this.extras = extras;
    this.#arrange();
  }

  /** Takes over how many replies a root has. */
  setReplies({ id, replies, last_reply_at }) {
    const entry = this.entries.get(id);
    if (!entry) return;
    Object.assign(entry.message, { replies, last_reply_at });
    this.keepPlace(() => this.#replies(entry));
  }

  node(id) {
    return this.entries.get(id)?.node ?? null;
  }

  get #last() {
    return this.container.querySelector("article:last-of-type");
  }

  /** Whether the end is in view, or the beginning of a last message that is higher than the view. */
  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (scrollHeight - scrollTop - clientHeight < AT_END) return true;
    const top = this.#last?.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    return top > -AT_END && top < clientHeight / 2;
  }

  /** Scrolls to the end; of a last message that is higher than the view, the beginning is shown. */
  toEnd(smooth = false) {
    const scroller = this.scroller;
    const last = this.#last;
    const begins = last
      ? last.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop
      : Infinity;
    scroller.scrollTo({
      top: Math.min(begins - 4, scroller.scrollHeight), behavior: smooth ? "smooth" : "instant",
    });
  }

  /** Scrolls so that the first message from an id on, and the line above it, stands at the top. */
  toFirstFrom(id) {
    const from = [...this.entries.keys()].filter((key) => key >= id).sort((a, b) => a - b)[0];
    if (from === undefined) {
      this.toEnd();
      return;
    }
    const node = this.node(from);
    const above = [...this.container.querySelectorAll(".news-line, .day")]
      .filter((n) => n.nextElementSibling === node)[0] ?? node;
    this.scroller.scrollTop += above.getBoundingClientRect().top
      - this.scroller.getBoundingClientRect().top - 8;
  }

  /** Changes the list while the buttons that someone is at, else what is read, stay where they are. */
  keepPlace(change) {
    const view = this.scroller.getBoundingClientRect();
    const topOf = (node) => node?.getBoundingClientRect().top;
    const isSeen = (node) => topOf(node) < view.bottom
      && node.getBoundingClientRect().bottom > view.top + 1;
    const active = document.activeElement;
    const here = this.container.contains(active) && isSeen(active) ? active : null;
    const article = here?.closest("article")
      ?? [...this.container.querySelectorAll("article")].find(isSeen);
    const buttons = () => article.querySelector(":scope > .content > .body > .controls");
    const atButtons = article && here && buttons()?.contains(here);
    const before = topOf(atButtons ? buttons() : article);
    change();
    if (!article?.isConnected) return;
    this.scroller.scrollTop += topOf(atButtons && buttons() ? buttons() : article) - before;
  }

  /** Brings a message into view, marks it for a moment and gives it the focus. */
  reveal(id) {
    const node = this.node(id);
    if (!node) return false;
    node.scrollIntoView({ block: "center", behavior: "instant" });
    this.#rove(node);
    node.focus({ preventScroll: true });
    flash(node);
    return true;
  }

  /** Moves the focus to the next or previous message; from nowhere to the newest in view. */
  step(by) {
    const articles = [...this.container.querySelectorAll("article")];
    if (!articles.length) return;
    const here = articles.indexOf(document.activeElement?.closest("article"));
    const to = here < 0 ? articles.length - 1 : here + by;
    const next = articles[Math.min(Math.max(to, 0), articles.length - 1)];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  #add(message) {
    const body = el("div", { class: "body" });
    const head = el("header", { class: "message-head" });
    const replies = el("div", { class: "replies-line" });
    const node = el("article", { class: "message", tabindex: "-1", data: { id: message.id } },
      el("img", { class: "avatar", src: "/console/static/icon.svg", alt: "", width: 36, height: 36 }),
      el("div", { class: "content" }, head, body, replies, el("div", { class: "after" })));
    const entry = { message, node, body, head, replies };
    entry.press = pressIn({
      channel: message.channel, thread: message.thread_id, node: () => this.node(message.id),
    });
    this.entries.set(message.id, entry);
    this.#fill(entry);
  }

  #fill(entry) {
    const { message, node, body, head } = entry;
    node.className = `message tone-${message.content.tone}${message.author ? " note" : ""}`;
    node.dataset.revision = message.revision;
    node.setAttribute("aria-label", message.content.summary);
    const address = `#/channel/${encodeURIComponent(message.channel)}/${message.id}`;
    head.replaceChildren(
      el("span", { class: "author" }, message.author?.name ?? "Sandrail"),
      message.author ? "" : el("span", { class: "chip" }, "app"),
      el("a", { class: "permalink", href: address }, timeNode(message.posted_at)),
      message.edited_at
        ? el("span", { class: "edited" }, "edited ", timeNode(message.edited_at))
        : "",
      state.workspace.council ? this.#toCouncil(entry) : "");
    body.classList.toggle("framed", isFramed(message.content));
    fillBlocks(body, message.content.blocks, message.charts, {
      level: this.level, press: entry.press,
    });
    putCards(node);
    highlightYou(body);
    this.#replies(entry);
  }

  /** The entry that a chat platform has in a message's own menu. */
  #toCouncil({ message, node }) {
    const button = el("button", {
      type: "button", class: "to-council", title: "To the council",
      data: { action: COUNCIL }, "aria-haspopup": "dialog",
      on: { click: () => button.getAttribute("aria-disabled") || toCouncil(message, button, node) },
    }, icon("council", 14), el("span", {}, "To the council"));
    return button;
  }

  #replies({ message, replies }) {
    if (!this.openThread) return;
    const focused = replies.contains(document.activeElement);
    const open = () => this.openThread(message.id);
    const some = message.replies > 0;
    replies.replaceChildren(el("button", {
      type: "button", class: some ? "replies" : "replies replies-none", on: { click: open },
    },
      icon("reply", 16),
      el("span", { class: "replies-count" },
        some ? plural(message.replies, "reply", "replies") : "Write in a thread"),
      some ? el("span", { class: "replies-last" }, "last ", timeNode(message.last_reply_at)) : null));
    if (focused) replies.firstElementChild.focus({ preventScroll: true });
  }

  /** Puts the messages in order, with the days and the line above what is new between them. */
  #arrange() {
    const nodes = [];
    let day = "";
    let line = this.newFrom;
    const extras = [...this.extras];
    for (const id of [...this.entries.keys()].sort((a, b) => a - b)) {
      while (extras.length && extras[0].after < id) nodes.push(extras.shift().node);
      const { message, node } = this.entries.get(id);
      const key = dayKey(message.posted_at);
      if (key !== day) nodes.push(this.#separator(key, message.posted_at));
      day = key;
      if (line !== null && id >= line) {
        nodes.push(el("div", { class: "news-line", role: "separator" }, el("span", {}, "New")));
        line = null;
      }
      nodes.push(node);
    }
    nodes.push(...extras.map((extra) => extra.node));
    sync(this.container, nodes);
    const articles = nodes.filter((n) => n.matches("article"));
    articles.forEach((article, i) => {
      article.setAttribute("aria-posinset", i + 1);
      article.setAttribute("aria-setsize", articles.length);
    });
    if (!this.container.querySelector('article[tabindex="0"]')) {
      articles.at(-1)?.setAttribute("tabindex", "0");
    }
  }

  #separator(key, iso) {
    const there = this.container.querySelector(`.day[data-day="${CSS.escape(key)}"]`);
    return there ?? el("div", { class: "day", role: "separator", data: { day: key } },
      el("span", {}, dayWords(iso)));
  }

  #rove(article) {
    for (const other of this.container.querySelectorAll('article[tabindex="0"]')) {
      if (other !== article) other.setAttribute("tabindex", "-1");
    }
    article.setAttribute("tabindex", "0");
  }

  #keys(event) {
    if (event.target.tagName !== "ARTICLE") return;
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 1, PageUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      this.step(by);
    } else if (event.key === "Enter" && this.openThread) {
      event.preventDefault();
      this.openThread(Number(event.target.dataset.id));
    }
  }
}

/** A message that is only words needs no frame. */
function isFramed(content) {
  const plain = content.blocks.every((b) => b.kind === "paragraph" || b.kind === "small");
  return !(plain && content.tone === "neutral");
}

/** Makes `parent` have exactly these children; those that are in place are not touched. */
function sync(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
}

function flash(node) {
  node.classList.remove("flash");
  void node.offsetWidth; // starts the animation again
  node.classList.add("flash");
  setTimeout(() => node.classList.remove("flash"), 1800);
}
