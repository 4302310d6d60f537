// Draws the blocks of a message.

import { chartNode } from "./chart.js";
import { controlsNode } from "./controls.js";
import { el } from "./dom.js";
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
        el("div", { class: `fact${lengthOf(wordsOf(fact.value).length)}` },
          el("dt", {}, fact.label), el("dd", {}, spans(fact.value)))));
    case "items":
      return el("div", { class: "block items" },
        block.title ? el(`h${level + 1}`, { class: "items-title" }, block.title) : null,
        el(block.numbered ? "ol" : "ul", {}, block.items.map((item) => el("li", {}, spans(item)))));
    case "listing":
      return el("pre", { class: "block listing", tabindex: "0", role: "group", "aria-label": "Lines of a file" },
        el("code", {}, block.lines.join("\n")));
    case "table":
      return table(block);
    case "band":
    case "scatter":
    case "waterfall":
    case "multiples":
      return chartNode(block, chart);
    case "controls":
      return controlsNode(block.controls, press);
    case "divider":
      return el("hr", { class: "block divider" });
    default:
      return el("p", { class: "block small" }, "This part needs a newer console; load the page again.");
  }
}

const lengthOf = (letters) => (letters > 24 ? " fact-wide" : letters > 14 ? " fact-long" : "");

const MANY = 3; // more columns than this stand below each other on a phone

/** The roles are said as well, because a table whose rows are stacked is no table to some readers. */
function table({ header, rows, align }) {
  const side = (i) => (align[i] === "r" ? "right" : null);
  const cell = (words, i) => el(i === 0 ? "th" : "td", {
    class: side(i), scope: i === 0 ? "row" : null, role: i === 0 ? "rowheader" : "cell",
    data: { label: header[i] ?? "" },
  }, words);
  return el("div", {
    class: `block table-frame${header.length > MANY ? " table-stacks" : ""}`,
    tabindex: "0", role: "group", "aria-label": "Table",
  },
    el("table", { role: "table" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, header.map((h, i) =>
        el("th", { scope: "col", role: "columnheader", class: side(i) }, h)))),
      el("tbody", { role: "rowgroup" },
        rows.map((row) => el("tr", { role: "row" }, row.map(cell))))));
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
