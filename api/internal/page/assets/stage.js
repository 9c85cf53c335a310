// The stage: what the room sees on the wall, and the presenter's controls below it. It shows nothing that the room must not see.

import { here, publicHost, root, unreachable } from "./address.js";
import { answers, isWritten } from "./answers.js";
import { begin } from "./begin.js";
import { chart } from "./chart.js";
import { Control, press, statusText } from "./control.js";
import { ask, askForCode, open, remote, renewLinks, say } from "./dialogs.js";
import { announce, enable, find, make, show, usable, write } from "./dom.js";
import { fitter } from "./fit.js";
import { drawPeople } from "./people.js";
import { keep, read } from "./store.js";
import { number, t } from "./text.js";
import { presenterPage, presenterToken } from "./token.js";

const idleAfter = 4000; // ms without a hand on the mouse, until the controls fade

const id = here()[1];
const token = presenterToken(id);
const control = new Control(id, token, { changed, say, always: true }); // a wall may show it while another window is in front
const written = answers(control);

const wall = fitter(find("#stage"));

let drawn = {}; // {id, text, hidden}: the chart that is on the slide
let said = ""; // of the slide, to screen readers
let overview = null; // the list of questions, while it is open
let idleTimer = 0;

// --- what is shown ----------------------------------------------------------------------------------------------------------

let waiting = false;

/** Draws once a frame, however much changes. A page that is not seen has no frames. */
function changed() {
  if (waiting) return;
  waiting = true;
  if (document.visibilityState === "visible") requestAnimationFrame(drawNow);
  else setTimeout(drawNow);
}

function drawNow() {
  if (!waiting) return;
  waiting = false;
  draw();
}

// The frame that a change waits for may not come before the page is seen again.
document.addEventListener("visibilitychange", drawNow);

function draw() {
  const { shown } = control;
  const results = shown && control.results.get(shown.poll_id);
  const stage = find("#stage");
  stage.classList.toggle("lobby", !shown);
  document.title = `${shown?.question ?? (control.title || t("stage.page"))} – Plenary`;
  drawJoin();
  write(find("#question"), shown ? shown.question : control.title || t("stage.welcome"));
  find("#question").classList.toggle("long", (shown?.question.length ?? 0) > 90);
  write(find("#place"), shown ? t("stage.place", { n: control.index + 1, of: control.polls.length }) : lobbyText());
  drawChart(shown, results);
  const { status } = control;
  const badge = find("#status");
  show(badge, Boolean(shown));
  badge.className = `badge badge-${status}`;
  write(badge, statusText(status));
  const counts = find("#voters").parentElement;
  show(counts, Boolean(shown));
  write(find("#voters"), number(results?.total ?? 0));
  write(find("#voters-name"), t("stage.voters", { n: results?.total ?? 0 }));
  show(find("#connected-part"), control.connected !== null);
  write(find("#connected"), number(control.connected ?? 0));
  write(find("#connected-name"), t("stage.connected", { n: control.connected ?? 0 }));
  drawPeople(control);
  drawState();
  drawControls(shown);
  drawOverview?.();
  written.update();
  wall.fit(find("#chart").contains(drawn.chart?.element ?? null) ? drawn.chart : null);
  const now = shown ? shown.question : "";
  if (now !== said) announce(now || t("stage.empty"));
  said = now;
}

/** Says that the page is not connected, or that there is nothing to be connected to. */
function drawState() {
  show(find("#away"), control.trouble !== "");
  write(find("#away"), control.trouble);
}

/** Before the first question people join; later an empty slide says nothing. */
function lobbyText() {
  return control.version <= 0 ? t("stage.ready") : "";
}

function drawJoin() {
  write(find("#host"), publicHost);
  show(find("#unreachable"), unreachable);
  const code = control.code.replace(/^(.{3})(.{3})$/, "$1 $2");
  if (find("#code").textContent === code) return;
  write(find("#code"), code);
  const picture = find("#qr");
  const loaded = (there) => () => {
    show(picture, there);
    changed();
  };
  picture.addEventListener("load", loaded(true), { once: true });
  picture.addEventListener("error", loaded(false), { once: true });
  picture.src = `${root}/qr.svg?code=${encodeURIComponent(control.code)}`;
}

