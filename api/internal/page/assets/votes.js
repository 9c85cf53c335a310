// This browser's votes in one presentation, and an honest state of each. They are kept, so that a reload, a lost connection or a
// phone that sleeps changes nothing: what was not answered is sent again under the same number, which is always safe.

import { at, call, Problem, rest } from "./api.js";
import { keep, nameOf, nextMoment, nextSeq, read } from "./store.js";

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
 *   superseded 204, but another vote of the same voter stands, and not this one
 *   refused    the answer is not one that the poll takes; `code` and `detail` say why
 *
 * A vote is {question, version, answer, seq, moment, state, as}. answer is what is sent: {key}, {keys}, {text} or {texts}, where
 * empty keys or texts take back the answer before; as is how it says whose it is (pass.js), "" before it is sent. One that stands, or
 * may stand, is not sent again as somebody else's, which would count it twice: it is late or unknown then, with the code "voters".
 * Of an account's votes, which may come from several devices, the one of the last moment stands.
 */
export const settled = (vote) => !vote || (vote.state !== "sending" && vote.state !== "retrying");

/** Whether an answer takes back the one before. */
export const isEmpty = ({ keys, texts }) => (keys || texts || [""]).length === 0;

/** Whether a vote has come to a good end. */
export const isGood = (vote) => vote.state === "counted" || vote.state === "accepted";

/**
 * Gives the box for a presentation's votes, which go through its door (pass.js). changed is called with a poll's id and its vote
 * whenever that changes.
 */
export function votes(presentation, door, changed) {
  const name = `votes.${presentation}`;

  const all = () => read(name, {}) || {};
  const of = (poll) => (all()[poll] ? { as: "client", ...all()[poll] } : null); // so were all that do not say it

  function put(poll, vote) {
    const kept = { ...all(), [poll]: vote };
    keep(name, kept);
    changed(poll, vote);
  }

  /** Casts a vote. since is the version in which the poll came: a vote from then on is known to be of the same voting. */
  function cast(poll, version, answer, since) {
    const before = of(poll.poll_id);
    let stands = before && before.stands;
    if (before && isGood(before)) stands = isEmpty(before.answer) ? undefined : before.answer;
    const unsure = Boolean(before && (before.unsure || (!settled(before) && before.as)));
    const vote = {
      question: poll.question, version, answer, seq: nextSeq(), moment: nextMoment(), state: "sending", stands, unsure,
      as: stands || unsure ? before.as : "",
      tied: Boolean(stands && (before.version >= since || isEmpty(answer))), // nobody takes back what another said
    };
    put(poll.poll_id, vote);
    send(poll.poll_id, vote.seq);
  }

  async function send(poll, seq) {
    let refused = false; // for whose it is
    for (let attempt = 1; ; attempt++) {
      const settle = (state, more = {}) => {
        const now = of(poll);
        if (!now || now.seq !== seq || (settled(now) && state !== "counted")) return; // what was counted stays so, whoever heard it
        put(poll, { ...now, seconds: undefined, ...more, state });
      };
      const isOver = () => (of(poll) || {}).seq !== seq || settled(of(poll)); // a change of mind has overtaken it, or another tab had the answer
      if (isOver()) return;
      let who = {};
      try {
        who = await door.identity(of(poll).as === "client" && !refused);
        if (isOver()) return;
        const vote = of(poll);
        if (vote.as && vote.as !== who.as) {
          if (vote.tied) return settle("late", { answer: vote.stands, code: "voters" });
          if (vote.unsure) return settle("unknown", { unsure: false, code: "voters" });
        }
        const { as, ...voter } = who;
        if (vote.as !== as) put(poll, { ...vote, as });
        const order = (as === "account" && vote.moment) || seq;
        const body = { poll_id: poll, ...voter, seq: order, ...vote.answer };
        const { status, superseded } = await call("POST", at(presentation, "polls", "current", "votes"), { body, timeout: 8 });
        const state = superseded ? "superseded" : status === 202 ? "accepted" : "counted";
        return settle(state, { unsure: false, stands: undefined });
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        const { unsure, stands } = of(poll) || {};
        if (problem.status === 401 && !refused) {
          refused = true;
          door.refused(who);
          const vote = of(poll);
          if (!isOver() && !vote.tied && !vote.unsure) put(poll, { ...vote, as: "" }); // nobody's yet: a page that is closed now may send it as another's
          continue;
        }
        if ((problem.status === 409 && problem.code !== "room_full") || problem.status === 404) {
          if (unsure) return settle("unknown");
          return stands ? settle("late", { answer: stands }) : settle("over");
        }
        if (!problem.passes) {
          const { code, detail } = problem;
          const shown = stands && isEmpty(of(poll).answer) ? { answer: stands } : {}; // what was to be taken back
          return settle("refused", { code, detail, ...shown });
        }
        const seconds = Math.ceil(Math.max(problem.retryAfter, Math.min(2 ** (attempt - 1), 15)));
        settle("retrying", { seconds, unsure: unsure || problem.status !== 429 });
        await rest(seconds + Math.random());
        settle("retrying");
      }
    }
  }

  addEventListener("storage", (event) => { // the same presentation in another tab
    if (event.key === nameOf(name)) Object.entries(all()).forEach(([poll, vote]) => changed(poll, vote));
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
      put(poll, { ...vote, state: "retrying", unsure: vote.as !== "" });
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
