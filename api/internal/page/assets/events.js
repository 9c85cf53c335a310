// The event stream of a presentation, of a talk or of the programme, read with fetch, not EventSource: that sends no token, gives up after a 503 and does not
// notice a connection that died in silence. A stream begins with the present state, so nothing is missed by coming back.

import { base, refusedSession } from "./api.js";

const ours = /^application\/problem\+json/; // a proxy may refuse streams, too

/**
 * Reads the stream at a path below the base path once, until it ends or signal ends it, and gives whether it is gone for good: there
 * is nothing to follow, or the token is not its presenter's. Throws where there is no stream. from is the id of the last event that was
 * heard. on has two functions: field(name, value) is called with "retry" and "id", event(name, data) with an event.
 * After each piece that arrives heard({ size, whole }) is called; a piece that is not whole ends within an event.
 */
export async function stream(path, { token, from, signal }, on) {
  const headers = { Accept: "text/event-stream" };
  if (from) headers["Last-Event-ID"] = from;
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(base + path, { headers, signal, cache: "no-store", credentials: "omit" });
  if ([400, 401, 403, 404].includes(answer.status) && ours.test(answer.headers.get("Content-Type"))) {
    if (answer.status === 401) refusedSession(await answer.json(), token);
    return true;
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return false;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop();
    blocks.forEach((block) => dispatch(block, on));
    on.heard({ size: value.length, whole: text === "" });
  }
}

function dispatch(block, on) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
    else on.field(field, value);
  }
  if (data.length > 0) on.event(name, JSON.parse(data.join("\n")));
}
