// How a page follows a presentation: by its event stream and, while none comes through, by asking now and then. A proxy may hold
// a stream back or refuse it, and something in the browser may block it, where what a page asks for is answered still.

import { at, get, Problem } from "./api.js";
import { connection } from "./connection.js";
import { whole } from "./rest.js";

const late = 22000; // ms; a stream that says nothing for so long is held back
const longest = 60; // seconds that the server may have a page wait before it asks again

// How long a page waits between two looks: least and up to so many seconds more, so that a room does not ask in the same instant.
// A page that knows nothing yet waits less at first, but as long as a slow stream needs to begin.
const crowd = { first: 2, least: 4, more: 2 };
const presenters = { first: 1.5, least: 1.5, more: 0.5 };

/**
 * Follows a presentation until close() is called. on has these functions:
 *   displayed(shown, streamed)  what is on the slide; streamed: the stream says so, which leaves out no step
 *   results(results)            how a poll's votes stand
 *   audience(people)            who is there, for a page that presents
 *   state(now)                  "connecting"; "open": by the stream; "slow": by looking, some seconds behind; "offline"; or
 *                               "gone": there is no such presentation, or the token is not its presenter's
 *
 * A page that nobody sees gives its connection back after a while and takes another one when it is seen. With always it keeps it.
 */
export function follow(id, on, { token, presents = false, always = false } = {}) {
  const pace = presents ? presenters : crowd;
  let begun = 0; // how many streams were asked for
  let live = false; // the stream tells us what happens
  let asked = false; // since the stream was asked for, a look was answered sooner
  let seeing = false; // by looking we see what happens
  let away = false; // the browser says that it has no connection
  let version = -1; // of what we told was displayed
  let read = {}; // what was read last, by the name of the event
  let said = "";
  let closed = false;
  let looking = 0; // the timer of the next look

  /** Says how the page follows now. */
  function state(now = live ? "open" : seeing ? "slow" : away ? "offline" : "connecting") {
    if (now === said || closed) return;
    said = now;
    on.state(now);
  }

  /** Tells the page something. A fault of the page's is no reason to stop. */
  function tell(name, ...data) {
    try {
      if (on[name]) on[name](...data);
    } catch (error) {
      setTimeout(() => { throw error; });
    }
  }

  const displayed = (shown, streamed) => {
    version = shown.version;
    tell("displayed", shown, streamed);
  };

  // --- the stream -----------------------------------------------------------------------------------------------------------

  const toldWhole = whole(id, (shown) => displayed(shown, true));

  function begins() {
    begun++;
    asked = false;
    missed(false);
  }

  /**
   * Takes note of a piece of the stream. One that began after a look was answered may be held back somewhere, until a buffer is
   * full: it is trusted when a small piece comes by itself.
   */
  function arrived({ size, whole: complete }, pause) {
    const alone = size < 1024 && pause > 1000;
    if (!complete || asked && !alone) return;
    live = true;
    asked = seeing = false;
    read = {};
    clearTimeout(looking);
    state();
  }

  /** Takes note that the stream does not tell us what happens, or not any more. */
  function lost() {
    if (live) lookSoon();
    live = false;
    state();
  }

  /** Takes note that there is no stream, and whether there is a connection. */
  function missed(offline) {
    away = offline || navigator.onLine === false;
    if (offline) seeing = false;
    lost();
  }

  // --- looking --------------------------------------------------------------------------------------------------------------

  /** Looks again after some seconds, but not before the server wants to be asked again. */
  function lookSoon(retryAfter = 0) {
    clearTimeout(looking);
    const least = version < 0 ? pace.first : pace.least;
    looking = setTimeout(look, (Math.min(Math.max(least, retryAfter), longest) + pace.more * Math.random()) * 1000);
  }

  const blind = () => !live && !closed;

  /** Reads what a stream would have told, while somebody sees the page. */
  async function look() {
    let retryAfter = 0;
    const before = begun;
    if (always || document.visibilityState === "visible") {
      try {
        await readAll();
        seeing = blind();
        asked = asked || before === begun;
      } catch (problem) {
        if (!(problem instanceof Problem)) setTimeout(() => { throw problem; }); // a fault of the page's is no reason to stop
        if (problem.code === "not_found" && blind()) return end();
        retryAfter = problem.retryAfter || 0;
        seeing = false;
      }
      state();
    }
    if (blind()) lookSoon(retryAfter);
  }

  /** Reads it until the stream knows better. The browser has it from the last time and says so (If-None-Match). */
  async function readAll() {
    const shown = await current();
    if (blind()) news("displayed", shown, false);
    if (blind() && shown.poll) await counted(shown.poll.poll_id);
    if (blind() && presents) news("audience", await get(at(id, "audience"), { token, tries: 1 }));
  }

  async function counted(pollID) {
    try {
      news("results", await get(at(id, "polls", pollID, "results"), { token, tries: 1 }));
    } catch (problem) {
      if (problem.code !== "not_found") throw problem; // the poll is gone, the presentation may be there
    }
  }

  async function current() {
    try {
      const { version, voting, talk_id, ...poll } = await get(at(id, "polls", "current"), { tries: 1 });
      return { version, voting, poll, talk_id };
    } catch (problem) {
      if (problem.status !== 409) throw problem;
      const tag = /\d+/.exec(problem.etag); // nothing is displayed
      return { version: tag ? Number(tag[0]) : Math.max(0, version), poll: null };
    }
  }

  /** Tells what was read, where that is not what was read before. */
  function news(name, data, ...more) {
    const text = JSON.stringify(data);
    if (!blind() || read[name] === text) return;
    read[name] = text;
    if (name === "displayed") displayed(data, ...more);
    else tell(name, data);
  }

  // --- the page -------------------------------------------------------------------------------------------------------------

  /** Ends where there is nothing to follow. */
  function end() {
    state("gone");
    close();
  }

  function close() {
    closed = true;
    clearTimeout(looking);
    kept.close();
  }

  const kept = connection(at(id, "events"), {
    begins,
    event: (name, data) => (name === "displayed" ? toldWhole(data) : tell(name, data)),
    arrived,
    quiet: (pause) => pause > late && lost(),
    lost: missed,
    gone: end,
  }, { token, always });
  lookSoon();
  return { close };
}
