// What the page knows: who you are, what you have read, how it looks. Kept in this browser.

const PREFIX = "sandrail.";

function read(key, otherwise) {
  try {
    const kept = localStorage.getItem(PREFIX + key);
    return kept === null ? otherwise : JSON.parse(kept);
  } catch {
    return otherwise;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Storage may be full or forbidden: the page still works, it only forgets.
  }
}

export const state = {
  workspace: { name: "", time_zone: "UTC" },
  personas: [],
  commands: [],
  presses: {},
  channels: new Map(),
  persona: null,
  channel: null,
  since: "",
};

/** The persona of this window: the address says it first, then what was chosen last. */
export function choosePersona(person) {
  const asked = new URLSearchParams(location.search).get("as");
  const wanted = person ?? state.persona?.person ?? asked ?? read("persona", null);
  state.persona = state.personas.find((p) => p.person === wanted) ?? state.personas[0] ?? null;
  if (!state.persona) return;
  if (person) keep("persona", state.persona.person);
  if (person || (asked && asked !== state.persona.person)) {
    const address = new URL(location.href);
    address.searchParams.set("as", state.persona.person);
    history.replaceState(history.state, "", address);
  }
}

const ROLE_WORDS = {
  finops: "FinOps", product: "product owner", finance: "finance partner",
};

/** Roles in words: "engineer, lead, FinOps". */
export function roleWords(roles, last = ", ") {
  const words = roles.map((r) => ROLE_WORDS[r] ?? r);
  return words.length > 1 ? `${words.slice(0, -1).join(", ")}${last}${words.at(-1)}` : words[0] ?? "no role";
}

/** Whether who you are may use a button; one that the bot does not know is left to its answer. */
export function mayPress(action) {
  const roles = state.presses[action];
  return !state.persona || !roles || roles.some((r) => state.persona.roles.includes(r));
}

/** The newest message's id that was read in each channel. */
export const readMarks = () => read("read", {});

export function markRead(channel, id) {
  const marks = readMarks();
  if ((marks[channel] ?? 0) >= id) return;
  marks[channel] = id;
  keep("read", marks);
}

/** light, dark or auto. first.js reads the bare word before the first paint. */
export function theme() {
  return document.documentElement.dataset.theme;
}

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  return theme() === "dark" || (theme() === "auto" && prefersDark.matches);
}

export function setTheme(name) {
  document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem(`${PREFIX}theme`, name);
  } catch {
    // See above.
  }
  repaint();
}

/** The address of a chart in the colours of now. */
export const inTheme = (address) => `${address}&theme=${isDark() ? "dark" : "light"}`;

function repaint() {
  for (const image of document.querySelectorAll("img[data-chart]")) {
    image.src = inTheme(image.dataset.chart);
  }
  document.dispatchEvent(new CustomEvent("theme-changed"));
}
prefersDark.addEventListener("change", repaint);

/** What was typed before, newest last, for the arrow keys in the command box. */
export const typedBefore = () => read("typed", []);

export function rememberTyped(words) {
  keep("typed", [...typedBefore().filter((w) => w !== words), words].slice(-50));
}
