// One poll of the feed as people see it: its question, its options until they have voted, and its numbers, which move while it is on
// the screen.

import { get, Problem } from "./api.js";
import { enable, find, make, show, usable, write } from "./dom.js";
import { atPoll, bars, counted, lasts, linkTo, voted } from "./feedpolls.js";
import { session } from "./session.js";
import { shares } from "./share.js";
import { moment, t } from "./text.js";
import { watch } from "./watch.js";

const settles = 400; // ms that a poll is on the screen until it is watched: people leaf through

/** Says when the votes of another day are there. */
export const spent = (at) => t("feed.spent", { time: moment(at) });

/** Says what became of a vote. */
function say({ state, seconds, problem }) {
  switch (state) {
    case "sending": return navigator.onLine === false ? t("vote.offline") : t("vote.sending");
    case "retrying":
      if (navigator.onLine === false) return t("vote.offline");
      return seconds ? t("vote.retrying", { n: seconds }) : t("vote.again");
    case "counted": return t("vote.counted");
    case "accepted": return t("vote.accepted");
    default: return refused(problem);
  }
}

/** Says why a vote has no effect. */
export function refused({ code, detail, retryAfter }) {
  switch (code) {
    case "poll_closed": return t("vote.over");
    case "already_voted": return t("feed.voted");
    case "already_skipped": return t("feed.skipped");
    case "quota_spent": return spent(Date.now() + retryAfter * 1000);
    case "not_found": return t("feed.gone");
    default: return t("vote.refused", { detail });
  }
}

// The colours and signs of a state are those of a vote's.
const looks = { quota_spent: "late", already_voted: "superseded", already_skipped: "closed" };

/**
 * Makes the card of a poll: {element, poll, done, choose(i), tell(state), pause(text), focus(), close()}. Options:
 *   vote(option)   casts a vote; without it nobody votes here
 *   tag(name)      is called when a tag is pressed
 *   state(now)     says how the card watches its numbers (watch.js)
 *   changed()      is called when the card is done: the account has voted, or the poll is over
 *   heading        the tag of the question
 *   tools          elements that stand below
 */
