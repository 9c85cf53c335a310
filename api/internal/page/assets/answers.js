// What people wrote, for the presenter: all of it, page by page, and a way to hide an answer that the room should not see. The
// stage and the remote share it.

import { at, get, Problem } from "./api.js";
import { ask, open, say } from "./dialogs.js";
import { enable, find, make, show, usable, write } from "./dom.js";
import { refusal } from "./refusal.js";
import { number, t } from "./text.js";

const most = 60; // characters of an answer that name it to a screen reader

/** Whether people write their own answers to a poll. */
export const isWritten = (poll) => ["word_cloud", "open_text"].includes(poll?.kind);

/**
 * Gives the presenter's hands on answers: {openList(pollID), offer, update}. offer is for clicks on a chart, and asks whether to
 * hide what was clicked; update is to be called after every change of control's.
 */
export function answers(control) {
  let list = null; // while it is open: {pollID, update, rows}

  /** Hides an answer or shows it again, and says so, with a way back. */
  async function hide(pollID, text, hidden) {
    const now = await control.hide(pollID, text, hidden);
    if (!now) return;
    if (list?.pollID === pollID) list.rows.get(text)?.update(now);
    const back = { name: t("answers.undo"), act: () => hide(pollID, text, !hidden) };
    say(hidden ? t("answers.hidden_done") : t("answers.shown_done"), "info", back);
  }

  async function offer({ target, detail }) {
    const item = target.closest(".word, .answer");
    if (!item || detail > 1 || !getSelection().isCollapsed) return;
    const pollID = control.shown.poll_id;
    const text = find(".said", item)?.textContent ?? item.firstChild.textContent;
    if (await ask(t("answers.hide_ask"), text, t("answers.hide"))) await hide(pollID, text, true);
  }

  function openList(pollID) {
    if (list) return;
    const poll = control.poll(pollID) ?? control.shown;
    list = listOf(poll, control, (text, hidden) => hide(pollID, text, hidden));
    open(list.dialog, () => { list = null; });
  }

  return { openList, offer, update: () => list?.update() };
}

/** Makes the list of all answers to a poll, in a dialog. */
function listOf(poll, control, hide) {
  let next; // where the next page begins; undefined: there is none
  let heard; // voters when the first page was read; undefined: nobody has said yet
  let reading = 0; // the number of the newest read
  const rows = new Map(); // by text
  const items = make("ol", { class: "answers-list" });
  const none = make("p", { class: "soft", hidden: true }, t("chart.empty"));
  const order = make("select", { id: "answers-order", change: () => read(true) },
    make("option", { value: "newest" }, t("answers.newest")), make("option", { value: "most" }, t("answers.most")));
  order.value = poll.kind === "word_cloud" ? "most" : "newest";
  const more = make("button", { type: "button", id: "answers-more", class: "wide", click: () => read(false) }, t("answers.more"));
  const fresh = make("button", { type: "button", id: "answers-fresh", class: "wide", click: () => read(true) }, t("answers.fresh"));
  const dialog = make("dialog", { class: "overview answers", "aria-labelledby": "answers-name" },
    make("h2", { id: "answers-name" }, t("answers.all")),
    make("p", { class: "said soft", dir: "auto" }, poll.question),
    make("p", { class: "row" }, make("label", { for: "answers-order" }, t("answers.order")), order),
    fresh, items, none, more,
    make("form", { method: "dialog", class: "row dialog-end" }, make("button", { class: "primary" }, t("dialog.close"))));

  const voters = () => control.results.get(poll.poll_id)?.total;

  /** Reads the next page, or the first one anew. */
  async function read(anew) {
    if (!anew && !usable(more)) return;
    const mine = ++reading;
    const begun = voters();
    enable(more, false);
    try {
      const query = new URLSearchParams({ order: order.value, ...!anew && { cursor: next } });
      const page = await get(`${at(control.id, "polls", poll.poll_id, "answers")}?${query}`, { token: control.token });
      if (mine !== reading) return;
      add(page, anew);
      if (anew) heard = begun;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (mine === reading) say(refusal(problem), "error");
    }
    if (mine === reading) enable(more, true);
    update();
  }

  function add(page, anew) {
    if (anew) {
      items.replaceChildren();
      rows.clear();
    }
    const known = rows.size;
    for (const item of page.items) {
      if (rows.has(item.text)) continue; // it has changed its place since the page before
      rows.set(item.text, rowOf(item, hide));
      items.append(rows.get(item.text).element);
    }
    next = page.next;
    if (next === undefined && more === document.activeElement) find("button", items.children[known] ?? items)?.focus(); // it goes
    show(more, next !== undefined);
    show(none, rows.size === 0);
  }

  /** Says whether there are answers that are not in the list. */
  function update() {
    heard ??= voters();
    const anyNew = voters() > heard;
    if (!anyNew && fresh === document.activeElement) find("button", items)?.focus(); // it goes
    show(fresh, anyNew);
  }

  show(more, false);
  show(fresh, false);
  read(true);
  return { pollID: poll.poll_id, dialog, rows, update };
}

/** Makes an answer's row: {element, update(item)}. */
function rowOf({ text, ...item }, hide) {
  const name = [...text].length > most ? `${[...text].slice(0, most).join("")}…` : text;
  const times = make("span", { class: "soft" });
  const badge = make("span", { class: "badge badge-closing" }, t("answers.hidden"));
  const button = make("button", { type: "button", click: press });
  const element = make("li", {}, make("span", { class: "said grow", dir: "auto" }, text), times, badge, button);
  async function press() {
    if (!usable(button)) return;
    enable(button, false);
    await hide(text, !item.hidden);
    enable(button, true);
  }
  function update(now) {
    item = now;
    element.classList.toggle("is-hidden", Boolean(item.hidden));
    write(times, item.count > 1 ? `× ${number(item.count)}` : "");
    show(badge, Boolean(item.hidden));
    write(button, item.hidden ? t("answers.show") : t("answers.hide"));
    button.setAttribute("aria-label", item.hidden ? t("answers.show_one", { text: name }) : t("answers.hide_one", { text: name }));
  }
  update(item);
  return { element, update };
}
