// The polls that an account has published, among what it has: how they stand, and what their author may do.

import { call, get, Problem } from "./api.js";
import { ask } from "./dialogs.js";
import { make, notify, show, write } from "./dom.js";
import { atPoll, bars, counted, lasts, pageOf } from "./feedpolls.js";
import { overTime } from "./overtime.js";
import { refusal } from "./refusal.js";
import { session } from "./session.js";
import { t } from "./text.js";
import { watch } from "./watch.js";

const most = 50; // polls that one stream tells of

const lines = new Map(); // by the poll's id, as they were listed
let live = null; // watches the first of them
let watched = ""; // their ids

/** Watches the numbers of as many polls as one stream tells of. */
function follow() {
  const ids = [...lines.keys()].slice(0, most).join(",");
  if (ids === watched) return;
  watched = ids;
  live?.close();
  live = watch(`/polls/events?ids=${ids}`, {
    event: (name, data) => lines.get(data.poll_id)?.(name, data), look, state() {},
  }, { token: session() });
}

async function look() {
  const { items } = await get(`/users/me/polls?limit=${most}`, { token: session() });
  for (const { poll_id: id, closed, stats } of items) {
    lines.get(id)?.("stats", stats);
    if (closed) lines.get(id)?.("poll", {});
  }
}

/** Draws a poll as a line of a list. */
function line(poll) {
  let now = poll;
  const title = make("strong", { class: "said", dir: "auto" }, poll.title);
  const of = () => make("span", { class: "unseen" }, `: ${poll.title}`);
  const until = make("span", { class: "badge" });
  const total = make("span", { class: "soft small" });
  const drawn = bars(poll);
  const past = make("div", {});
  const numbers = make("details", { class: "small", toggle: unfold }, make("summary", {}, t("polls.numbers"), of()), drawn.element, past);
  const button = (text, act, look = "") =>
    make("button", { type: "button", class: `small ${look}`, click: () => attempt(act) }, text, of());
  const closing = button(t("polls.close"), close);
  const element = make("li", { "data-poll": poll.poll_id },
    make("div", { class: "row" },
      make("div", { class: "grow" }, title, make("p", { class: "row tight poll-stand" }, until, total)),
      make("div", { class: "row tight" },
        make("a", { class: "button small", href: pageOf(poll) }, t("polls.open"), of()),
        closing, button(t("edit.delete_it"), remove, "danger"))),
    numbers);

  function draw() {
    write(until, lasts(now));
    show(until, until.textContent !== "");
    show(closing, !now.closed);
    if (!now.stats) return;
    write(total, counted(now.stats));
    drawn.update(now.stats);
  }

  /** Reads how the poll stands now, and how it came to that. */
  async function unfold() {
    if (!numbers.open) return;
    await attempt(async () => {
      const options = { token: session() };
      const [fresh, { items }] = await Promise.all([
        get(atPoll(poll.poll_id), options), get(atPoll(poll.poll_id, "history"), options)]);
      now = fresh;
      draw();
      past.replaceChildren(overTime(items));
    });
  }

  async function close() {
    if (!await ask(t("polls.close_ask"), poll.title, t("polls.close"))) return;
    now = (await call("POST", atPoll(poll.poll_id, "close"), { token: session(), tries: 3 })).data;
    draw();
    (closing.nextElementSibling ?? closing).focus(); // the button that had the focus is gone
  }

  async function remove() {
    if (!await ask(t("polls.delete_ask"), poll.title, t("edit.delete_it"))) return;
    try {
      await call("DELETE", atPoll(poll.poll_id), { token: session(), tries: 3 });
    } catch (problem) {
      if (problem.status !== 404) throw problem; // else somebody else was faster
    }
    const list = element.parentElement;
    element.remove();
    lines.delete(poll.poll_id);
    document.getElementById("polls-name").focus();
    show(document.getElementById("polls-none"), list.children.length === 0);
    notify(t("polls.deleted"));
  }

  async function attempt(act) {
    try {
      await act();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status !== 401) notify(refusal(problem), "error"); // else the page leaves
    }
  }

  lines.set(poll.poll_id, (name, data) => {
    if (name === "poll") now = { ...now, closed: true };
    else if (data.votes && data.revision >= now.stats.revision) now = { ...now, stats: data };
    draw();
  });
  setTimeout(follow);
  draw();
  return element;
}

/** How the page of what an account has (mine.js) lists its polls. A browser holds none by itself. */
export const polls = {
  name: "polls", held: () => [], read: (poll) => ({ id: poll.poll_id, poll }), line: ({ poll }) => line(poll),
};
