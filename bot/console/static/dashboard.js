// Below the channels: your role's dashboard, and the bill behind it as a file.

import { sendCommand } from "./actions.js";
import { byId, el, icon } from "./dom.js";
import { openSidebar } from "./sidebar.js";
import { state } from "./state.js";

/** Draws both entries for who you are now; nobody has neither. */
export function drawDashboard() {
  byId("dashboard")?.remove();
  if (!state.persona) return;
  const person = encodeURIComponent(state.persona.person);
  byId("sidebar-foot").before(el("div", { class: "dashboard", id: "dashboard" },
    el("button", { type: "button", class: "channel dashboard-entry", on: { click: ask } },
      icon("eye", 16), el("span", { class: "channel-name" }, "Dashboard")),
    el("a", {
      class: "channel dashboard-entry", href: `/console/api/export.csv?person=${person}`, download: true,
    }, icon("arrow", 16), el("span", { class: "channel-name" }, "Export spend (CSV)"))));
}

function ask() {
  openSidebar(false);
  sendCommand("dashboard");
}
