// A chart: its picture in the message, and larger in a dialog.

import { el, icon } from "./dom.js";
import { inTheme } from "./state.js";

const picture = (chart, properties) => el("img", {
  class: "chart", width: 880, height: 440, src: inTheme(chart), data: { chart }, ...properties,
});

/** The picture of a series with its words as alternative text. */
export function bandNode(block, chart) {
  if (!chart) return el("p", { class: "block small" }, block.alt);
  const figure = el("figure", { class: "block band" });
  const image = picture(chart, {
    alt: block.alt, loading: "lazy", decoding: "async",
    on: { error: () => figure.classList.add("broken") },
  });
  const frame = el("div", { class: "chart-frame" },
    el("button", {
      type: "button", class: "chart-button", "aria-label": `Show the chart larger: ${block.title}`,
      title: "Show larger", on: { click: () => enlarge(block, chart) },
    }, image));
  figure.append(
    el("p", { class: "chart-title", "aria-hidden": "true" }, block.title),
    frame,
    el("p", { class: "chart-hint", "aria-hidden": "true" }, "← Swipe for earlier days · tap to enlarge"),
    el("figcaption", { class: "chart-missing" }, block.alt));
  return figure;
}

/** The chart in a dialog at no less than its natural size, with its words below. */
function enlarge(block, chart) {
  const frame = el("div", {
    class: "chart-frame chart-frame-large", tabindex: "0", role: "group", "aria-label": "Chart",
  }, picture(chart, { alt: "" }));
  const dialog = el("dialog", { class: "dialog dialog-wide", "aria-label": block.title },
    el("header", { class: "dialog-head" },
      el("h2", {}, block.title),
      el("button", {
        type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => dialog.close() },
      }, icon("close"))),
    el("div", { class: "dialog-body" },
      frame,
      el("p", { class: "chart-hint", "aria-hidden": "true" }, "← Swipe for earlier days"),
      el("p", { class: "small" }, block.alt)));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
