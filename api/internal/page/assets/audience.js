// The audience's page: the question and its options, large; one tap votes; what became of the vote; the results, when the
// presenter shows them. The next question comes by itself.

import { here, leaveFrames, plain, root } from "./address.js";
import { at, get, Problem, rest } from "./api.js";
import { ballot } from "./ballot.js";
import { chart, voters } from "./chart.js";
import { connected } from "./connection.js";
import { announce, make, show, write } from "./dom.js";
import { follow } from "./follow.js";
import { door, entry } from "./pass.js";
import { completed, filled, reader } from "./rest.js";
import { draftOf, dropDraft, keepDraft, lasts } from "./store.js";
import { t } from "./text.js";
import { isEmpty, isGood, settled, votes } from "./votes.js";

const part = Object.fromEntries([
  "connection", "title", "waiting", "waiting-title", "waiting-text", "poll", "question", "hint", "ballot", "vote", "results",
  "results-title", "voters", "chart", "more", "before", "so-far", "unknown", "unknown-title", "unknown-text", "code", "entry", "entry-title",
  "take-back", "forgets", "rate", "rate-link",
].map((id) => [id, document.getElementById(id)]));

let id; // the presentation
let gate; // what its votes go through
let box; // of this browser's votes
let slide = { version: -1, poll: null, open: false, since: 0 }; // since: the version in which we saw the poll come
let form = null; // the displayed poll's ballot
let bars = null; // its chart
let results = null; // its newest results
const early = new Map(); // by poll: results that came before it, which takes longer if it is large
let followed = false; // the stream has told us every step since the slide that we show
let unsettled = ""; // the poll that left before its vote came to a good end

// --- the slide --------------------------------------------------------------------------------------------------------------

function displayed({ version, poll, voting }) {
  if (version < slide.version) return;
  const open = (voting || (poll && poll.voting) || "open") === "open";
  const same = slide.poll && poll && slide.poll.poll_id === poll.poll_id && sameBallot(slide.poll, poll);
  const before = slide.poll;
  const closes = same && slide.open && !open;
  const reopens = same && !slide.open && open;
  if (slide.poll && !(poll && slide.poll.poll_id === poll.poll_id)) leave(slide.poll);
  const first = slide.version < 0;
  // A poll can be reset while it is closed. Who did not follow how it was opened again has not heard that, and promises nothing.
  const missed = version > slide.version + 1 || (reopens && !followed);
  slide = { version, poll, open, since: same && !missed ? slide.since : version };
  write(part["waiting-title"], t("audience.waiting"));
  show(part["waiting-text"]);
  part.waiting.setAttribute("aria-busy", "false");
  const focused = [part.poll, part.waiting].some((section) => section.contains(document.activeElement)); // it goes on in what comes
  show(part.waiting, !poll && !asked());
  show(part.poll, Boolean(poll));
  show(part["so-far"], version > 1); // voting for one question has ended: there is something to see
  if (!poll) {
    results = null;
    show(part.results, false);
    showBefore();
    if (focused) (asked() ? part["entry-title"] : part["waiting-title"]).focus();
    if (!first) announce(t("audience.waiting"));
    return;
  }
  if (same) {
    mend(before, poll);
    if (closes) announce(t("audience.closed"));
    if (reopens) announce(t("audience.reopened"));
    return voteChanged(poll.poll_id);
  }
  build(poll, first, focused);
}

/** Offers to rate a talk, if there is one: the last poll is over. */
function toRate(talk) {
  if (talk) part["rate-link"].href = `${root}/t/${talk}`;
  const comes = Boolean(talk) && part.rate.hidden;
  const lost = !talk && part.rate.contains(document.activeElement);
  show(part.rate, Boolean(talk));
  if (comes) announce(t("audience.rate"));
  if (lost) (slide.poll ? part.question : part["waiting-title"]).focus();
}

/** Reads whether there is a talk to rate, on a page that follows by looking and sees an empty slide. */
async function readTalk(version) {
  try {
    const { talk_id: talk, over } = await get(at(id));
    if (slide.version === version && !slide.poll) toRate(over && talk);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem; // the next slide tells
  }
}