function drawChart(shown, results) {
  const place = find("#chart");
  if (!shown) {
    place.replaceChildren();
    show(find("#covered"), false);
    drawn = {};
    return;
  }
  const { hidden } = control;
  const text = JSON.stringify([shown.kind, shown.options]);
  if (drawn.id !== shown.poll_id || drawn.text !== text || drawn.hidden !== hidden || drawn.version > (results?.version ?? 0)) {
    drawn = { id: shown.poll_id, text, hidden, chart: chart(shown, true), version: 0 };
    place.className = `slide-chart kind-${shown.kind}`;
    place.classList.toggle("without-results", hidden);
    place.replaceChildren(...hidden && isWritten(shown) ? [] : [drawn.chart.element]);
    show(find("#covered"), hidden);
  }
  if (hidden) write(find("#covered"), control.visibility === "after" ? t("stage.covered_after") : t("stage.covered"));
  else if (results) {
    drawn.chart.update(results);
    drawn.version = results.version;
  }
}

addEventListener("resize", changed);
document.fonts.addEventListener("loadingdone", () => {
  wall.forget();
  changed();
});
new ResizeObserver(changed).observe(find(".stage-foot")); // whatever is said there

function drawControls(shown) {
  const buttons = ["results", "voting", "blank", "previous", "next"];
  for (const name of buttons) enable(find(`#${name}`), !control.moving);
  const useful = { results: Boolean(shown), voting: Boolean(shown), answers: isWritten(shown) };
  for (const [name, yes] of Object.entries(useful)) {
    const button = find(`#${name}`);
    if (!yes && button === document.activeElement) find("#next").focus(); // it goes
    show(button, yes);
  }
  write(find("#results"), control.hidden ? t("control.show_results") : t("control.hide_results"));
  write(find("#voting"), control.closed ? t("control.reopen") : t("control.close"));
  show(find("#blank"), Boolean(shown) || control.version > 0);
  write(find("#blank"), shown ? t("control.blank") : t("control.unblank"));
  write(find("#next").firstChild, !shown && control.version <= 0 ? t("stage.start") : t("stage.next"));
}

// --- the list of questions --------------------------------------------------------------------------------------------------

let drawOverview = null;

function openOverview() {
  if (overview) return;
  const list = make("ol", { class: "overview-list" });
  overview = make("dialog", { class: "overview", "aria-labelledby": "overview-name" },
    make("h2", { id: "overview-name" }, t("stage.questions")), list,
    make("p", { class: "hint" }, t("control.reset_how")),
    make("form", { method: "dialog", class: "row dialog-end" },
      make("button", { type: "button", id: "renew-code", click: renewCode }, t("renew.code")),
      token && make("button", { type: "button", id: "renew-links", click: () => renewLinks(id, token) }, t("renew.links")),
      make("a", { class: "button", href: presenterPage(`/edit/${id}`, token) }, t("stage.edit")),
      make("a", { class: "button", href: presenterPage(`/results/${id}`, token) }, t("edit.results")),
      make("button", { class: "primary" }, t("dialog.close"))));
  const items = new Map(); // by poll; they stay, for a button that was made anew under a hand would not hear the click
  drawOverview = () => {
    control.polls.forEach((poll, i) => {
      if (!items.has(poll.poll_id)) items.set(poll.poll_id, overviewItem(poll.poll_id));
      const item = items.get(poll.poll_id);
      if (list.children[i] !== item.element) list.insertBefore(item.element, list.children[i] ?? null);
      item.update(poll, i);
    });
    while (list.children.length > control.polls.length) list.lastElementChild.remove();
  };
  drawOverview();
  open(overview, () => { overview = drawOverview = null; });
}

