// Results as people see them: bars, a rating's average with its histogram, a word cloud, a wall of answers. All of it is text in
// lists, which a screen reader reads as it stands; colours and patterns are added to labels and never instead of them.

import { drawer, weigh } from "./cloud.js";
import { make, write } from "./dom.js";
import { number, percent, t } from "./text.js";

/**
 * Makes the chart of a poll: {element, update(results)}. poll is as the API gives it (kind, options with values), and may say how a
 * count is written: counted(n). results may be
 * those of the API or of the event stream, which have no values. Elements stay while their numbers change, so that bars move.
 *
 * A wall has so much room and no more. It makes a bounded chart and fits it (fit.js):
 * - columns is into how many it may be laid, each at least column em wide;
 * - items() are its rows;
 * - limit(n) shows n of them, and says how many more there are.
 * A cloud has fill(room) instead.
 */
export function chart(poll, bounded = false) {
  switch (poll.kind) {
    case "rating": return rating(poll);
    case "word_cloud": return cloud(bounded);
    case "open_text": return wall();
    default: return bars(poll);
  }
}

/** How many people voted. */
export const voters = (results) => t("chart.voters", { n: results.total });

const share = (count, total) => (total > 0 ? count / total : 0);

/** Sixty-four bars differ in their colour or their pattern. Each has its label besides, so that nobody needs either. */
const look = (i) => `series-${i % 8} pattern-${(i + Math.floor(i / 8)) % 8}`;

/** Makes the last item of a list, which says how many more there are than it shows: say(n). */
function rest(list) {
  const item = make("li", { class: "rest", hidden: true });
  list.append(item);
  return (n) => {
    item.hidden = n <= 0;
    write(item, n > 0 ? t("chart.more", { n }) : "");
  };
}

function bars(poll) {
  const counted = poll.counted || ((n) => t("chart.votes", { n }));
  const rows = new Map(); // by key, in the order of the options
  const element = make("ul", { class: "bars" });
  poll.options.forEach((option, i) => {
    const fill = make("span", { class: `fill ${look(i)}` });
    const count = make("span", { class: "count" });
    const part = make("span", { class: "percent" });
    const row = make("li", { class: "bar" },
      make("span", { class: "label said", dir: "auto" }, option.value),
      make("span", { class: "numbers" }, part, " ", count),
      make("span", { class: "track", "aria-hidden": "true" }, fill));
    rows.set(option.key, { row, fill, count, part, votes: 0 });
    element.append(row);
  });
  const say = rest(element);
  let most = Infinity; // rows that are shown

  /** Shows as many as there is room for: those with the most votes, in the order of the options. */
  function choose() {
    const all = [...rows.values()];
    const shown = new Set([...all].sort((a, b) => b.votes - a.votes).slice(0, most));
    for (const one of all) one.row.hidden = !shown.has(one);
    say(all.length - shown.size);
  }

  return {
    element,
    columns: poll.options.length,
    column: 8,
    items: () => [...rows.values()].map(({ row }) => row),
    limit(n) {
      most = n;
      choose();
    },
    update(results) {
      const highest = Math.max(0, ...results.options.map((o) => o.count));
      for (const option of results.options) {
        const row = rows.get(option.key);
        if (!row) continue;
        row.votes = option.count;
        row.fill.style.inlineSize = `${(share(option.count, results.total) * 100).toFixed(2)}%`;
        row.fill.classList.toggle("some", option.count > 0);
        row.row.classList.toggle("leads", highest > 0 && option.count === highest);
        write(row.part, percent(option.count, results.total));
        write(row.count, counted(option.count));
      }
      choose();
    },
  };
}

function rating(poll) {
  const mean = make("strong", { class: "mean" });
  const median = make("span", { class: "median" });
  const histogram = bars(poll);
  histogram.element.classList.add("histogram");
  const element = make("div", { class: "rating" },
    make("p", { class: "average" }, make("span", { class: "average-of" }, t("chart.average")), mean, median), histogram.element);
  return {
    element,
    columns: 2,
    column: 19,
    items: histogram.items,
    limit: histogram.limit,
    update(results) {
      write(mean, results.mean === undefined ? "–" : number(results.mean, 1));
      const half = results.median % 1 ? 1 : 0;
      write(median, results.median === undefined ? "" : t("chart.median", { median: number(results.median, half) }));
      histogram.update(results);
    },
  };
}