/** Gives what the answers to a poll are. Its texts may be mended while people answer. */
const answers = ({ kind, options, max_choices }) => JSON.stringify([kind, max_choices, options.map(({ key }) => key)]);
const sameBallot = (a, b) => answers(a) === answers(b);
const sameTexts = (a, b) => JSON.stringify(a.options) === JSON.stringify(b.options);

/** Shows a poll's texts as the presenter has mended them. Votes stay, and so does what was begun. */
function mend(before, poll) {
  if (before.question !== poll.question) {
    write(part.question, poll.question);
    announce(t("audience.mended", { question: poll.question }));
  }
  if (sameTexts(before, poll)) return;
  form.reword(poll);
  redraw(poll);
  if (results && !results.hidden) bars.update(results);
}

/** Puts an element in another's place for one. */
function fill(place, element) {
  place.textContent = "";
  place.append(element);
}

/** Builds a poll's ballot and chart. */
function build(poll, first, focused) {
  write(part.question, poll.question);
  dropDraft(id, poll.poll_id); // what was begun for a poll that has left the slide since
  results = null;
  show(part.results, false);
  if (unsettled === poll.poll_id) unsettled = "";
  showBefore();
  draw(poll);
  const came = early.get(poll.poll_id);
  early.clear(); // what is older may tell of a reset, after which people have voted again
  if (came) tallied(came);
  if (focused) part.question.focus();
  if (!first) announce(t("audience.next", { question: poll.question }));
  if (!first) scrollTo(0, 0);
}

/** Draws a poll's ballot, with what was answered or begun, and its chart. */
function draw(poll) {
  form = ballot(poll, cast, (begun) => (begun ? keepDraft(id, poll.poll_id, begun) : dropDraft(id)));
  write(part.hint, form.hint);
  fill(part.ballot, form.element);
  redraw(poll);
  voteChanged(poll.poll_id);
  const begun = draftOf(id, poll.poll_id);
  if (begun) form.resume(begun);
}

/** Begins a poll's chart anew. */
function redraw(poll) {
  bars = chart(poll);
  fill(part.chart, bars.element);
}

/** Casts a vote with an answer to the displayed poll. */
function cast(answer) {
  if (settled(unsettled && box.of(unsettled))) unsettled = ""; // it has been read
  showBefore();
  dropDraft(id);
  box.cast(slide.poll, slide.version, answer, slide.since);
}

part["take-back"].addEventListener("click", () => cast(form.nothing));

/** What is left of a poll whose vote has no good end yet, or had a bad one: on a phone that wakes both come at the same moment. */
function leave(poll) {
  const vote = box.of(poll.poll_id);
  if (!settled(vote) || (vote && !isGood(vote) && vote.version >= slide.since)) unsettled = poll.poll_id;
  showBefore();
}

const counts = (vote) => isGood(vote) || vote.state === "late";
const cameLate = (vote) => ["over", "unknown", "superseded"].includes(vote.state);

function showBefore() {
  const vote = unsettled && box.of(unsettled);
  show(part.before, Boolean(vote) && !isGood(vote));
  if (!vote) return;
  const [head, tail] = t("audience.before", { question: "\n", state: say(vote) }).split("\n");
  if (part.before.textContent === head + vote.question + tail) return;
  part.before.textContent = "";
  part.before.append(head, make("bdi", {}, vote.question), tail);
}

// --- the vote ---------------------------------------------------------------------------------------------------------------

/** Gives the state of a vote, of which the box does not know why it waits for the voter's pass. */
const stateOf = (vote) => (vote.state === "sending" && ["busy", "retrying"].includes(gate.state) ? "retrying" : vote.state);

