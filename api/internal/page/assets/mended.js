// Which texts of a poll were changed while people voted: a line that says so, and when it is opened,
// what they were.

import { at, get, Problem } from "./api.js";
import { make, show } from "./dom.js";
import { t } from "./text.js";

/** Makes the line of a poll: {element, update(results)}. */
export function mended(id, pollID) {
  const list = make("ul", {});
  const element = make("details", { class: "mended small", hidden: true, toggle: read },
    make("summary", {}, t("results.mended")), list);
  let count = 0; // of mends
  let shown = 0;

  async function read() {
    if (!element.open || shown === count) return;
    const of = count;
    try {
      const found = await history(id, pollID);
      if (of !== count) return; // a newer read is on its way
      shown = of;
      list.replaceChildren(...found.map(line));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (of !== count) return;
      list.replaceChildren(make("li", {}, t("results.unreachable")));
    }
  }
  return {
    element,
    update(results) {
      count = results.mended ?? 0;
      show(element, count > 0);
      read();
    },
  };
}

/** Reads what was mended of a poll. */
async function history(id, pollID) {
  const found = [];
  let cursor = "";
  do {
    const { items, next } = await get(`${at(id, "history")}${cursor}`);
    found.push(...items.filter((item) => item.poll_id === pollID));
    cursor = next ? `?cursor=${encodeURIComponent(next)}` : "";
  } while (cursor);
  return found;
}

function line({ at: when, before, after }) {
  const time = new Date(when).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
  return make("li", {}, make("time", { datetime: when, class: "soft" }, time), " ",
    make("del", { class: "said", dir: "auto" }, before), " ", make("ins", { class: "said", dir: "auto" }, after));
}
