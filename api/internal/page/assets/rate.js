// The page on which people rate a talk: one to five stars and, if the talk takes any, a comment. They may change it later. It says
// when ratings open and close, what became of the rating, and the numbers of all, when those are shown.

import { here, plain } from "./address.js";
import { get, patiently, Problem } from "./api.js";
import { connected } from "./connection.js";
import { announce, enable, make, show, usable, write } from "./dom.js";
import { door, entry } from "./pass.js";
import { isGood, ratings, settled } from "./ratings.js";
import { lasts } from "./store.js";
import { atTalk, closes, histogram, opens, ratingsOf, time } from "./talks.js";
import { moment, t } from "./text.js";
import { watch } from "./watch.js";

const part = Object.fromEntries([
  "connection", "waiting", "talk", "title", "speaker", "when", "shut", "rating", "stars", "comment-part", "comment", "send", "state",
  "results", "count", "covered", "chart", "unknown", "unknown-title", "forgets", "entry",
].map((id) => [id, document.getElementById(id)]));

let talk = null; // as it was told last
let gate; // what its ratings go through
let box; // of this browser's rating
let late = 0; // ms by which the server's clock is ahead of ours
let bell = 0; // the timer of the moment at which ratings open or close
let shown = null; // the numbers that are drawn
const chart = histogram();

const now = () => Date.now() + late;

// --- the stars --------------------------------------------------------------------------------------------------------------

const stars = [1, 2, 3, 4, 5].map((value) => {
  const input = make("input", { type: "radio", name: "value", value, change: chosen });
  const label = make("label", { class: "star" }, input,
    make("span", { "aria-hidden": "true" }), make("span", { class: "unseen" }, t("talk.stars", { n: value })));
  part.stars.append(label);
  return { value, input, label };
});

const value = () => stars.reduce((found, star) => (star.input.checked ? star.value : found), 0);
const comment = () => (part["comment-part"].hidden ? "" : part.comment.value.trim());

/** Fills the stars up to the one that is chosen. */
function chosen() {
  for (const star of stars) star.label.classList.toggle("on", star.value <= value());
  offer();
}

/** Gives what is rated: what counts, or is on its way. */
function rates(rating) {
  return rating && (!settled(rating) || isGood(rating)) ? rating : rating && rating.stands;
}

/** Whether the form says nothing else than a rating. */
const says = (rating) => Boolean(rating) && rating.value === value() && (rating.comment || "") === comment();

/** Says what the button does, and whether it is of use. */
function offer() {
  const counts = rates(box && box.mine());
  const same = says(counts);
  enable(part.send, value() > 0 && !same);
  write(part.send, counts ? t("rate.change") : t("rate.send"));
}

part.comment.addEventListener("input", offer);
part.rating.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!usable(part.send)) return;
  box.rate(value(), comment());
});

/** Puts a rating into the form. */
function fill(rating) {
  if (!rating || says(rating)) return;
  stars[rating.value - 1].input.checked = true;
  part.comment.value = rating.comment || "";
  chosen();
}

// --- the rating -------------------------------------------------------------------------------------------------------------

let drawn = null; // what the rating was when it was told last

/** Gives the state of a rating, of which the box does not know why it waits for the person's pass. */
const stateOf = (rating) => (rating.state === "sending" && ["busy", "retrying"].includes(gate.state) ? "retrying" : rating.state);

/** Says what became of a rating. */
function say(rating) {
  const again = rating.stands ? ` ${t("rate.stands", { n: rating.stands.value })}` : "";
  if (!settled(rating) && gate.login) return t("rate.login");
  switch (stateOf(rating)) {
    case "sending": return t("rate.sending");
    case "retrying":
      if (navigator.onLine === false) return t("rate.offline");
      return rating.seconds ? t("rate.retrying", { n: rating.seconds }) : t("rate.again");
    case "counted": return t("rate.counted", { n: rating.value });
    case "accepted": return t("rate.accepted");
    case "early": return t("rate.early") + again;
    case "late": return t("rate.late") + again;
    case "unknown": return t("rate.unsure");
    case "tied": return t("rate.tied");
    default: return t("rate.refused", { detail: rating.detail || "" }) + again;
  }
}