/** Says what became of a vote. */
function say(vote) {
  if (isEmpty(vote.answer)) return sayOfNone(vote);
  if (!settled(vote) && gate.asks) return t("vote.passcode");
  if (!settled(vote) && gate.login) return t("vote.login");
  switch (stateOf(vote)) {
    case "sending": return t("vote.sending");
    case "retrying":
      if (navigator.onLine === false) return t("vote.offline");
      return vote.seconds ? t("vote.retrying", { n: vote.seconds }) : t("vote.again");
    case "counted": return t("vote.counted");
    case "accepted": return t("vote.accepted");
    case "over": return t("vote.over");
    case "late": return vote.code === "voters" ? t("vote.tied") : t("vote.late");
    case "unknown": return vote.code === "voters" ? t("vote.unsure") : t("vote.unknown");
    case "superseded": return t("vote.superseded");
    default: return vote.stands ? `${refused(vote)} ${t("vote.stands")}` : refused(vote);
  }
}

/** Says what became of taking an answer back. */
function sayOfNone(vote) {
  if (isGood(vote)) return t("vote.taken");
  if (!settled(vote)) return stateOf(vote) === "sending" ? t("vote.taking") : t("vote.taking_again");
  switch (vote.state) {
    case "superseded": return t("vote.superseded");
    case "refused": return refused(vote);
    case "over": return t("vote.over");
    default: return t("vote.taking_unknown");
  }
}

/** Whether there is an answer that counts, or may count, and can be taken back. */
function canTakeBack(vote) {
  if (!vote || !slide.open || isEmpty(vote.answer)) return false;
  if (vote.code === "voters") return false; // it is another's
  return vote.state !== "over" && (vote.state !== "refused" || Boolean(vote.stands));
}

function refused(vote) {
  if (vote.code === "room_full") return t("vote.refused_full");
  if (/pass/.test(vote.code)) return t("vote.refused_pass");
  if (vote.answer.text !== undefined || vote.answer.texts) return t("vote.refused_text");
  if (vote.code === "invalid" || vote.code === "rejected") return t("vote.refused_choice");
  return t("vote.refused", { detail: vote.detail || "" });
}

function voteChanged(pollID) {
  if (pollID === unsettled) showBefore();
  const poll = slide.poll;
  if (!poll || pollID !== poll.poll_id) return;
  const vote = box.of(pollID);
  // A poll that is displayed again asks again, and one that is open again asks whoever came too late. An answer from before stands,
  // unless the presenter has reset the poll; one that came too late is forgotten, and one that was taken back is none.
  const again = slide.open && Boolean(vote) && vote.version < (isGood(vote) ? slide.since : slide.version);
  const none = Boolean(vote) && isGood(vote) && isEmpty(vote.answer);
  const earlier = again && !none && counts(vote);
  const forgotten = again && cameLate(vote);
  const now = forgotten || (again && none) ? null : vote;
  form.update(now, slide.open, earlier);
  let state = now ? stateOf(now) : "";
  if (earlier) state = "earlier";
  else if (now && none) state = "taken";
  const closed = slide.open ? "" : t("audience.closed");
  part.vote.dataset.state = state || (slide.open ? "" : "closed");
  let said = vote && !(again && none) ? say(vote) : "";
  if (earlier) said = t("vote.earlier");
  if (forgotten) said = t("audience.reopened");
  const change = slide.open && !earlier && vote && isGood(vote) && !none ? t("vote.change") : "";
  write(part.vote, [said, closed || change].filter(Boolean).join(" "));
  const goes = !canTakeBack(now);
  if (goes && document.activeElement === part["take-back"]) part.question.focus();
  show(part["take-back"], !goes);
}

// --- the voter's pass -------------------------------------------------------------------------------------------------------

/** Whether the page asks for something before anybody may vote. */
const asked = () => !part.entry.hidden;

/** Shows what there is to say of the door. */
function atTheDoor() {
  const left = asked() && part.entry.contains(document.activeElement);
  entry.update(gate);
  if (slide.version >= 0) show(part.waiting, !slide.poll && !asked());
  if (left && !asked()) {
    (slide.poll ? part.question : part["waiting-title"]).focus();
    announce(t("audience.waiting"));
  }
  if (slide.poll) voteChanged(slide.poll.poll_id);
}

// --- the results ------------------------------------------------------------------------------------------------------------

