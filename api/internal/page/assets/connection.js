// The life of a page's event stream. One that ends is followed by another, later each time and not at the same moment as everybody
// else's. A page that nobody sees gives its connection back: a browser has six for a server, so the seventh tab would wait for ever,
// and a phone in a pocket has a battery.

import { base, refusedSession } from "./api.js";
import { write } from "./dom.js";
import { t } from "./text.js";

const silence = 40000; // ms; the server says something every 15 s
const unseen = 5000; // ms without anybody looking, until a page gives its connection back
const longest = 15000; // ms between two tries

/**
 * Keeps the stream at a path below the base path until close() is called. on has these functions:
 *   begins()                 a stream is asked for
 *   event(name, data)        what the stream tells
 *   arrived(piece, pause)    a piece of it has come (stream), so many ms after the one before
 *   quiet(pause)             no piece has come for so many ms; called every few seconds
 *   lost(offline)            the stream ended, or says nothing more; offline: the browser says that it has no connection
 *   gone()                   there is nothing to follow, and close() was called
 *
 * With always the page keeps its connection also where nobody sees it.
 */
export function connection(path, on, { token, always = false }) {
  let lastID = "";
  let failures = 0;
  let wait = 1500; // what the server asks for
  let heard = Date.now(); // wall clock: it goes on while a phone sleeps
  let closed = false;
  let stop = null; // ends the present stream
  let timer = 0; // of the next one
  let hidden = Date.now(); // when the page was seen last
  let leaving = 0; // the timer of one that is not seen

  async function connect() {
    clearTimeout(timer);
    if (closed) return;
    if (stop) stop.abort();
    const mine = new AbortController();
    stop = mine;
    heard = Date.now();
    on.begins();
    try {
      const gone = await stream(path, { token, from: lastID, signal: mine.signal }, {
        field(name, value) {
          if (name === "id") lastID = value;
          else if (name === "retry" && /^\d+$/.test(value)) wait = Number(value);
        },
        event: on.event,
        heard: arrived,
      });
      if (gone && mine === stop) return end();
    } catch (error) {
      // the connection ended, or there was none
    }
    if (mine !== stop || closed) return;
    stop = null;
    on.lost(false);
    const most = Math.min(wait * 2 ** failures++, longest);
    timer = setTimeout(connect, most / 2 + Math.random() * most / 2);
  }

  function arrived(piece) {
    const pause = Date.now() - heard;
    heard = Date.now();
    failures = 0;
    on.arrived(piece, pause);
  }

  const watchdog = setInterval(() => {
    if (!stop) return;
    const pause = Date.now() - heard;
    if (pause <= silence) return on.quiet(pause);
    on.lost(false);
    connect();
  }, 5000);

  // A phone that wakes has timers that are late and connections that are dead without knowing it.
  function looked() {
    clearTimeout(leaving);
    if (document.visibilityState !== "visible") {
      hidden = Date.now();
      if (!always) leaving = setTimeout(leave, unseen);
      return;
    }
    const stale = always ? Date.now() - heard > silence / 2 : Date.now() - hidden > unseen;
    if (!stop || stale) soon();
  }
  const resumed = () => (always || document.visibilityState === "visible") && soon();
  const offline = () => on.lost(true);
  function soon() {
    failures = 0;
    clearTimeout(timer);
    timer = setTimeout(connect, Math.random() * 300);
  }

  // A page that was left may be kept for the way back. Its stream would hold one of the browser's connections: after a few pages
  // none would be left. One that the browser freezes hears nothing, and not always again what its stream says after that.
  function leave() {
    clearTimeout(timer);
    const old = stop;
    stop = null;
    if (old) old.abort();
  }
  const back = (event) => event.persisted && soon();

  function end() {
    close();
    on.gone();
  }

  function close() {
    closed = true;
    for (const one of [timer, leaving]) clearTimeout(one);
    clearInterval(watchdog);
    if (stop) stop.abort();
    for (const [target, name, act] of listeners) target.removeEventListener(name, act);
  }

  const listeners = [
    [document, "visibilitychange", looked], [document, "freeze", leave], [document, "resume", resumed],
    [window, "online", resumed], [window, "offline", offline], [window, "pagehide", leave], [window, "pageshow", back],
  ];
  for (const [target, name, act] of listeners) target.addEventListener(name, act);
  connect();
  looked(); // it may have been opened in the background
  return { close };
}

// --- the stream ---------------------------------------------------------------------------------------------------------------
//
// It is read with fetch, not EventSource: that sends no token, gives up after a 503 and does not notice a connection that died in
// silence. A stream begins with the present state, so nothing is missed by coming back.

const ours = /^application\/problem\+json/; // a proxy may refuse streams, too

/**
 * Reads the stream at a path below the base path once, until it ends or signal ends it, and gives whether it is gone for good: there
 * is nothing to follow, or the token is not its presenter's. Throws where there is no stream. from is the id of the last event that was
 * heard. on has two functions: field(name, value) is called with "retry" and "id", event(name, data) with an event.
 * After each piece that arrives heard({ size, whole }) is called; a piece that is not whole ends within an event.
 */
async function stream(path, { token, from, signal }, on) {
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

// --- what a page says of it ---------------------------------------------------------------------------------------------------

/** Shows how the page watches (watch.js). */
export function connected(state) {
  const place = document.getElementById("connection");
  const text = { open: t("audience.live"), offline: t("audience.offline"), slow: t("audience.slow") }[state] || t("audience.connecting");
  place.dataset.state = state;
  write(place, text);
}