export function card(first, { vote, tag, state, changed = () => {}, heading = "h2", tools = [] }) {
  let poll = first;
  let stats = poll.stats;
  let act = null; // what this page has cast: {option, state, …}
  let paused = ""; // why nobody votes now
  let live = null; // watches the numbers
  let begin = 0; // the timer of that
  let closed = false; // the card

  const title = make(heading, { id: "title", class: "said", dir: "auto", tabindex: "-1" }, poll.title);
  const until = make("p", { id: "until", class: "soft small" });
  const options = make("div", { id: "options", class: "options", role: "group", "aria-labelledby": "title" }, poll.options.map(option));
  const note = make("p", { id: "state", class: "vote", role: "status", "data-state": "" });
  const total = make("p", { id: "count", class: "soft" });
  const covered = make("p", { id: "covered", class: "soft small" });
  const drawn = bars(poll);
  const results = make("div", { id: "chart" }, drawn.element);
  const share = make("button", { type: "button", id: "share", class: "quiet" }, t("results.share"));
  const element = make("section", { class: "card feed-card", "aria-labelledby": "title", tabindex: "-1", "data-poll": poll.poll_id },
    title, until, options, note, total, results, covered,
    make("ul", { class: "tags", "aria-label": t("feed.tags") }, poll.tags.map((name) => make("li", {}, tagOf(name)))),
    make("div", { class: "row feed-tools" }, tools, share));
  shares(share, () => ({ title: poll.title, url: linkTo(poll) }));

  function option(value, i) {
    const key = i < 9 && make("span", { class: "feed-key", "aria-hidden": "true" }, String(i + 1));
    return make("button", {
      type: "button", class: "option", "aria-pressed": "false", "aria-keyshortcuts": i < 9 ? String(i + 1) : false, click: () => choose(i),
    }, key, make("span", { class: "value said", dir: "auto" }, value));
  }

  function tagOf(name) {
    const text = make("bdi", {}, name);
    return tag ? make("button", { type: "button", class: "small", click: () => tag(name) }, text) : make("span", { class: "badge" }, text);
  }

  const mine = () => (act && act.state !== "refused" ? act.option : voted(poll) ? poll.answer.option_index : -1);
  const pending = () => Boolean(act) && (act.state === "sending" || act.state === "retrying");
  const isDone = () => poll.closed || mine() >= 0 && !pending();
  const votes = () => Boolean(vote) && !poll.closed && !poll.answer && mine() < 0 && !paused;

  /** Votes for an option, if the account may now. */
  function choose(i) {
    const button = options.children[i];
    if (!button || !votes() || !usable(button)) return;
    vote(i);
  }

  function draw() {
    const was = document.activeElement;
    const own = mine();
    const numbers = Boolean(stats) && !pending();
    write(until, lasts(poll));
    show(until, until.textContent !== "");
    [...options.children].forEach((button, i) => {
      enable(button, votes());
      button.setAttribute("aria-pressed", String(i === own));
    });
    show(options, !(numbers && isDone()));
    show(results, numbers);
    write(total, numbers ? counted(stats) : "");
    show(total, numbers);
    write(covered, numbers || pending() ? "" : why(own));
    show(covered, covered.textContent !== "");
    if (numbers) drawn.update(stats);
    if (own >= 0) drawn.mark(own);
    drawNote(own);
    if (options.hidden && options.contains(was)) (find("[data-next]", element) || title).focus(); // what had the focus is gone
  }

  /** Says why there are no numbers. Those of one's own vote are on their way. */
  function why(own) {
    if (poll.results === "after_close") return t("feed.after_close");
    return own < 0 ? t("feed.after_vote") : "";
  }

  function drawNote(own) {
    const now = act ? say(act) : own >= 0 ? t("vote.counted") : poll.answer ? t("feed.skipped") : paused;
    const look = act && (act.problem ? looks[act.problem.code] || "over" : act.state);
    note.dataset.state = look || (own >= 0 ? "counted" : poll.answer ? "closed" : paused ? "late" : "");
    write(note, now);
  }

  // --- the numbers ----------------------------------------------------------------------------------------------------------

  /** Takes in the poll as it is now. An answer that is not known everywhere yet stands. */
  function told(now) {
    const was = poll.closed;
    poll = { ...now, answer: now.answer || poll.answer, closed: now.closed || was };
    if (now.stats) tally(now.stats);
    draw();
    if (poll.closed && !was) changed();
  }

  function tally(now) {
    if (!stats || now.revision >= stats.revision) stats = now;
  }

  async function look() {
    told(await get(atPoll(poll.poll_id), { token: session() }));
  }

  /** Reads the poll, unless the server is away: what watches it will tell. */
  async function reread() {
    try {
      await look();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 404) gone();
    }
  }

  function gone() {
    act = { state: "refused", option: -1, problem: { code: "not_found" } };
    poll = { ...poll, closed: true };
    draw();
    changed();
  }

  function event(name, data) {
    if (data.poll_id !== poll.poll_id) return;
    if (name === "stats" && data.votes) {
      tally(data);
      draw();
    } else if (name === "poll" && data.deleted) gone();
    else if (name === "poll") over();
  }

  /** Takes in that the poll takes no answers any more. Its numbers come by themselves. */
  function over() {
    if (poll.closed) return;
    poll = { ...poll, closed: true };
    draw();
    changed();
  }

  /** Watches the numbers from now on, as whoever may see them now. */
  function follow() {
    clearTimeout(begin);
    if (closed) return;
    if (live) live.close();
    const said = (now) => (now === "gone" ? gone() : state(now));
    live = watch(atPoll(poll.poll_id, "events"), { event, look, state: said }, { token: session() });
  }

  draw();
  begin = setTimeout(follow, settles);

  return {
    element,
    get poll() { return poll; },
    get done() { return isDone(); },
    choose,
    /** Takes in what became of a vote. */
    tell(option, now) {
      act = { option, ...now };
      draw();
      if (now.state === "counted" || now.state === "accepted") {
        poll = { ...poll, answer: { option_index: option, at: new Date().toISOString() } };
        follow();
        reread();
        changed();
      } else if (now.state === "refused" && now.problem.status === 409) reread();
      else if (now.state === "refused" && now.problem.status === 404) gone();
    },
    /** Says why nobody votes now, or nothing. */
    pause(why) {
      paused = why;
      draw();
    },
    focus: () => title.focus(),
    close() {
      closed = true;
      clearTimeout(begin);
      if (live) live.close();
    },
  };
}
