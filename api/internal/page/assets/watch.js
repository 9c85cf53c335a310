// How a page watches talks, or polls of the feed: by an event stream and, while none comes through, by looking now and then. A stream
// begins with the present state, so nothing is missed by coming back.

import { Problem } from "./api.js";
import { connection } from "./connection.js";

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
  let looking = 0; // the timer of the next look
  let said = "";
  let closed = false;

  function state(now) {
    if (now === said || closed) return;
    said = now;
    on.state(now);
  }

  /** Tells the page something. A fault of the page's is no reason to stop. */
  function event(name, data) {
    try {
      on.event(name, data);
    } catch (error) {
      setTimeout(() => { throw error; });
    }
  }

  function arrived() {
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
      if (always || document.visibilityState === "visible") {
        await on.look();
        if (mine === looking) state("slow");
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 404) return gone();
    }
    if (mine === looking && !closed) lookLater();
  }

  function gone() {
    state("gone");
    close();
  }

  function close() {
    closed = true;
    clearTimeout(looking);
    kept.close();
  }

  state("connecting");
  const kept = connection(path, { begins() {}, quiet() {}, event, arrived, lost, gone }, { token, always });
  lookLater();
  return { close };
}
