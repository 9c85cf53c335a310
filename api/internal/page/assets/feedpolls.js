// Polls of the feed as all pages of theirs know them: where they are, how they are told and drawn.

import { publicBase, root } from "./address.js";
import { chart } from "./chart.js";
import { find, make } from "./dom.js";
import { moment, t } from "./text.js";

/** What the API takes, in characters and numbers; a test compares it with what the API says of itself. */
export const most = { title: 300, least: 2, options: 20, option: 200, tags: 10, tag: 50 };

/** Where a poll is, and what belongs to it: atPoll(id, "vote"). */
export const atPoll = (...parts) => `/polls/${parts.map(encodeURIComponent).join("/")}`;

/** The address of a poll's own page, below the root. */
export const pageOf = (poll) => `${root}/feed/${encodeURIComponent(poll.poll_id)}`;

/** The address by which others find that page. */
export const linkTo = (poll) => `${publicBase}/feed/${poll.poll_id}`;

/** Whether an account has voted on a poll. */
export const voted = ({ answer }) => Boolean(answer) && answer.option_index !== null;

/** Says how long a poll takes answers, or that it is over. */
export function lasts(poll) {
  if (poll.closed) return t("feed.over");
  return poll.closes_at ? t("feed.closes", { time: moment(new Date(poll.closes_at)) }) : "";
}

/** Says how many have voted and skipped. */
export const counted = ({ total, skips }) => `${t("chart.votes", { n: total })} · ${t("feed.skips", { n: skips })}`;

/** Makes the chart of a poll's votes: {element, update(stats), mark(option)}, where mark says which one is the reader's own. */
export function bars(poll) {
  const drawn = chart({ kind: "choice", options: poll.options.map((value, i) => ({ key: String(i), value })) });
  const mine = make("span", { class: "badge badge-open" }, t("feed.yours"));
  return {
    element: drawn.element,
    update({ votes, total }) {
      drawn.update({ options: votes.map(({ count }, i) => ({ key: String(i), count })), total });
    },
    mark(option) {
      const row = drawn.items()[option];
      if (row && mine.parentElement !== row) find(".label", row).after(mine);
    },
  };
}
