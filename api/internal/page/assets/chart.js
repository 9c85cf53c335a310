// Results as people see them: bars, a rating's average with its histogram, a word cloud, a wall of answers. All of it is text in
// lists, which a screen reader reads as it stands; colours and patterns are added to labels and never instead of them.

import { make, write } from "./dom.js";
import { number, percent, t } from "./text.js";

/**
 * Makes the chart of a poll: {element, update(results)}. poll is as the API gives it (kind, options with values); results may be
 * those of the API or of the event stream, which have no values. Elements stay while their numbers change, so that bars move.
 */
export function chart(poll) {
  switch (poll.kind) {
    case "rating": return rating(poll);
    case "word_cloud": return cloud();
    case "open_text": return wall();
    default: return bars(poll);
  }
}

/** How many people voted. */
export const voters = (results) => t("chart.voters", { n: results.total });

const share = (count, total) => (total > 0 ? count / total : 0);

/** Sixty-four bars differ in their colour or their pattern. Each has its label besides, so that nobody needs either. */
const look = (i) => `series-${i % 8} pattern-${(i + Math.floor(i / 8)) % 8}`;

function bars(poll) {
  const rows = new Map();
  const element = make("ul", { class: "bars" });
  poll.options.forEach((option, i) => {
    const fill = make("span", { class: `fill ${look(i)}` });
    const count = make("span", { class: "count" });
    const percent = make("span", { class: "percent" });
    const row = make("li", { class: "bar" },
      make("span", { class: "label" }, option.value),
      make("span", { class: "numbers" }, percent, " ", count),
      make("span", { class: "track", "aria-hidden": "true" }, fill));
    rows.set(option.key, { row, fill, count, percent });
    element.append(row);
  });
  return {
    element,
    update(results) {
      const most = Math.max(0, ...results.options.map((o) => o.count));
      for (const option of results.options) {
        const row = rows.get(option.key);
        if (!row) continue;
        const part = share(option.count, results.total);
        row.fill.style.inlineSize = `${(part * 100).toFixed(2)}%`;
        row.row.classList.toggle("leads", most > 0 && option.count === most);
        write(row.percent, percent(part));
        write(row.count, t("chart.votes", { n: option.count }));
      }
    },
  };
}

function rating(poll) {
  const mean = make("strong", { class: "mean" });
  const median = make("span", { class: "median" });
  const histogram = bars({ options: poll.options });
  histogram.element.classList.add("histogram");
  const element = make("div", { class: "rating" },
    make("p", { class: "average" }, make("span", { class: "average-of" }, t("chart.average")), mean, median), histogram.element);
  return {
    element,
    update(results) {
      write(mean, results.mean === undefined ? "–" : number(results.mean, 1));
      const half = results.median % 1 ? 1 : 0;
      write(median, results.median === undefined ? "" : t("chart.median", { median: number(results.median, half) }));
      histogram.update(results);
    },
  };
}

/** The words of free text, with an element for each that stays while it is among them. */
function words(element, className, order, paint) {
  const known = new Map();
  const empty = make("li", { class: "empty" }, t("chart.empty"));
  element.append(empty);
  return {
    element,
    update(results) {
      const all = results.words || [];
      empty.hidden = all.length > 0;
      const seen = new Set(all.map((word) => word.text));
      for (const [text, item] of known) {
        if (!seen.has(text)) {
          item.remove();
          known.delete(text);
        }
      }
      const most = Math.max(1, ...all.map((word) => word.count));
      for (const word of all) {
        let item = known.get(word.text);
        if (!item) {
          item = make("li", { class: `${className} series-${colour(word.text)}` });
          known.set(word.text, item);
        }
        paint(item, word, most);
      }
      let before = empty;
      for (const word of order(all)) { // moved only where they stand elsewhere: a moved element loses its transition
        const item = known.get(word.text);
        if (before.nextSibling !== item) before.after(item);
        before = item;
      }
    },
  };
}

/** A word keeps its colour, whoever else is there. */
function colour(text) {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + character.codePointAt(0)) % 65521;
  return sum % 8;
}

function cloud() {
  const middleOut = (all) => {
    const left = [];
    const right = [];
    all.forEach((word, i) => (i % 2 ? left.unshift(word) : right.push(word)));
    return [...left, ...right];
  };
  return words(make("ul", { class: "cloud" }), "word", middleOut, (item, word, most) => {
    item.style.setProperty("--weight", Math.sqrt((word.count - 1) / Math.max(1, most - 1)).toFixed(3));
    if (!item.firstChild) item.append(make("span"), make("span", { class: "unseen" }));
    write(item.firstChild, word.text);
    write(item.lastChild, ` (${t("chart.votes", { n: word.count })})`);
    item.title = t("chart.votes", { n: word.count });
  });
}

function wall() {
  return words(make("ul", { class: "wall" }), "answer", (all) => all, (item, word) => {
    if (!item.firstChild) item.append(make("span"), make("span", { class: "times" }));
    write(item.firstChild, word.text);
    write(item.lastChild, word.count > 1 ? `× ${number(word.count)}` : "");
  });
}