/**
 * Keeps the words of free text in a list, with an element for each that stays while it is among
 * them: {update, say}. update gives the words, each with its item; say says how many of all words
 * are not shown.
 */
function words(element, className, paint) {
  let known = new Map();
  let total = 0;
  const empty = make("li", { class: "empty" }, t("chart.empty"));
  element.append(empty);
  const more = rest(element);
  return {
    say: (shown) => more(total - shown),
    update(results) {
      const all = results.words || [];
      total = Math.max(results.words_total || 0, all.length);
      empty.hidden = all.length > 0;
      const itemOf = (text) => known.get(text) || make("li", { class: `${className} series-${colour(text)}` });
      const now = new Map(all.map(({ text }) => [text, itemOf(text)]));
      for (const [text, item] of known) if (!now.has(text)) item.remove();
      known = now;
      let before = empty;
      for (const word of all) { // moved only where they stand elsewhere: a moved element loses its transition
        const item = known.get(word.text);
        paint(item, word);
        if (before.nextSibling !== item) before.after(item);
        before = item;
      }
      return all.map((word) => ({ text: word.text, count: word.count, item: known.get(word.text) }));
    },
  };
}

/** A word keeps its colour, whoever else is there. */
function colour(text) {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + character.codePointAt(0)) % 65521;
  return sum % 8;
}

function cloud(bounded) {
  const element = make("ul", { class: "cloud" });
  const list = words(element, "word", (item, word) => {
    if (!item.firstChild) {
      item.append(make("span", { class: "said", dir: "auto" }), make("span", { class: "unseen" }));
      item.hidden = true; // until it has a place
    }
    write(item.firstChild, word.text);
    write(item.lastChild, ` (${t("chart.votes", { n: word.count })})`);
    item.title = t("chart.votes", { n: word.count });
  });
  const pen = drawer(element);
  let all = [];
  let drawn = ""; // what was drawn last, and in which room

  /** Draws all words into a room. Where words, weights and room are as before, nothing changes. */
  function fill(room) {
    const what = JSON.stringify([room, all.map(({ text, weight }) => [text, weight]), getComputedStyle(element).fontSize]);
    if (what === drawn) return;
    const shown = pen.draw(all, room);
    if (shown < 0) return;
    list.say(shown);
    const line = element.lastChild.offsetHeight; // in which the rest is said
    if (room.height && line) list.say(pen.draw(all, { ...room, height: room.height - line }));
    drawn = what;
  }

  let waiting = false;
  function soon() {
    if (waiting || bounded) return;
    waiting = true;
    const draw = () => {
      waiting = false;
      if (element.isConnected) fill({ width: element.clientWidth });
    };
    if (document.visibilityState === "visible") requestAnimationFrame(draw);
    else setTimeout(draw);
  }
  let width = 0;
  if (!bounded && window.ResizeObserver) {
    new ResizeObserver(() => {
      if (element.clientWidth !== width) soon();
      width = element.clientWidth;
    }).observe(element);
  }
  return {
    element,
    fill,
    forget() {
      drawn = "";
      pen.forget();
    },
    update(results) {
      const found = list.update(results).sort((a, b) => b.count - a.count);
      all = found.map((word) => ({ ...word, weight: weigh(word.count, found[0].count) }));
      soon();
    },
  };
}

function wall() {
  const element = make("ul", { class: "wall" });
  const list = words(element, "answer", (item, word) => {
    if (!item.firstChild) item.append(make("span", { class: "said", dir: "auto" }), make("span", { class: "times" }));
    write(item.firstChild, word.text);
    write(item.lastChild, word.count > 1 ? `× ${number(word.count)}` : "");
  });
  let items = [];
  let most = Infinity; // answers that are shown
  const choose = () => {
    items.forEach((item, i) => { item.hidden = i >= most; });
    list.say(Math.min(items.length, most));
  };
  return {
    element,
    columns: 1,
    column: 8,
    items: () => items,
    limit(n) {
      most = n;
      choose();
    },
    update(results) {
      items = list.update(results).map(({ item }) => item);
      choose();
    },
  };
}
