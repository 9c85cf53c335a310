// The remote: the stage's controls on a phone, for the presenter's eyes only.

import { here } from "./address.js";
import { answers, isWritten } from "./answers.js";
import { begin } from "./begin.js";
import { chart } from "./chart.js";
import { Control, press, statusText } from "./control.js";
import { ask, say } from "./dialogs.js";
import { announce, enable, find, make, show, write } from "./dom.js";
import { drawPeople } from "./people.js";
import { number, t } from "./text.js";
import { remoteToken } from "./token.js";

const id = here()[1];
const token = remoteToken(id);
const control = new Control(id, token, { changed, say });
const written = answers(control);

let drawn = {};
let said = null;
let waiting = false;

function changed() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    draw();
  }, 16);
}

function draw() {
  const { shown, status, following } = control;
  const results = shown && control.results.get(shown.poll_id);
  write(find("#title"), control.title || t("edit.untitled"));
  write(find("#place"), control.index >= 0 ? t("stage.place", { n: control.index + 1, of: control.polls.length }) : "");
  write(find("#code"), control.code);
  write(find("#question"), shown ? shown.question : t("stage.empty"));
  show(find("#away"), control.trouble !== "");
  write(find("#away"), control.trouble);
  const badge = find("#status");
  show(badge, Boolean(shown));
  badge.className = `badge badge-${status}`;
  write(badge, statusText(status));
  show(find("#voters").parentElement, Boolean(shown));
  write(find("#voters"), number(results?.total ?? 0));
  write(find("#voters-name"), t("stage.voters", { n: results?.total ?? 0 }));
  show(find("#connected-part"), control.connected !== null);
  write(find("#connected"), number(control.connected ?? 0));
  write(find("#connected-name"), t("stage.connected", { n: control.connected ?? 0 }));
  drawPeople(control);
  drawChart(shown, results);
  drawQuestions();
  show(find("#covered"), Boolean(shown) && control.hidden);
  show(find("#answers"), isWritten(shown));
  written.update();
  drawFollowing(shown, following);
  write(find("#results"), control.hidden ? t("control.show_results") : t("control.hide_results"));
  write(find("#voting"), control.closed ? t("control.reopen") : t("control.close"));
  write(find("#blank"), shown || control.version <= 0 ? t("control.blank") : t("control.unblank"));
  write(find("#next").firstChild, !shown && control.version <= 0 ? t("stage.start") : t("stage.next"));
  for (const name of Object.keys(acts)) { // a button that is of no use now stays where it is: a thumb finds it blindly
    const idle = !shown && ["results", "voting", "reset"].includes(name) || name === "blank" && control.version <= 0;
    find(`#${name}`).classList.toggle("off", idle);
    enable(find(`#${name}`), !idle && !control.moving);
  }
  for (const name of ["results", "reset"]) show(find(`#${name}`), control.role !== "remote"); // which may not
  const now = shown?.question ?? "";
  if (now !== said && said !== null) announce(now || t("stage.empty"));
  said = now;
}

function drawChart(shown, results) {
  const text = shown && JSON.stringify([shown.kind, shown.options]);
  if (drawn.id !== shown?.poll_id || drawn.text !== text || drawn.version > (results?.version ?? 0)) {
    drawn = { id: shown?.poll_id, text, chart: shown && chart(shown), version: 0 };
    find("#chart").replaceChildren(...shown ? [drawn.chart.element] : []);
  }
  if (!shown || !results) return;
  drawn.chart.update(results);
  drawn.version = results.version;
}

/** Says which question is next. It keeps its own direction within the sentence. */
function drawFollowing(shown, following) {
  const gap = "\ufffc";
  const [before, after] = t("remote.following", { question: gap }).split(gap);
  const place = find("#following");
  if (!following) return write(place, shown ? t("remote.last") : "");
  if (place.textContent === before + following.question + after) return;
  place.replaceChildren(before, make("span", { class: "said", dir: "auto" }, following.question), after);
}

const rows = new Map(); // of the list of questions, by poll

/** Draws the list of questions. Its buttons stay what they are: one that was made anew under a finger would not hear the tap. */
function drawQuestions() {
  const list = find("#questions");
  control.polls.forEach((poll, i) => {
    const row = rows.get(poll.poll_id) ?? listed(poll.poll_id);
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
    const here = control.shown?.poll_id === poll.poll_id;
    const button = row.firstElementChild;
    const [question, badge] = button.children;
    button.classList.toggle("here", here);
    if (here) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    enable(button, !control.moving);
    write(question, poll.question);
    badge.className = `badge badge-${poll.status}`;
    show(badge, poll.status !== "pending");
    write(badge, { open: t("status.open"), closing: t("status.closing"), final: t("status.final") }[poll.status] ?? "");
  });
  while (list.children.length > control.polls.length) list.lastElementChild.remove();
}

/** Makes a row of the list. A tap displays its poll; the one on the slide it opens again, if it was closed. */
function listed(id) {
  const display = () => control.shown?.poll_id === id && !control.closed || control.display(id);
  const row = make("li", {}, make("button", { type: "button", click: display },
    make("span", { class: "grow said", dir: "auto" }), make("span", { class: "badge" })));
  rows.set(id, row);
  return row;
}

async function reset() {
  const { shown } = control;
  if (control.status !== "final") return say(t("control.reset_how"), "error");
  if (await ask(t("control.reset_name"), t("control.reset_ask"), t("control.reset_yes"))) await control.reset(shown.poll_id);
}

const acts = {
  next: () => control.next(),
  previous: () => control.previous(),
  blank: () => control.blank(),
  voting: () => control.toggleVoting(),
  results: () => control.toggleResults(),
  reset,
};

press({ ...acts, answers: () => written.openList(control.shown.poll_id) }, { say });
find("#chart").addEventListener("click", written.offer);

begin(control, token, () => show(find("#remote")));
