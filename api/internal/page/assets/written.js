// All answers to a poll of free text, also those that its chart has no room for: a list that grows by a page at a time, with the time
// at which each answer came first.

import { at, get, Problem } from "./api.js";
import { announce, enable, make, notify, show, usable, write } from "./dom.js";
import { number, t } from "./text.js";

const step = 100; // answers that come at once
const most = 1000; // that one call may ask for
const uncounted = 10_000; // from so many on the server does not count them

const times = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

/**
 * Gives {element, shown, update(results)}. shown says how many of all answers there are to see; element has the list and the button that
 * adds to it. Until somebody presses it, chart, an element, shows what it has; texts stand in the list instead of it then.
 */
export function written(id, token, poll, chart) {
  const texts = poll.kind === "open_text";
  const rows = new Map(); // by text
  const list = make("ol", { class: "answers", hidden: true });
  const rest = make("p", { class: "soft rest-of", hidden: true });
  const button = make("button", { type: "button", class: "more no-print", click: grow });
  const element = make("div", { class: "all" }, list, rest, button);
  const shown = make("span", { class: "soft shown" });
  let results = poll;
  let opened = false;
  let next = ""; // where the next page begins; "": there is none
  let known = ""; // of which moment the list is
  let reading = false;

  const moment = () => `${results.version}.${results.revision}`;

  function draw() {
    const there = opened ? rows.size : results.words.length;
    const total = Math.max(results.words_total || 0, there);
    const values = { n: total, shown: number(there) };
    write(shown, total === 0 ? "" : total < uncounted ? t("written.shown", values) : t("written.shown_of_more", values));
    show(list, opened);
    show(rest, opened && next !== "");
    write(rest, t("written.rest", { n: Math.max(total - there, 1) }));
    show(chart, !(opened && texts));
    show(button, opened || there > 0);
    enable(button, !opened || next !== "");
    if (!opened) write(button, texts ? t("written.open_texts") : t("written.open_words"));
    else write(button, next === "" ? t("written.whole") : t("written.grow"));
  }

  /** Reads limit answers, from the place cursor on. */
  async function page(limit, cursor) {
    const query = new URLSearchParams({ order: texts ? "newest" : "most", limit });
    if (cursor) query.set("cursor", cursor);
    return get(`${at(id, "polls", poll.poll_id, "answers")}?${query}`, { token });
  }

  function put(items) {
    for (const item of items) {
      let row = rows.get(item.text);
      if (!row) rows.set(item.text, row = line(item.text));
      row.update(item);
      list.append(row.element);
    }
  }

  /** Reads while nothing else does. What is refused for good closes the list: its answers are not for this reader any more. */
  async function read(what) {
    if (reading) return;
    reading = true;
    enable(button, false);
    list.setAttribute("aria-busy", "true");
    let came = false;
    try {
      await what();
      came = true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.passes) notify(t("results.unreachable"), "error");
      else close();
    } finally {
      reading = false;
      list.removeAttribute("aria-busy");
      if (!results.hidden) draw();
      if (came) keepUp();
    }
  }

  /** Reads again where the results are of another moment than the list. */
  function keepUp() {
    if (opened && !results.hidden && known !== moment()) renew();
  }

  function grow() {
    if (!usable(button)) return;
    read(async () => {
      const before = opened ? rows.size : 0;
      const of = moment();
      const { items, next: then = "" } = await page(step, opened ? next : "");
      if (!opened) known = of;
      opened = true;
      next = then;
      put(items);
      announce(t("written.came", { from: number(before + 1), to: number(rows.size), n: rows.size - before }));
    });
  }

  /** Reads again what the list has, at most as much as one call gives: what was hidden meanwhile goes, what is new comes. */
  function renew() {
    read(async () => {
      const of = moment();
      const { items, next: then = "" } = await page(Math.min(most, Math.max(step, rows.size)), "");
      known = of;
      next = then;
      const there = new Set(items.map(({ text }) => text));
      for (const [text, row] of rows) {
        if (there.has(text)) continue;
        row.element.remove();
        rows.delete(text);
      }
      put(items);
    });
  }

  function close() {
    opened = false;
    next = "";
    rows.clear();
    list.replaceChildren();
  }

  return {
    element, shown,
    update(now) {
      results = now;
      if (now.hidden) close();
      show(element, !now.hidden);
      show(shown, !now.hidden);
      if (now.hidden) return;
      draw();
      keepUp();
    },
  };
}

/** An answer in the list. */
function line(text) {
  const many = make("span", { class: "times" });
  const when = make("time", { class: "soft small" });
  const hidden = make("span", { class: "badge" }, t("written.hidden"));
  const element = make("li", {}, make("span", { class: "said", dir: "auto" }, text), hidden, many, when);
  return {
    element,
    update(item) {
      write(many, item.count > 1 ? `× ${number(item.count)}` : "");
      show(when, Boolean(item.first_at));
      if (item.first_at) {
        when.dateTime = item.first_at;
        write(when, times.format(new Date(item.first_at)));
      }
      show(hidden, Boolean(item.hidden));
      element.classList.toggle("is-hidden", Boolean(item.hidden));
    },
  };
}
