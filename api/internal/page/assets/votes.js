// This browser's votes in one presentation, and an honest state of each. They are kept, so that a reload, a lost connection or a
// phone that sleeps changes nothing: what was not answered is sent again under the same number, which is always safe.

import { at, call, Problem } from "./api.js";
import { keep, nextSeq, read, voter } from "./store.js";

/**
 * The states of a vote:
 *
 *   sending    on its way for the first time
 *   retrying   not answered, or refused for now; it is sent again in `seconds`, or being sent
 *   counted    204
 *   accepted   202: durable, and counted soon
 *   over       409: the poll had left the slide; it does not count
 *   late       409 for a change of mind: the answer before it stands, and is the one that is shown
 *   unknown    409 after something that was never answered: that may have counted
 *   refused    the answer is not one that the poll takes; `code` and `detail` say why
 *
 * A vote is {question, version, answer, seq, state}. answer is what is sent: {key}, {keys}, {text} or {texts}.
 */
export const settled = (vote) => !vote || (vote.state !== "sending" && vote.state !== "retrying");

/** Whether a vote has come to a good end. */
export const isGood = (vote) => vote.state === "counted" || vote.state === "accepted";

/** Gives the box for a presentation's votes. changed is called with a poll's id and its vote whenever that changes. */
export function votes(presentation, changed) {
  const name = `votes.${presentation}`;
  const wakers = new Set();

  const all = () => read(name, {}) ?? {};
  const of = (poll) => all()[poll] ?? null;

  function put(poll, vote) {
    const kept = { ...all(), [poll]: vote };
    keep(name, kept);
    changed(poll, vote);
  }

  function cast(poll, version, answer) {
    const before = of(poll.poll_id);
    const stands = before && isGood(before) ? before.answer : before?.stands;
    const vote = {
      question: poll.question, version, answer, seq: nextSeq(), state: "sending", stands,
      unsure: Boolean(before && (before.unsure || !settled(before))),
    };
    put(poll.poll_id, vote);
    send(poll.poll_id, vote.seq);
  }

  async function send(poll, seq) {
    for (let attempt = 1; ; attempt++) {
      const vote = of(poll);
      if (vote?.seq !== seq || settled(vote)) return; // a change of mind has overtaken it, or another tab had the answer
      const settle = (state, more = {}) => {
        const now = of(poll);
        if (now?.seq !== seq || (settled(now) && state !== "counted")) return; // what was counted stays so, whoever heard it
        put(poll, { ...now, seconds: undefined, ...more, state });
      };
      try {
        const body = { poll_id: poll, client_id: voter(presentation), seq, ...vote.answer };
        const { status } = await call("POST", at(presentation, "polls", "current", "votes"), { body, timeout: 8 });
        return settle(status === 202 ? "accepted" : "counted", { unsure: false, stands: undefined });
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        const { unsure, stands } = of(poll) ?? {};
        if (problem.status === 409 || problem.status === 404) {
          if (unsure) return settle("unknown");
          return stands ? settle("late", { answer: stands }) : settle("over");
        }
        if (!problem.passes) return settle("refused", { code: problem.code, detail: problem.detail });
        const seconds = Math.ceil(Math.max(problem.retryAfter, Math.min(2 ** (attempt - 1), 15)));
        settle("retrying", { seconds, unsure: unsure || problem.status !== 429 });
        await rest(seconds + Math.random());
        settle("retrying");
      }
    }
  }

  /** Waits, but not longer than until there is a connection again or somebody looks. */
  function rest(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(wake, seconds * 1000);
      function wake() {
        clearTimeout(timer);
        wakers.delete(wake);
        resolve();
      }
      wakers.add(wake);
    });
  }
  const wakeAll = () => [...wakers].forEach((wake) => setTimeout(wake, Math.random() * 500));
  addEventListener("online", wakeAll);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wakeAll());
  addEventListener("storage", (event) => { // the same presentation in another tab
    if (event.key === `plenary.${name}`) Object.entries(all()).forEach(([poll, vote]) => changed(poll, vote));
  });

  /**
   * Sends again what a page that was closed left without an answer, and gives the poll that was the last of it; else the one that
   * was answered last, if that came to a bad end: who reloads may not have read it. Or "".
   */
  function resume() {
    const known = Object.entries(all());
    const [newest, its] = known.reduce((a, b) => (b[1].seq > a[1].seq ? b : a), ["", { seq: -1 }]);
    let last = settled(its) && !isGood(its) ? newest : "";
    for (const [poll, vote] of known) {
      if (settled(vote)) continue;
      put(poll, { ...vote, state: "retrying", unsure: true });
      send(poll, vote.seq);
      last = poll;
    }
    return last;
  }

  /** Forgets a vote that the presenter has reset. */
  function forget(poll) {
    const { [poll]: gone, ...others } = all();
    if (!gone) return;
    keep(name, others);
    changed(poll, null);
  }

  return { of, cast, resume, forget };
}
