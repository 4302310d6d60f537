// Makes elements. Data only ever becomes text or attributes, never markup.

/** An element with properties and children; strings become text. `on` has the listeners. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "class") {
      node.className = value;
    } else if (name === "data") {
      Object.assign(node.dataset, value);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  hash: "M9.5 3 7.5 21M16.5 3l-2 18M4 8.5h17M3 15.5h17",
  close: "M5 5l14 14M19 5 5 19",
  menu: "M3.5 6h17M3.5 12h17M3.5 18h17",
  reply: "M20 15.5a2 2 0 0 1-2 2H8.5L4 21V5.5a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2z",
  link: "M10 14a4 4 0 0 0 5.7 0l3.6-3.6a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.6 3.6a4 4 0 0 0 5.7 5.7L12 17.7",
  sun: "M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  moon: "M20 14.2A8.3 8.3 0 0 1 9.8 4a8.3 8.3 0 1 0 10.2 10.2z",
  auto: "M12 3.5a8.5 8.5 0 1 1 0 17zM12 3.5a8.5 8.5 0 1 0 0 17z",
  keys: "M3 6.5h18v11H3zM6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M7.5 14h9",
  council: "M4 20h16M6 20v-6a6 6 0 0 1 12 0v6M12 4v4M9 5.5h6",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6z",
  down: "M6 9.5l6 6 6-6",
  arrow: "M12 4v15M5.5 13l6.5 6.5 6.5-6.5",
  check: "M4.5 12.5l5 5 10-11",
  send: "M4 12 20 4.5 16 20l-4.5-6.5zM11.5 13.5 20 4.5",
  warning: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.3v.01",
};

/** A line icon; it says nothing to screen readers, its button does. */
export function icon(name, size = 18) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 24 24", width: size, height: size, class: `icon icon-${name}`,
    "aria-hidden": "true", focusable: "false",
  })) svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Says something to screen readers without moving the focus. */
export function announce(words) {
  const log = byId("announcer");
  log.append(el("p", {}, words));
  while (log.childElementCount > 8) log.firstElementChild.remove();
}

/** A short note that goes away by itself; `tone` is neutral, good or warning. */
export function toast(words, tone = "good") {
  const note = el("div", { class: `toast toast-${tone}` },
    icon(tone === "good" ? "check" : "warning", 16), el("span", {}, words));
  byId("toasts").append(note);
  const leave = () => {
    note.classList.add("leaving");
    setTimeout(() => note.remove(), 250);
  };
  setTimeout(leave, Math.max(4500, words.length * 90));
}

/** Opens a popover of choices at a button; arrow keys move, Escape closes and gives the focus back. */
export function openMenu(button, { label, items, choose, role = "menuitem" }) {
  closeMenu();
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label },
    items.map((item) => el("button", {
      type: "button", class: "menu-item", role, tabindex: "-1",
      "aria-checked": role === "menuitemradio" ? String(Boolean(item.checked)) : null,
      on: { click: () => { closeMenu(true); choose(item.value); } },
    }, item.content ?? item.label)));
  document.body.append(menu);
  place(menu, button);
  button.setAttribute("aria-expanded", "true");
  const options = [...menu.children];
  const away = (event) => {
    if (!menu.contains(event.target) && !button.contains(event.target)) closeMenu();
  };
  menu.addEventListener("keydown", (event) => {
    const at = options.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: options.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      options[(to + options.length) % options.length].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closeMenu(true);
    }
  });
  document.addEventListener("pointerdown", away, true);
  window.addEventListener("resize", closeMenu);
  document.addEventListener("scroll", scrolled, true);
  function scrolled(event) {
    if (!event.target.contains(button)) return;
    if (button.isConnected) place(menu, button);
    else closeMenu();
  }
  opened = { menu, button, end() {
    document.removeEventListener("pointerdown", away, true);
    window.removeEventListener("resize", closeMenu);
    document.removeEventListener("scroll", scrolled, true);
  } };
  (options.find((o) => o.getAttribute("aria-checked") === "true") ?? options[0])?.focus();
}

let opened = null;

/** Closes the open menu, if any; `refocus` gives the focus back to its button. */
export function closeMenu(refocus = false) {
  if (!opened) return;
  const { menu, button, end } = opened;
  opened = null;
  end();
  menu.remove();
  button.setAttribute("aria-expanded", "false");
  if (refocus === true) button.focus();
}

/** Whether a button's menu is the one that is open. */
export const isMenuOf = (button) => opened?.button === button;

function place(menu, button) {
  const at = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const below = at.bottom + 6 + size.height <= window.innerHeight - 8;
  const left = Math.min(at.left, window.innerWidth - size.width - 8);
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - size.height - 6)}px`;
}
