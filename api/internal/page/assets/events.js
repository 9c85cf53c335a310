// The event stream of a presentation. It is read with fetch, not EventSource: that sends no token, gives up after a 503 and does
// not notice a connection that died in silence. A stream begins with the present state, so nothing is missed by coming back.

import { at, base } from "./api.js";

const silence = 40000; // the server says something every 15 s
const unseen = 5000; // ms without anybody looking, until a page gives its connection back

/**
 * Watches a presentation until close() is called. on has a function for each event ("displayed", "results", "audience"), called
 * with its data, and state, called with "connecting", "open", "offline" or "gone" (there is no such presentation, or the token is
 * not its presenter's).
 *
 * A page that nobody sees gives its connection back after a while and takes another one when it is seen: a browser has six for a
 * server, so the seventh tab would wait for ever, and a phone in a pocket has a battery. With always it keeps it.
 */
export function watch(id, on, { token, always = false } = {}) {
  let lastID = "";
  let failures = 0;
  let wait = 1500; // what the server asks for
  let heard = Date.now(); // wall clock: it goes on while a phone sleeps
  let said = "";
  let closed = false;
  let stop = null; // ends the present connection
  let timer = 0;
  let hidden = Date.now(); // when the page was seen last
  let leaving = 0; // the timer of one that is not seen

  const state = (now) => {
    if (now === said || closed) return;
    said = now;
    if (on.state) on.state(now);
  };

  function dispatch(block) {
    let name = "message";
    const data = [];
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      else if (field === "data") data.push(value);
      else if (field === "id") lastID = value;
      else if (field === "retry" && /^\d+$/.test(value)) wait = Number(value);
    }
    if (data.length === 0) return;
    try {
      if (on[name]) on[name](JSON.parse(data.join("\n")));
    } catch (error) {
      setTimeout(() => { throw error; }); // a fault of the page's is no reason to leave the stream
    }
  }

  async function connect() {
    clearTimeout(timer);
    if (closed) return;
    if (stop) stop.abort();
    const mine = new AbortController();
    stop = mine;
    heard = Date.now();
    state(navigator.onLine === false ? "offline" : "connecting");
    try {
      const headers = { Accept: "text/event-stream" };
      if (lastID) headers["Last-Event-ID"] = lastID;
      if (token) headers.Authorization = `Bearer ${token}`;
      const options = { headers, signal: mine.signal, cache: "no-store", credentials: "omit" };
      const answer = await fetch(base + at(id, "events"), options);
      const ours = (answer.headers.get("Content-Type") || "").startsWith("application/problem+json"); // a proxy may refuse streams, too
      if (ours && [400, 401, 403, 404].includes(answer.status)) {
        state("gone");
        close();
        return;
      }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const reader = answer.body.getReader();
      const decoder = new TextDecoder();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (mine !== stop) return;
        if (done) break;
        heard = Date.now();
        text += decoder.decode(value, { stream: true });
        const blocks = text.split("\n\n");
        text = blocks.pop();
        blocks.forEach(dispatch);
        failures = 0;
        state("open");
      }
    } catch {
      // the connection ended, or there was none
    }
    if (mine !== stop || closed) return;
    again();
  }

  /** Comes back after a while, longer each time, and not at the same moment as everybody else. */
  function again() {
    stop = null;
    state(navigator.onLine === false ? "offline" : "connecting");
    const longest = Math.min(wait * 2 ** failures++, 15000);
    timer = setTimeout(connect, longest / 2 + Math.random() * longest / 2);
  }

  const watchdog = setInterval(() => {
    if (stop && Date.now() - heard > silence) connect();
  }, 5000);

  // A phone that wakes has timers that are late and connections that are dead without knowing it.
  const looked = () => {
    clearTimeout(leaving);
    if (document.visibilityState !== "visible") {
      hidden = Date.now();
      if (!always) leaving = setTimeout(left, unseen);
      return;
    }
    const stale = always ? Date.now() - heard > silence / 2 : Date.now() - hidden > unseen;
    if (!stop || stale) soon();
  };
  const resumed = () => (always || document.visibilityState === "visible") && soon();
  const offline = () => state("offline");
  function soon() {
    failures = 0;
    clearTimeout(timer);
    timer = setTimeout(connect, Math.random() * 300);
  }

  // A page that was left may be kept for the way back. Its stream would hold one of the browser's connections: after a few pages
  // none would be left. One that the browser freezes hears nothing, and not always again what its stream says after that.
  function left() {
    clearTimeout(timer);
    const old = stop;
    stop = null;
    if (old) old.abort();
  }
  const back = (event) => event.persisted && soon();

  function close() {
    closed = true;
    removeEventListener("pagehide", left);
    removeEventListener("pageshow", back);
    clearTimeout(timer);
    clearTimeout(leaving);
    clearInterval(watchdog);
    if (stop) stop.abort();
    document.removeEventListener("visibilitychange", looked);
    document.removeEventListener("freeze", left);
    document.removeEventListener("resume", resumed);
    removeEventListener("online", resumed);
    removeEventListener("offline", offline);
  }

  document.addEventListener("visibilitychange", looked);
  document.addEventListener("freeze", left);
  document.addEventListener("resume", resumed);
  addEventListener("online", resumed);
  addEventListener("offline", offline);
  addEventListener("pagehide", left);
  addEventListener("pageshow", back);
  connect();
  looked(); // it may have been opened in the background
  return { close };
}
