// The left column: channels with what is unread, who you are, how it looks.

import { announce, byId, closeMenu, el, icon, isMenuOf, openMenu } from "./dom.js";
import { choosePersona, roleWords, setTheme, state, theme } from "./state.js";

/** Draws the channels; those with something unread are bold and say how much. */
export function drawChannels() {
  const items = [...state.channels.values()].map((channel) => {
    const current = channel.name === state.channel;
    return el("li", {}, el("a", {
      href: `#/channel/${encodeURIComponent(channel.name)}`,
      class: `channel${channel.unread ? " channel-unread" : ""}`,
      "aria-current": current ? "page" : null,
      data: { channel: channel.name },
    },
      icon("hash", 16), el("span", { class: "channel-name" }, channel.name),
      channel.unread
        ? el("span", { class: "badge" }, channel.unread > 99 ? "99+" : String(channel.unread),
          el("span", { class: "unseen" }, " unread"))
        : null));
  });
  const list = byId("channels");
  const focused = document.activeElement?.dataset?.channel;
  list.replaceChildren(...items);
  if (focused) list.querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
  const unread = [...state.channels.values()].reduce((sum, c) => sum + c.unread, 0);
  const where = state.channel ? `#${state.channel} · ` : "";
  document.title = `${unread ? `(${unread}) ` : ""}${where}${state.workspace.name} · Sandrail`;
}

const face = (persona) => {
  const initials = persona.name.split(/[\s,]+/).filter((w) => /\p{L}/u.test(w)).slice(0, 2)
    .map((w) => w[0].toUpperCase()).join("");
  const hue = Math.max(0, state.personas.findIndex((p) => p.person === persona.person)) % 8;
  return el("span", { class: `face face-${hue}`, "aria-hidden": "true" }, initials || "?");
};

const personaWords = (persona) => [
  el("span", { class: "persona-name" }, persona.name),
  el("span", { class: "persona-roles" }, roleWords(persona.roles)),
];

/** Draws the switch of who you are; `changed()` is called after a choice. */
export function drawPersona(changed) {
  const persona = state.persona;
  if (!persona) {
    byId("sidebar-foot").replaceChildren(el("p", { class: "nobody" },
      "The policy names no people, so nobody can press or ask here. Add some under “people”."));
    return;
  }
  const button = el("button", {
    type: "button", class: "persona", id: "persona", "aria-haspopup": "menu", "aria-expanded": "false",
    on: { click: () => (isMenuOf(button) ? closeMenu(true) : open()) },
  },
    face(persona),
    el("span", { class: "persona-words" }, el("span", { class: "persona-you" }, "You are"),
      personaWords(persona)),
    icon("down", 16));
  const open = () => openMenu(button, {
    label: "You are",
    role: "menuitemradio",
    items: state.personas.map((p) => ({
      value: p.person,
      checked: p.person === persona.person,
      content: [face(p), el("span", { class: "persona-words" }, personaWords(p)),
        p.person === persona.person ? icon("check", 16) : null],
    })),
    choose(person) {
      choosePersona(person);
      drawPersona(changed);
      byId("persona").focus();
      announce(`You are now ${state.persona.name}: ${roleWords(state.persona.roles)}.`);
      changed();
    },
  });
  byId("sidebar-foot").replaceChildren(button);
}

const THEMES = {
  auto: { icon: "auto", words: "Colours: as the system", next: "light" },
  light: { icon: "sun", words: "Colours: light", next: "dark" },
  dark: { icon: "moon", words: "Colours: dark", next: "auto" },
};

/** A button that goes from the system's colours to light to dark. */
export function themeButton() {
  const button = el("button", { type: "button", class: "icon-button", id: "theme" });
  const draw = () => {
    const now = THEMES[theme()] ?? THEMES.auto;
    button.replaceChildren(icon(now.icon));
    button.setAttribute("aria-label", now.words);
    button.title = `${now.words} (press for ${THEMES[now.next].words.slice(9)})`;
  };
  button.addEventListener("click", () => {
    setTheme((THEMES[theme()] ?? THEMES.auto).next);
    draw();
    announce(button.getAttribute("aria-label"));
  });
  draw();
  return button;
}

/** Shows or hides the column where it covers the messages (on a phone). */
export function openSidebar(open) {
  byId("app").classList.toggle("sidebar-shown", open);
  byId("scrim").hidden = !open;
  byId("sidebar-open").setAttribute("aria-expanded", String(open));
  const narrow = getComputedStyle(byId("sidebar-open")).display !== "none";
  byId("main").inert = open && narrow;
  if (open) (byId("channels").querySelector("[aria-current]") ?? byId("sidebar-close")).focus();
  else if (narrow && byId("sidebar").contains(document.activeElement)) byId("sidebar-open").focus();
}
