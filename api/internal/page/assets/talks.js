// Talks as all pages of theirs know them: where they are, when they take ratings, how they are told and drawn.

import { publicBase } from "./address.js";
import { chart } from "./chart.js";
import { make } from "./dom.js";
import { moment, t } from "./text.js";

export const most = { title: 300, comment: 1000 }; // characters; a test compares them with what the API takes

/** Where a talk is, and what belongs to it: atTalk(id, "events"). */
export const atTalk = (...parts) => `/talks/${parts.map(encodeURIComponent).join("/")}`;

/** Where a talk's ratings are. */
export const ratingsOf = (id) => `/ratings?talk_id=${encodeURIComponent(id)}`;

/** The address by which people rate a talk. */
export const rateLink = (code) => `${publicBase}/t/${code}`;

/** When a talk's ratings open, in ms; -Infinity: they always were. */
export function opens({ starts_at: starts, settings }) {
  const at = settings.opens_at || starts;
  return at ? Date.parse(at) : -Infinity;
}

/** When they close, in ms; Infinity: never. */
export const closes = ({ settings }) => (settings.closes_at ? Date.parse(settings.closes_at) : Infinity);

/** Says when a talk is, or nothing. */
export const time = ({ starts_at: at }) => (at ? moment(new Date(at)) : "");

/** Makes the lines that say what a talk is called, who gives it and when. */
export function heading(talk, tag = "h2") {
  return [
    make(tag, { class: "said talk-title", dir: "auto" }, talk.title),
    talk.speaker && make("p", { class: "soft said speaker", dir: "auto" }, talk.speaker),
    talk.starts_at && make("p", { class: "soft small" }, make("time", { datetime: talk.starts_at }, time(talk))),
  ];
}

const values = ["1", "2", "3", "4", "5"];

/** Makes the chart of a talk's ratings: as chart, where update takes what GET /ratings gives, unless that is hidden. */
export function histogram(bounded) {
  const options = values.map((value) => ({ key: value, value }));
  const drawn = chart({ kind: "rating", options, counted: (n) => t("talk.ratings", { n }) }, bounded);
  return {
    ...drawn,
    update({ histogram: counts, count, average, median }) {
      drawn.update({
        options: values.map((key) => ({ key, count: counts[key] })), total: count,
        mean: average === null ? undefined : average, median: median === null ? undefined : median,
      });
    },
  };
}
