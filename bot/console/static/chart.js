// A chart: its picture in the message, and larger in a dialog.

import { el, icon } from "./dom.js";
import { inTheme } from "./state.js";

const WIDTH = 880;
const BY_DAY = "band"; // its newest days stand at the right

/** The address says how high the picture is: its room is kept while it loads. */
const picture = (chart, properties) => el("img", {
  class: "chart", width: WIDTH, height: new URL(chart, location).searchParams.get("h"),
  src: inTheme(chart), data: { chart }, ...properties,
});

/** The picture of a chart with its words as alternative text. */
export function chartNode(block, chart) {
  if (!chart) return el("p", { class: "block small" }, block.alt);
  const figure = el("figure", { class: "block chart-figure" });
  const image = picture(chart, {
    alt: block.alt, loading: "lazy", decoding: "async",
    on: { error: () => figure.classList.add("broken") },
  });
  figure.append(
    el("button", {
      type: "button", class: "chart-button", "aria-label": `Show the chart larger: ${block.title}`,
      title: "Show larger", on: { click: () => enlarge(block, chart) },
    }, image),
    el("figcaption", { class: "chart-missing" }, block.alt));
  return figure;
}

/** The chart in a dialog at no less than its natural size, with its words below. */
function enlarge(block, chart) {
  const byDay = block.kind === BY_DAY;
  const frame = el("div", {
    class: `chart-frame${byDay ? " chart-frame-newest" : ""}`,
    tabindex: "0", role: "group", "aria-label": "Chart",
  }, picture(chart, { alt: "" }));
  const hint = byDay ? "← Swipe for earlier days" : "Swipe for the rest →";
  const dialog = el("dialog", { class: "dialog dialog-wide", "aria-label": block.title },
    el("header", { class: "dialog-head" },
      el("h2", {}, block.title),
      el("button", {
        type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => dialog.close() },
      }, icon("close"))),
    el("div", { class: "dialog-body" },
      frame,
      el("p", { class: "chart-hint", "aria-hidden": "true" }, hint),
      el("p", { class: "small" }, block.alt)));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