// The colours and signs of a state are those of a vote's.
const looks = { early: "over", tied: "superseded" };

/** Takes in what became of the rating, here or in another tab. The form shows that one, unless something else is begun in it. */
function rated(rating) {
  if (value() === 0 || says(drawn)) fill(rates(rating));
  drawn = rates(rating);
  offer();
  part.state.dataset.state = rating ? looks[rating.state] || stateOf(rating) : "";
  write(part.state, rating ? say(rating) : "");
}

// --- the talk ---------------------------------------------------------------------------------------------------------------

function told(data) {
  const before = talk;
  talk = data;
  write(part.title, talk.title);
  document.title = `${talk.title} – Plenary`;
  write(part.speaker, talk.speaker);
  show(part.speaker, talk.speaker !== "");
  write(part.when, time(talk));
  show(part["comment-part"], talk.settings.comments !== "off");
  if (!before || before.settings.voters !== talk.settings.voters) gate.told({ voters: talk.settings.voters });
  if (shown) draw(shown);
  ring();
  offer();
}

/** Shows whether the talk takes ratings now, and looks again when that changes. */
function ring() {
  clearTimeout(bell);
  const early = now() < opens(talk);
  const over = now() >= closes(talk);
  const was = part.shut.textContent;
  show(part.shut, early || over);
  write(part.shut, early ? t("rate.opens", { time: moment(new Date(opens(talk))) }) : over ? t("rate.closed") : "");
  const gone = (early || over) && part.rating.contains(document.activeElement);
  show(part.rating, !early && !over);
  if (gone) part.title.focus();
  if (was && !early && !over) announce(t("rate.open"));
  if (over && !was) announce(t("rate.closed"));
  const next = early ? opens(talk) : closes(talk);
  if (!over && Number.isFinite(next)) bell = setTimeout(ring, Math.min(Math.max(next - now(), 250), 3600000));
}

function draw(numbers) {
  if (shown && numbers.revision < shown.revision) return;
  shown = numbers;
  if (!talk) return;
  const { hidden, histogram: counts } = numbers;
  const seen = !hidden && counts !== null;
  show(part.results, hidden || numbers.count > 0);
  show(part.covered, !seen);
  write(part.covered, seen ? "" : t("rate.hidden", { n: talk.settings.min_ratings }));
  show(part.chart, seen);
  write(part.count, seen ? t("talk.ratings", { n: numbers.count }) : "");
  if (seen) chart.update(numbers);
}

// --- the start --------------------------------------------------------------------------------------------------------------

/** Shows how the page follows. */
function connection(state) {
  connected(state);
  if (state === "gone") gone();
}

function gone() {
  for (const name of ["waiting", "entry", "talk", "results", "forgets", "connection"]) show(part[name], false);
  show(part.unknown);
  part["unknown-title"].focus();
}

const anID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Finds the talk that the address names: by its code, or by its id. */
async function arrive() {
  const named = plain(here()[1]);
  const { data, clock } = await patiently(anID.test(named) ? atTalk(named) : `/talks?code=${encodeURIComponent(named)}`);
  late = clock - Date.now();
  return data.items ? data.items[0] : data;
}

function start(found) {
  const id = found.talk_id;
  gate = door(id, () => {
    entry.update(gate, { login: [t("rate.account"), t("rate.account_text")] });
    rated(box.mine());
  }, atTalk(id, "voters"));
  box = ratings(id, gate, rated);
  part.chart.append(chart.element);
  show(part.waiting, false);
  show(part.talk);
  told(found);
  chosen();
  rated(box.mine());
  box.resume();
  show(part.forgets, !lasts());
  const read = async () => {
    told(await get(atTalk(id), { tries: 1 }));
    draw(await get(ratingsOf(id), { tries: 1 }));
  };
  watch(atTalk(id, "events"), {
    event: (name, data) => (name === "talk" ? told(data) : name === "ratings" && draw(data)),
    look: read,
    state: connection,
  });
}

arrive().then((found) => (found ? start(found) : gone())).catch((problem) => {
  if (!(problem instanceof Problem)) throw problem;
  gone();
});