/** Makes a row of the list. */
function overviewItem(pollID) {
  const place = make("span", { class: "overview-number soft" });
  const question = make("span", { class: "grow said", dir: "auto" });
  const badge = make("span", {});
  const display = make("button", {
    type: "button",
    click: () => {
      if (!usable(display)) return;
      overview.close();
      control.display(pollID);
    },
  }, t("stage.show"));
  const forget = make("button", {
    type: "button",
    class: "danger",
    click: () => (control.poll(pollID)?.status === "final" ? reset(pollID) : say(t("control.reset_how"), "error")),
  }, t("control.reset"));
  const said = make("button", {
    type: "button",
    click: () => {
      overview.close();
      written.openList(pollID);
    },
  }, t("answers.title"));
  const element = make("li", {}, place, question, badge, display, said, forget);
  return {
    element,
    update(poll, i) {
      const here = control.shown?.poll_id === pollID;
      element.classList.toggle("here", here);
      if (here) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
      write(place, number(i + 1));
      write(question, poll.question);
      badge.className = `badge badge-${poll.status}`;
      write(badge, statusText(poll.status));
      display.setAttribute("aria-label", t("stage.display", { question: poll.question }));
      forget.setAttribute("aria-label", t("stage.reset", { question: poll.question }));
      enable(forget, poll.status === "final");
      enable(display, !here || control.closed);
      for (const part of [badge, forget]) show(part, poll.status !== "pending");
      show(said, isWritten(poll) && poll.status !== "pending");
      said.setAttribute("aria-label", t("answers.of", { question: poll.question }));
    },
  };
}

async function renewCode() {
  if (!await askForCode()) return;
  overview?.close();
  await control.renewCode();
}

async function reset(pollID) {
  overview?.close();
  if (await ask(t("control.reset_name"), t("control.reset_ask"), t("control.reset_yes"))) await control.reset(pollID);
}

// --- hands ------------------------------------------------------------------------------------------------------------------

const acts = {
  next: () => control.next(),
  previous: () => control.previous(),
  blank: () => control.blank(),
  voting: () => control.toggleVoting(),
  results: () => control.toggleResults(),
  overview: openOverview,
  answers: () => (isWritten(control.shown) ? written.openList(control.shown.poll_id) : say(t("answers.chosen"), "error")),
  remote: () => remote(id, token),
  full: fullScreen,
  keys: openKeys,
};

press(acts, { say });
find("#chart").addEventListener("click", written.offer);

/** The keys that do something. Those that are signs, which people who speak to their computer may type unawares, can be switched off. */
const keys = {
  ArrowRight: "next", PageDown: "next", " ": "next", Enter: "next",
  ArrowLeft: "previous", PageUp: "previous", Backspace: "previous",
  b: "blank", ".": "blank", c: "voting", h: "results", f: "full", o: "overview", a: "answers", "?": "keys",
};

// Where the layout is mirrored, the arrow of what comes next points to the left.
if (document.documentElement.dir === "rtl") Object.assign(keys, { ArrowLeft: "next", ArrowRight: "previous" });

const isSign = (key) => key.length === 1 && key !== " ";
const signsWork = () => read("signs", true) !== false;

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]") || find("#stage").hidden) return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const presses = (event.key === " " || event.key === "Enter") && event.target.closest("button, a");
  if (presses && event.repeat) event.preventDefault();
  if (!act || presses || isSign(event.key) && !signsWork()) return; // what has the focus is pressed
  event.preventDefault();
  if (!event.repeat) acts[act]();
});

function openKeys() {
  const dialog = make("dialog", { "aria-labelledby": "keys-name" }, document.getElementById("keys-text").content.cloneNode(true));
  const box = find("#signs", dialog);
  box.checked = signsWork();
  box.addEventListener("change", () => {
    keep("signs", box.checked);
    nameKeys();
  });
  open(dialog);
}

/** Tells screen readers which sign presses which button. */
function nameKeys() {
  for (const button of document.querySelectorAll("[data-key]")) {
    if (signsWork()) button.setAttribute("aria-keyshortcuts", button.dataset.key);
    else button.removeAttribute("aria-keyshortcuts");
  }
}
nameKeys();

async function fullScreen() {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
  } catch {
    say(t("stage.no_full"), "error");
  }
}

/** Names the button after what it does now. */
function nameFull() {
  const text = document.fullscreenElement ? t("stage.leave_full") : t("stage.full");
  find("#full").setAttribute("aria-label", text);
  find("#full").title = text;
}
document.addEventListener("fullscreenchange", nameFull);
nameFull();

/** The controls fade while no hand is near, and never while one of them has the focus of a keyboard. */
function awake() {
  document.body.classList.remove("idle");
  clearTimeout(idleTimer);
  idleTimer = setTimeout(() => document.body.classList.add("idle"), idleAfter);
}
for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) addEventListener(name, awake, { passive: true });

begin(control, token, () => {
  show(find("#stage"));
  draw(); // what is not seen has no size
  awake();
});
