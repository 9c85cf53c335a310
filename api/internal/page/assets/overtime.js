// A small chart of how many votes came when: a column for each hour, or for several where there are many. It is a picture with a
// sentence that says the same.

import { make } from "./dom.js";
import { moment, number, t } from "./text.js";

const hour = 3600000; // ms
const columns = 60; // at most
const size = { width: 300, height: 48 };

/** Makes an element of a picture. */
function draw(tag, properties) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  return element;
}

/** Gives the votes of each column, from the first hour to the last. Hours without votes are among them. */
export function spread(items) {
  const at = items.map((item) => Math.floor(Date.parse(item.at) / hour));
  const first = at[0];
  const hours = at[at.length - 1] - first + 1;
  const each = Math.ceil(hours / columns);
  const all = Array.from({ length: Math.ceil(hours / each) }, () => 0);
  items.forEach(({ votes }, i) => { all[Math.floor((at[i] - first) / each)] += votes; });
  return all;
}

/** Makes the chart of a history: [{at, votes}], the oldest first. */
export function overTime(items) {
  if (items.length === 0) return make("p", { class: "soft small" }, t("chart.empty"));
  const counts = spread(items);
  const most = Math.max(...counts, 1);
  const busiest = items.reduce((a, b) => (b.votes > a.votes ? b : a));
  const n = items.reduce((sum, { votes }) => sum + votes, 0);
  const time = (at) => moment(new Date(at));
  const said = t("polls.over_time", { n, most: number(busiest.votes), time: time(busiest.at) });
  const width = size.width / counts.length;
  const box = `0 0 ${size.width} ${size.height}`;
  const picture = draw("svg", { viewBox: box, preserveAspectRatio: "none", role: "img", "aria-label": said });
  counts.forEach((count, i) => {
    const height = count > 0 ? Math.max(count / most * size.height, 1.5) : 0;
    picture.append(draw("rect", { x: i * width, y: size.height - height, width: Math.max(width - 1, 1), height }));
  });
  const ends = [items[0].at, items[items.length - 1].at].slice(0, counts.length);
  return make("figure", { class: "over-time" }, picture,
    make("div", { class: "ends soft small", "aria-hidden": "true" }, ends.map((at) => make("span", {}, time(at)))),
    make("figcaption", { class: "soft small", "aria-hidden": "true" }, said));
}
