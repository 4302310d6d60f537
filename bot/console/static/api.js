// Requests to the bot. Every POST brings the page's token; a restarted bot gives a new one.

const API = "/console/api";
let token = document.querySelector('meta[name="console-token"]').content;

/** An answer that is no success; `message` is a sentence for people. */
export class ApiError extends Error {
  constructor(sentence, reason) {
    super(sentence);
    this.reason = reason;
  }
}

const UNREACHABLE = "Sandrail cannot be reached just now. Nothing is lost; try again in a moment.";

async function send(path, options) {
  let response;
  try {
    response = await fetch(API + path, { cache: "no-store", ...options });
  } catch {
    throw new ApiError(UNREACHABLE, "unreachable");
  }
  const said = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new ApiError(said.error ?? `Sandrail answered ${response.status}.`, said.reason ?? "failed");
  }
  return said;
}

export const get = (path) => send(path, {});

/** Posts and returns the reply. The same delivery id again has no second effect, so it may be retried. */
export async function post(path, body) {
  const once = () => send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Console-Token": token },
    body: JSON.stringify(body),
  });
  try {
    return await once();
  } catch (error) {
    if (error.reason === "unreachable") await new Promise((done) => setTimeout(done, 700));
    else if (error.reason === "token") await session();
    else throw error;
    return once();
  }
}

/** Who is here and what can be asked for; takes over the token of the running bot. */
export async function session() {
  const found = await get("/session");
  token = found.token;
  return found;
}

export function useToken(newer) {
  token = newer;
}

export const deliveryId = () => crypto.randomUUID();
