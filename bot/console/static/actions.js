// What happens when a control is used or a command is sent: one request, then its reply is shown.

import { deliveryId, post } from "./api.js";
import { needs } from "./controls.js";
import { el, icon, toast } from "./dom.js";
import { openForm } from "./forms.js";
import { mayPress, state } from "./state.js";
import { showPrivate } from "./private.js";

export const COUNCIL = "council.add";

/** Where a reply is shown: `near` is the node of the message it is about, or nothing for the channel. */
const origin = (near, channel, thread) => ({ near, channel, thread });

/** Handles a control: asks first when it says so, presses once, shows the reply. */
export function pressIn({ channel, thread, node }) {
  return async (control, button, choice) => {
    if (!mayPress(control.action)) {
      refuse(`${control.label.replace("…", "")} ${needs(state.presses[control.action], "needs")}`,
        origin(node(), channel, thread));
      return;
    }
    if (button.getAttribute("aria-disabled") === "true") return;
    if (control.confirm && !(await confirmed(control))) return;
    const body = {
      ...who(channel, thread), action: control.action, subject: control.subject,
      version: control.version, inputs: choice === undefined ? {} : { choice },
    };
    const reply = await pending(button, () => ask("/press", body, origin(node(), channel, thread)));
    if (reply) show(reply, origin(node(), channel, thread));
  };
}

/** Brings a message to the council: its words, its id and its address go with the press. */
export async function toCouncil(message, button, node) {
  const where = origin(node, message.channel, message.thread_id);
  const link = `#/channel/${encodeURIComponent(message.channel)}/${message.id}`;
  const inputs = { text: message.content.summary.slice(0, 5000), message: String(message.id), link };
  const body = {
    ...who(message.channel, message.thread_id), action: COUNCIL, subject: "", version: 1, inputs,
  };
  const reply = await pending(button, () => ask("/press", body, where));
  if (reply) show(reply, where);
}

/** Sends what was typed; true when the bot answered. */
export async function sendCommand(text) {
  const where = origin(null, state.channel, null);
  const reply = await ask("/command", { ...who(state.channel, null), text }, where);
  if (reply) show(reply, where, text);
  return Boolean(reply);
}

function who(channel, thread) {
  return { delivery_id: deliveryId(), person: state.persona?.person ?? "", channel, thread };
}

async function ask(path, body, where) {
  try {
    return await post(path, body);
  } catch (error) {
    refuse(error.message, where);
    return null;
  }
}

async function pending(button, work) {
  button.setAttribute("aria-disabled", "true");
  button.setAttribute("aria-busy", "true");
  button.append(el("span", { class: "spinner", "aria-hidden": "true" }));
  try {
    return await work();
  } finally {
    // The spinner stays for a moment: the message's edit is on its way and may replace the button.
    setTimeout(() => {
      if (mayPress(button.dataset.action)) button.removeAttribute("aria-disabled");
      button.removeAttribute("aria-busy");
      button.querySelector(".spinner")?.remove();
    }, 300);
  }
}

/** Shows a reply where it was asked for. */
function show(reply, where, asked) {
  switch (reply.kind) {
    case "done":
      toast(reply.note || "Done.");
      break;
    case "private":
      showPrivate({
        ...where, asked, message: reply.message, charts: reply.charts, page: reply.page,
      });
      break;
    case "form":
      openForm(reply.form, {
        send: (inputs, files) => submit(reply.form, inputs, files, where), where,
      });
      break;
    case "errors":
      refuse(Object.values(reply.errors).join(" "), where, asked);
      break;
    default:
      refuse(reply.sentence, where, asked);
  }
}

function refuse(sentence, where, asked) {
  showPrivate({
    ...where,
    asked,
    message: {
      summary: sentence, tone: "warning",
      blocks: [{ kind: "paragraph", text: [{ kind: "plain", text: sentence }] }],
    },
  });
}

/** Sends a form; returns {errors} to show in it, or nothing when it may close. */
async function submit(form, inputs, files, where) {
  let reply;
  try {
    reply = await post("/submission", {
      ...who(where.channel, where.thread), action: form.action, subject: form.subject,
      version: form.version, inputs, files,
    });
  } catch (error) {
    return { errors: { "": error.message } };
  }
  if (reply.kind === "errors") return { errors: reply.errors };
  if (reply.kind === "refused") return { errors: { "": reply.sentence } };
  show(reply, where);
  return null;
}

/** Asks whether to go on; the answer that changes nothing has the focus. */
function confirmed(control) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = el("dialog", {
      class: "dialog dialog-small", role: "alertdialog", "aria-labelledby": "confirm-title",
      "aria-describedby": "confirm-words",
    },
      el("header", { class: "dialog-head" }, el("h2", { id: "confirm-title" }, control.label),
        el("button", {
          type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => dialog.close() },
        }, icon("close"))),
      el("div", { class: "dialog-body" }, el("p", { id: "confirm-words" }, control.confirm)),
      el("footer", { class: "dialog-foot" },
        el("button", {
          type: "button", class: "button button-default", autofocus: true,
          on: { click: () => dialog.close() },
        }, "Cancel"),
        el("button", {
          type: "button",
          class: `button button-${control.style === "danger" ? "danger" : "primary"}`,
          on: { click: () => { answer = true; dialog.close(); } },
        }, control.label)));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
