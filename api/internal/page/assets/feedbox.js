// What an account does in the feed. It is kept before it is sent, so that a reload, a lost connection or a phone that sleeps changes
// nothing: what was not answered is sent again under the same key, and counts once.

import { call, Problem, rest } from "./api.js";
import { atPoll } from "./feedpolls.js";
import { account, session } from "./session.js";
import { keep, read, uuid } from "./store.js";

const ways = { vote: ["POST", "vote"], skip: ["POST", "skip"], undo: ["DELETE", "skip"] };

/**
 * Gives the box of what the account does: {put(poll, act, option), leaves(poll), resume()}. An act is "vote", "skip" or "undo", which
 * takes a skip back. A poll leaves the feed if what waits last of it is a vote or a skip. They are sent in their order, one after the other. told is called with each, {poll, act, option, key, title}, and
 * with what becomes of it:
 *
 *   {state: "sending"}             on its way for the first time
 *   {state: "retrying", seconds}   not answered, or refused for now; it is sent again in so many seconds, or being sent
 *   {state: "counted"}             204
 *   {state: "accepted"}            202: durable, and counted soon
 *   {state: "refused", problem}    it has no effect
 */
export function box(told) {
  const name = `feed.${account()}`;
  let sending = false;

  /** Gives what is not answered, in its order. */
  function waiting() {
    const kept = read(name, []);
    return Array.isArray(kept) ? kept.filter((one) => one && one.poll && one.key && ways[one.act]) : [];
  }

  /** Does something with a poll. */
  function put({ poll_id: poll, title }, act, option) {
    const one = { poll, act, option, key: uuid(), title };
    keep(name, [...waiting(), one]);
    told(one, { state: "sending" });
    send();
  }

  async function send() {
    if (sending) return;
    sending = true;
    try {
      for (let attempt = 1; waiting().length > 0; attempt++) {
        const answer = await sendNext(waiting()[0], attempt);
        if (answer === "ended") return;
        if (answer === "settled") attempt = 0;
      }
    } finally {
      sending = false;
    }
  }

  async function sendNext(due, attempt) {
    const [method, path] = ways[due.act];
    const body = due.act === "vote" ? { option_index: due.option } : undefined;
    try {
      const { status } = await call(method, atPoll(due.poll, path),
        { token: session(), body, headers: { "Idempotency-Key": due.key }, timeout: 8 });
      return settle(due, { state: status === 202 ? "accepted" : "counted" });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) return "ended"; // the page leaves to log in, and sends it when it is back
      if (!problem.passes || problem.code === "quota_spent") return settle(due, { state: "refused", problem });
      const seconds = Math.ceil(Math.max(problem.retryAfter, Math.min(2 ** (attempt - 1), 15)));
      told(due, { state: "retrying", seconds });
      await rest(seconds + Math.random());
      told(due, { state: "retrying" });
      return "again";
    }
  }

  function settle(due, answer) {
    const there = waiting();
    const others = there.filter(({ key }) => key !== due.key);
    keep(name, others);
    if (others.length < there.length) told(due, answer); // else another tab had the answer
    return "settled";
  }

  return {
    put,
    leaves: (id) => {
      const last = waiting().filter(({ poll }) => poll === id).pop();
      return Boolean(last) && last.act !== "undo";
    },
    resume: send,
  };
}
