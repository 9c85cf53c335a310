// This browser's rating of a talk, and an honest state of it. It is kept, so that a reload, a lost connection or a phone that sleeps
// changes nothing: what was not answered is sent again under the same key, which is always safe.

import { call, Problem, rest } from "./api.js";
import { keep, nameOf, read, uuid } from "./store.js";

/**
 * The states of a rating:
 *
 *   sending   on its way for the first time
 *   retrying  not answered, or refused for now; it is sent again in `seconds`, or being sent
 *   counted   204
 *   accepted  202: durable, and counted soon
 *   early     409: the talk takes no ratings yet
 *   late      409: it takes none any more; `stands` is the rating of before that counts, if there is one
 *   unknown   409 after something that was never answered: that may have counted
 *   tied      people are told apart otherwise now, and the rating of before stands
 *   refused   it is not one that the talk takes; `code` and `detail` say why
 *
 * A rating is {value, comment, key, state, as, sent, before}. as is how it says whose it is (pass.js), "" where that is open; sent
 * says that it was sent. Of two ratings the last one that arrives stands, so they never travel at once: before is the one that is
 * sent until it is answered.
 */
export const settled = (rating) => !rating || (rating.state !== "sending" && rating.state !== "retrying");

/** Whether a rating has come to a good end. */
export const isGood = (rating) => rating.state === "counted" || rating.state === "accepted";

const good = (status) => (status === 202 ? "accepted" : "counted");

/** Gives the box for a talk's rating, which goes through its door (pass.js). changed is called with the rating whenever it changes. */
export function ratings(talk, door, changed) {
  const name = `rating.${talk}`;
  let sending = false;

  /** Gives the rating, or null. */
  function mine() {
    const kept = read(name);
    return kept && kept.key && kept.value >= 1 && kept.value <= 5 ? kept : null;
  }

  function put(rating) {
    keep(name, rating);
    changed(rating);
  }

  /** Rates, instead of what was rated before. */
  function rate(value, comment) {
    const old = mine();
    let before = null;
    if (old && !settled(old)) before = old.sent ? { ...old, before: null } : old.before;
    const stands = old && isGood(old) ? { value: old.value, comment: old.comment } : (old && old.stands) || null;
    const as = old && (stands || before || old.state === "unknown") ? old.as : "";
    put({ value, comment, key: uuid(), state: "sending", as, stands, before });
    send();
  }

  /** Sends what is not answered, one rating after the other. */
  async function send() {
    if (sending) return;
    sending = true;
    try {
      for (let attempt = 1; !settled(mine()); attempt++) {
        if (await sendNext(attempt)) attempt = 0;
      }
    } finally {
      sending = false;
    }
  }

  /** Sends the rating that is due, and gives whether it was answered for good. */
  async function sendNext(attempt) {
    const due = mine().before || mine();
    let who = {};
    try {
      who = await door.identity(due.as === "client");
      if (due.as && due.as !== who.as) return settle(due, "tied");
      const { as, ...voter } = who;
      note(due, { as, sent: true });
      const body = { talk_id: talk, ...voter, value: due.value };
      if (due.comment) body.comment = due.comment;
      const { status } = await call("POST", "/ratings", { body, headers: { "Idempotency-Key": due.key }, timeout: 8 });
      return settle(due, good(status));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) return refusedAs(due, who, problem);
      if (problem.status === 409) return settle(due, ended(due, problem.code));
      if (!problem.passes) return settle(due, "refused", { code: problem.code, detail: problem.detail });
      const seconds = Math.ceil(Math.max(problem.retryAfter, Math.min(2 ** (attempt - 1), 15)));
      note(due, { state: "retrying", seconds, unsure: due.unsure || problem.status !== 429 });
      await rest(seconds + Math.random());
      note(due, { state: "retrying", seconds: undefined });
      return false;
    }
  }

  const ended = ({ unsure }, code) => (unsure ? "unknown" : code === "talk_not_open" ? "early" : "late");

  /** Takes in that the server did not take what says whose a rating is. It is asked for anew, unless that would count it twice. */
  function refusedAs(due, who, problem) {
    door.refused(who);
    if (due.stands || due.unsure) return settle(due, "tied");
    if (due.again) return settle(due, "refused", { code: problem.code, detail: problem.detail });
    note(due, { as: "", again: true });
    return false;
  }

  /** Notes something of a rating that is not answered. */
  function note({ key }, more) {
    const now = mine();
    if (!now) return; // somebody has emptied what the browser keeps
    if (now.key === key) put({ ...now, ...more });
    else if (now.before && now.before.key === key) put({ ...now, state: more.state || now.state, before: { ...now.before, ...more } });
  }

  /** Takes in what became of a rating. What was rated after it is sent then. */
  function settle({ key, value, comment }, state, more = {}) {
    const now = mine();
    if (now && now.key === key) {
      const stands = isGood({ state }) ? null : now.stands;
      put({ ...now, seconds: undefined, unsure: false, ...more, state, stands, before: null });
    } else if (now && now.before && now.before.key === key) {
      const stands = isGood({ state }) ? { value, comment } : now.stands;
      put({ ...now, as: now.as || now.before.as, stands, state: "sending", before: null });
    }
    return true;
  }

  addEventListener("storage", (event) => { // the same talk in another tab
    if (event.key === nameOf(name) && mine()) changed(mine());
  });

  /** Sends again what a page that was closed left without an answer. */
  function resume() {
    const kept = mine();
    if (settled(kept)) return;
    const before = kept.before && { ...kept.before, unsure: true };
    put({ ...kept, state: "retrying", unsure: Boolean(kept.sent), before });
    send();
  }

  return { mine, rate, resume };
}
