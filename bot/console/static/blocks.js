// Draws the blocks of a message.

import { el, icon, isMenuOf, closeMenu, openMenu } from "./dom.js";
import { inTheme } from "./state.js";
import { spans, wordsOf } from "./text.js";

/** The node of one block. `press(control, button, choice)` is called when a control is used. */
export function blockNode(block, { chart, press, level }) {
  switch (block.kind) {
    case "heading":
      return el(`h${level}`, { class: "block heading" }, block.text);
    case "paragraph":
      return el("p", { class: "block paragraph" }, spans(block.text));
    case "small":
      return el("p", { class: "block small" }, spans(block.text));
    case "facts":
      return el("dl", { class: "block facts" }, block.facts.map((fact) =>
        el("div", { class: wordsOf(fact.value).length > 34 ? "fact fact-wide" : "fact" },
          el("dt", {}, fact.label), el("dd", {}, spans(fact.value)))));
    case "items":
      return el("div", { class: "block items" },
        block.title ? el(`h${level + 1}`, { class: "items-title" }, block.title) : null,
        el(block.numbered ? "ol" : "ul", {}, block.items.map((item) => el("li", {}, spans(item)))));
    case "table":
      return table(block);
    case "band":
      return band(block, chart);
    case "controls":
      return el("div", { class: "block controls", role: "group", "aria-label": "Actions" },
        block.controls.map((c) => (c.kind === "menu" ? menu(c, press) : button(c, press))));
    case "divider":
      return el("hr", { class: "block divider" });
    default:
      return el("p", { class: "block small" }, "This part needs a newer console; load the page again.");
  }
}

function table({ header, rows, align }) {
  const side = (i) => (align[i] === "r" ? "right" : null);
  return el("div", { class: "block table-frame", tabindex: "0", role: "group", "aria-label": "Table" },
    el("table", {},
      el("thead", {}, el("tr", {}, header.map((h, i) =>
        el("th", { scope: "col", class: side(i) }, h)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) =>
        (i === 0
          ? el("th", { scope: "row", class: side(i) }, cell)
          : el("td", { class: side(i) }, cell))))))));
}

function band(block, chart) {
  if (!chart) return el("p", { class: "block small" }, block.alt);
  const image = el("img", {
    class: "chart", alt: block.alt, width: 880, height: 440, loading: "lazy", decoding: "async",
    src: inTheme(chart), data: { chart },
    on: { error: () => image.closest("figure").classList.add("broken") },
  });
  return el("figure", { class: "block band" },
    el("button", {
      type: "button", class: "chart-button", "aria-label": `Show the chart larger: ${block.title}`,
      on: { click: () => enlarge(block, chart) },
    }, image),
    el("figcaption", { class: "chart-missing" }, block.alt));
}

/** The chart in a dialog, with its words below. */
function enlarge(block, chart) {
  const dialog = el("dialog", { class: "dialog dialog-wide", "aria-label": block.title },
    el("header", { class: "dialog-head" },
      el("h2", {}, block.title),
      el("button", {
        type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => dialog.close() },
      }, icon("close"))),
    el("div", { class: "dialog-body" },
      el("img", {
        class: "chart", alt: "", width: 880, height: 440, src: inTheme(chart), data: { chart },
      }),
      el("p", { class: "small" }, block.alt)));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const keyOf = (control) => `${control.kind} ${control.action} ${control.subject}`;

function button(control, press) {
  const node = el("button", {
    type: "button", class: `button button-${control.style}`, data: { control: keyOf(control) },
    "aria-haspopup": control.opens_form || control.confirm ? "dialog" : null,
    on: { click: () => press(control, node) },
  }, el("span", { class: "button-label" }, control.label));
  return node;
}

function menu(control, press) {
  const node = el("button", {
    type: "button", class: "button button-default button-menu", data: { control: keyOf(control) },
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
    if (node.getAttribute("aria-disabled") === "true") return;
    openMenu(node, {
      label: control.label, items: control.options, choose: (value) => press(control, node, value),
    });
  };
  return node;
}

/** Fills `body` with blocks; what did not change stays the very same node. */
export function fillBlocks(body, blocks, charts, options) {
  const before = body.keptBlocks ?? [];
  const after = blocks.map((block, i) => {
    const chart = charts?.[i];
    const said = JSON.stringify([block, options.level]);
    const same = before[i]?.said === said ? before[i] : null;
    return same ?? { said, node: blockNode(block, { ...options, chart }) };
  });
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.control;
  body.replaceChildren(...after.map((b) => b.node));
  body.keptBlocks = after;
  if (!focused || document.activeElement === focused) return;
  const again = body.contains(focused)
    ? focused
    : [...body.querySelectorAll("[data-control]")].find((n) => n.dataset.control === key);
  (again ?? body.closest("[tabindex]"))?.focus({ preventScroll: true });
}
