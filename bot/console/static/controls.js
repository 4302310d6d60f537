// The buttons and menus of a message, and which of them who you are may use.

import { closeMenu, el, icon, isMenuOf, openMenu } from "./dom.js";
import { mayPress, roleWords, state } from "./state.js";

const keyOf = (control) => `${control.kind} ${control.action} ${control.subject}`;

/** The node of a block of controls. `press(control, button, choice)` is called when one is used. */
export function controlsNode(controls, press) {
  const group = el("div", { class: "block controls", role: "group", "aria-label": "Actions" },
    controls.map((c) => (c.kind === "menu" ? menu(c, press) : button(c, press))),
    el("p", { class: "read-only", hidden: true }));
  showAllowedIn(group);
  return group;
}

/** Shows again what may be used, everywhere: somebody else looks now. */
export function showAllowed() {
  for (const group of document.querySelectorAll(".controls")) showAllowedIn(group);
}

function showAllowedIn(group) {
  const buttons = [...group.querySelectorAll("[data-action]")];
  const refused = buttons.filter((node) => {
    const roles = mayPress(node.dataset.action) ? null : state.presses[node.dataset.action];
    allow(node, roles);
    return roles;
  });
  const line = group.querySelector(".read-only");
  line.hidden = !buttons.length || refused.length < buttons.length;
  const needed = [...new Set(refused.flatMap((n) => state.presses[n.dataset.action]))];
  line.textContent = line.hidden ? ""
    : `Read only for you (${roleWords(state.persona.roles)}): needs ${roleWords(needed, " or ")}.`;
}

/** A button that may not be used stays in reach of the keyboard and says why; nothing is pressed. */
function allow(node, roles) {
  node.classList.toggle("not-yours", Boolean(roles));
  if (roles) {
    node.title = needs(roles);
    node.setAttribute("aria-disabled", "true");
  } else if (node.getAttribute("aria-busy") !== "true") {
    node.removeAttribute("title");
    node.removeAttribute("aria-disabled");
  }
}

/** Why not: "Needs the role engineer or lead; you have executive." */
export const needs = (roles, verb = "Needs") =>
  `${verb} the role ${roleWords(roles, " or ")}; you have ${roleWords(state.persona?.roles ?? [])}.`;

function button(control, press) {
  const node = el("button", {
    type: "button", class: `button button-${control.style}`,
    data: { control: keyOf(control), action: control.action },
    "aria-haspopup": control.opens_form || control.confirm ? "dialog" : null,
    on: { click: () => press(control, node) },
  }, el("span", { class: "button-label" }, control.label));
  return node;
}

function menu(control, press) {
  const node = el("button", {
    type: "button", class: "button button-default button-menu",
    data: { control: keyOf(control), action: control.action },
    "aria-haspopup": "menu", "aria-expanded": "false",
    on: {
      click: () => (isMenuOf(node) ? closeMenu(true) : open()),
      keydown: (event) => {
        if (event.key !== "ArrowDown") return;
        event.preventDefault();
        open();
      },
    },
  }, el("span", { class: "button-label" }, control.label), icon("down", 14));
  const open = () => {
    if (node.getAttribute("aria-disabled") === "true") {
      press(control, node);
      return;
    }
    openMenu(node, {
      label: control.label, items: control.options, choose: (value) => press(control, node, value),
    });
  };
  return node;
}
