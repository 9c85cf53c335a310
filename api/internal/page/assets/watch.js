// How a page watches talks: by an event stream and, while none comes through, by looking now and then. A stream begins with the
// present state, so nothing is missed by coming back.

import { Problem } from "./api.js";
import { stream } from "./events.js";

const silence = 40000; // ms; the server says something every 15 s
const unseen = 5000; // ms without anybody looking, until a page gives its connection back
const longest = 15000; // ms between two tries
const look = { least: 4000, more: 4000 }; // ms between two looks: a hall does not look in the same instant

/**
 * Watches the stream at a path until close() is called. on has these functions:
 *   event(name, data)  what the stream tells
 *   look()             reads what it would tell, and returns when that is done
 *   state(now)         "connecting", "open" (by the stream), "slow" (by looking), "offline" or "gone": there is nothing to watch
 *
 * With always the page keeps its connection also where nobody sees it.
 */
export function watch(path, on, { token, always = false } = {}) {
  let lastID = "";
  let wait = 1500; // what the server asks for
  let failures = 0;
  let heard = 0; // wall clock: it goes on while a phone sleeps
  let stop = null; // ends the present connection
  let timer = 0; // of the next one
  let looking = 0; // the timer of the next look
  let leaving = 0; // the timer of a page that is not seen
  let said = "";
  let closed = false;

  const isSeen = () => always || document.visibilityState === "visible";

  function state(now) {
    if (now === said || closed) return;
    said = now;
    on.state(now);
  }

  /** Tells the page something. A fault of the page's is no reason to stop. */
  function tell(name, data) {
    try {
      on.event(name, data);
    } catch (error) {
      setTimeout(() => { throw error; });
    }
  }

  async function connect() {
    clearTimeout(timer);
    if (closed) return;
    if (stop) stop.abort();
    const mine = new AbortController();
    stop = mine;
    heard = Date.now();
    try {
      const gone = await stream(path, { token, from: lastID, signal: mine.signal }, {
        field(name, value) {
          if (name === "id") lastID = value;
          else if (name === "retry" && /^\d+$/.test(value)) wait = Number(value);
        },
        event: tell,
        heard: arrived,
      });
      if (gone && mine === stop) return end();
    } catch (error) {
      // the connection ended, or there was none
    }
    if (mine !== stop || closed) return;
    stop = null;
    lost();
    const pause = Math.min(wait * 2 ** failures++, longest);
    timer = setTimeout(connect, pause / 2 + Math.random() * pause / 2);
  }

  function arrived() {
    heard = Date.now();
    failures = 0;
    clearTimeout(looking);
    looking = 0;
    state("open");
  }

  function lost() {
    state(navigator.onLine === false ? "offline" : "connecting");
    if (!looking && !closed) lookLater();
  }

  function lookLater() {
    looking = setTimeout(lookNow, look.least + Math.random() * look.more);
  }

  async function lookNow() {
    const mine = looking;
    try {
      if (isSeen()) {
        await on.look();
        if (mine === looking) state("slow");
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 404) return end();
    }
    if (mine === looking && !closed) lookLater();
  }

  const watchdog = setInterval(() => stop && Date.now() - heard > silence && (lost(), connect()), 5000);

  function soon() {
    failures = 0;
    clearTimeout(timer);
    timer = setTimeout(connect, Math.random() * 300);
  }

  function leave() {
    clearTimeout(timer);
    const old = stop;
    stop = null;
    if (old) old.abort();
  }

  // A page that nobody sees gives its connection back: a browser has six for a server, and a phone in a pocket has a battery.
  function looked() {
    clearTimeout(leaving);
    if (!isSeen()) leaving = setTimeout(leave, unseen);
    else if (!stop || Date.now() - heard > silence / 2) soon();
  }
  const back = (event) => event.persisted && soon();
  const online = () => isSeen() && soon();

  function end() {
    state("gone");
    close();
  }

  function close() {
    closed = true;
    for (const one of [timer, looking, leaving]) clearTimeout(one);
    clearInterval(watchdog);
    if (stop) stop.abort();
    for (const [target, name, act] of listeners) target.removeEventListener(name, act);
  }

  const listeners = [
    [document, "visibilitychange", looked], [window, "online", online], [window, "offline", lost],
    [window, "pagehide", leave], [window, "pageshow", back],
  ];
  for (const [target, name, act] of listeners) target.addEventListener(name, act);
  state("connecting");
  connect();
  lookLater();
  return { close };
}