function tallied(now) {
  if (now.status === "pending") box.forget(now.poll_id); // the presenter has reset it
  if (["pending", "final"].includes(now.status) && draftOf(id, now.poll_id)) dropDraft(id);
  if (!slide.poll || now.poll_id !== slide.poll.poll_id) {
    early.set(now.poll_id, now);
    return;
  }
  const { version = 0, revision = 0 } = results || {};
  const older = now.version < version || (now.version === version && now.revision < revision);
  if (older && now.status !== "pending") return;
  results = filled(now, results);
  show(part.results, !now.hidden || now.total > 0);
  show(part.chart, !now.hidden);
  if (!results.more && document.activeElement === part.more) part["results-title"].focus(); // it goes
  show(part.more, Boolean(results.more));
  const status = { closing: t("status.closing"), final: t("status.final") }[now.status];
  write(part.voters, [voters(now), status].filter(Boolean).join(" · "));
  if (!now.hidden) bars.update(results);
}

// A phone is told of as many answers as an event has room for. Who wants to see all reads them.
let readAllResults = null;
part.more.addEventListener("click", () => {
  if (slide.poll) readAllResults(slide.poll.poll_id);
});

// --- the connection ---------------------------------------------------------------------------------------------------------

/** Shows how the page follows: by a stream ("open"), by looking now and then ("slow"), or not at all. */
function connection(state) {
  const was = part.connection.dataset.state;
  connected(state);
  if (state === "gone") return gone(t("audience.gone"), t("audience.gone_text"));
  if (state === "offline" || (was === "offline" && state !== "connecting")) announce(part.connection.textContent);
  if (state !== "open") followed = false;
  if (slide.poll) voteChanged(slide.poll.poll_id);
}

/** Takes in what is displayed. */
function told(event, streamed) {
  followed = followed && streamed;
  const before = slide.version;
  displayed(event);
  followed = streamed;
  if (event.version < slide.version) return;
  if (event.poll || streamed) toRate(event.talk_id);
  else if (event.version > before) readTalk(event.version);
}

function gone(title, text) {
  for (const name of ["waiting", "entry", "poll", "results", "before", "so-far", "rate"]) show(part[name], false);
  show(part.connection, false);
  show(part.unknown);
  write(part["unknown-title"], title);
  write(part["unknown-text"], text);
  part["unknown-title"].focus();
}

// --- the start --------------------------------------------------------------------------------------------------------------

/** Finds the presentation that the address names: by its id, or by the code that people type. */
async function arrive() {
  const [kind, code] = here();
  const name = plain(code);
  if (kind === "p") return { id: name };
  for (;;) {
    try {
      const { presentation_id, ...told } = await get(`/join/${encodeURIComponent(name)}`);
      return { id: presentation_id, told };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.passes) {
        await rest(Math.min(problem.retryAfter, 60) * (1 + Math.random()));
        continue;
      }
      part.code.value = name;
      gone(t("audience.unknown_code"), t("audience.unknown_text"));
      return null;
    }
  }
}

function entitle(title) {
  if (!title) return;
  write(part.title, title);
  show(part.title);
  document.title = `${title} – Plenary`;
}

/** Takes in what the presentation is called and who may vote. */
function learn(told) {
  entitle(told.title);
  gate.told(told);
}

/** Reads that, however long it takes. The stream says if there is no such presentation. */
async function read() {
  for (;;) {
    try {
      return learn(await get(at(id)));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.passes) return;
      await rest(10 + 10 * Math.random());
    }
  }
}

/** Starts the page for the presentation that was found. */
function start(found) {
  id = found.id;
  gate = door(id, atTheDoor);
  box = votes(id, gate, voteChanged);
  part["so-far"].firstElementChild.href = `${root}/results/${id}`;
  readAllResults = reader(id, undefined, (read) => tallied(completed(results, read)));
  follow(id, { displayed: told, results: tallied, state: connection });
  unsettled = box.resume();
  show(part.forgets, !lasts());
  if (found.told) learn(found.told);
  else read();
}

leaveFrames();
arrive().then((found) => found && start(found));
