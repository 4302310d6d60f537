// The box below a thread in which people write to each other; what they write is kept here only.

import { deliveryId, post } from "./api.js";
import { byId, el, icon, toast } from "./dom.js";
import { state } from "./state.js";

const LONGEST = 2000;
const drafts = new Map();

/** Draws the box once; `where()` tells the thread's {channel, thread} of now, `sent(id)` is called after. */
export function drawNoteBox(where, sent) {
  const input = el("textarea", {
    class: "note-input", id: "note", rows: 1, maxlength: LONGEST, "aria-label": "Write in this thread",
    "aria-describedby": "note-hint", placeholder: "Write in this thread",
  });
  const submit = el("button", {
    type: "submit", class: "icon-button send", "aria-label": "Send the note",
  }, icon("send"));
  const left = el("span", { class: "note-left" });
  const form = el("form", { class: "note-form" }, input, submit);
  byId("thread-composer").replaceChildren(form,
    el("p", { class: "note-hint", id: "note-hint" }, "Enter sends, Shift Enter starts a line.", left));
  let busy = false;
  let delivery = null; // the same until it arrived, so that a second try is not a second note

  function changed() {
    const count = input.value.length;
    submit.disabled = !input.value.trim();
    left.textContent = count > LONGEST - 200 ? ` ${LONGEST - count} characters left.` : "";
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, 160)}px`;
  }

  async function send() {
    const text = input.value.trim();
    if (!text || busy) return;
    if (!state.persona) {
      toast("Nobody can write here: the policy names no people.", "warning");
      return;
    }
    const at = where();
    delivery ??= deliveryId();
    busy = true;
    form.classList.add("sending");
    try {
      const kept = await post("/note", {
        delivery_id: delivery, person: state.persona.person, ...at, text,
      });
      delivery = null;
      sent(kept.id);
      if (drafts.get(at.thread)?.trim() === text) drafts.delete(at.thread);
      if (where().thread === at.thread && input.value.trim() === text) input.value = "";
      changed();
    } catch (error) {
      toast(error.message, "warning");
    } finally {
      busy = false;
      form.classList.remove("sending");
    }
  }

  input.addEventListener("input", () => {
    delivery = null;
    drafts.set(where().thread, input.value);
    changed();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  return {
    /** Shows what was being written in the thread of now. */
    show() {
      delivery = null;
      input.value = drafts.get(where().thread) ?? "";
      changed();
    },
  };
}
