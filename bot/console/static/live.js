// The live stream: what was posted or edited arrives by itself; a break is noticed, shown and mended.

import { useToken } from "./api.js";
import { byId, el, icon, toast } from "./dom.js";
import { state } from "./state.js";

const SILENCE = 40_000; // the server speaks every 15 seconds
const ASLEEP = 300_000; // a page that nobody sees gives its connection back; browsers have few
const LONGEST = 15_000;

/** Starts the stream; `handlers` has message(data), reset() and hello(data). */
export function startLive(handlers) {
  let source = null;
  let tries = 0;
  let timer = null;
  let watchdog = null;
  let sleeper = null;
  let lost = false;

  function connect() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(`/console/api/live?since=${encodeURIComponent(state.since)}`);
    source.addEventListener("hello", (event) => {
      const hello = JSON.parse(event.data);
      tries = 0;
      useToken(hello.token);
      if (lost) recovered();
      handlers.hello(hello);
      heard(event);
    });
    source.addEventListener("message", (event) => {
      heard(event);
      handlers.message(JSON.parse(event.data));
    });
    source.addEventListener("reset", (event) => {
      heard(event);
      handlers.reset();
    });
    source.addEventListener("ping", heard);
    source.addEventListener("error", broken);
    watch();
  }

  function heard(event) {
    if (event.lastEventId) state.since = event.lastEventId;
    watch();
  }

  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(broken, SILENCE);
  }

  function broken() {
    clearTimeout(watchdog);
    source?.close();
    source = null;
    tries += 1;
    const wait = Math.min(LONGEST, 500 * 2 ** Math.min(tries, 6)) * (0.75 + Math.random() / 2);
    if (tries > 1) showLost();
    clearTimeout(timer);
    timer = setTimeout(connect, wait);
  }

  function showLost() {
    if (lost) return;
    lost = true;
    const banner = byId("connection");
    banner.replaceChildren(icon("warning", 16),
      el("span", {}, "Connection lost. Trying again; what happens meanwhile will be shown then."),
      el("button", { type: "button", class: "button button-default button-small", on: { click: connect } },
        "Try now"));
    banner.hidden = false;
    byId("app").classList.add("disconnected");
  }

  function recovered() {
    lost = false;
    byId("connection").hidden = true;
    byId("app").classList.remove("disconnected");
    toast("Connected again.");
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(sleeper);
    if (document.hidden) {
      sleeper = setTimeout(() => {
        clearTimeout(watchdog);
        clearTimeout(timer);
        source?.close();
        source = null;
      }, ASLEEP);
    } else if (!source) {
      connect();
    }
  });
  window.addEventListener("online", connect);
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}
