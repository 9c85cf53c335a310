// The board of a conference's programme: its talks by their start, and how their ratings stand. Whoever added a talk here edits it,
// reads what people wrote, and deletes it. So does the account whose talk it is.

import { root } from "./address.js";
import { call, get, isOfSession, Problem } from "./api.js";
import { comments } from "./commentlist.js";
import { askForKey, createKey } from "./createkey.js";
import { ask, drawToken } from "./dialogs.js";
import { announce, find, make, notify, show, write } from "./dom.js";
import { dropTalk, keepTalks, talkToken } from "./mytalks.js";
import { presentation } from "./ofpresentation.js";
import { programme } from "./programmelist.js";
import { account, ended, session } from "./session.js";
import { keep, keeps, nameOf, read } from "./store.js";
import { talkForm } from "./talkform.js";
import { refused } from "./talkrefusal.js";
import { atTalk, heading, histogram, ratingsOf } from "./talks.js";
import { number, t } from "./text.js";
import { watch } from "./watch.js";

const list = find("#talks");
const cards = new Map(); // by the talk's id
const numbers = new Map(); // likewise: the newest ratings
let reading = null; // the programme is being read
let again = false; // and is to be read once more

/** Whether this browser is a talk's owner: by its token, or by the session of the account whose it is. */
const owns = ({ talk_id: id, role }) => role === "owner" || talkToken(id) !== null;

/** Gives what it is that by, or null. Of an open server everybody is every talk's. */
const ownerToken = (id) => talkToken(id) ?? (cards.get(id)?.talk.role === "owner" ? session() : null);

// --- the cards ----------------------------------------------------------------------------------------------------------------

function card(id) {
  const head = make("div", { class: "grow" });
  const mean = make("strong", { class: "mean" });
  const count = make("span", { class: "soft small" });
  const covered = make("p", { class: "soft small", hidden: true });
  const tools = make("div", { class: "row tight" });
  const drawn = histogram();
  const chart = make("details", { class: "small" }, make("summary", {}, t("programme.histogram")), drawn.element);
  const element = make("li", { class: "card talk", "data-talk": id },
    make("div", { class: "row talk-head" }, head, make("p", { class: "talk-mean" }, mean, " ", count)), covered, chart, tools);
  let talk = null;
  let told = ""; // what is drawn of it
  return {
    element,
    get talk() { return talk; },
    tell(now) {
      talk = now;
      const news = JSON.stringify([talk, owns(talk)]);
      if (told === news) return;
      told = news;
      head.replaceChildren(...heading(talk).filter(Boolean));
      const within = tools.contains(document.activeElement) && document.activeElement.dataset.do;
      tools.replaceChildren(...buttons(talk));
      if (within) find(`[data-do="${within}"]`, tools)?.focus();
      if (numbers.has(id)) rated(numbers.get(id));
    },
    draw(ratings) {
      const seen = ratings.histogram !== null && (!ratings.hidden || owns(talk));
      show(covered, !seen);
      write(covered, seen ? "" : t("rate.hidden", { n: talk.settings.min_ratings }));
      show(chart, seen);
      write(mean, seen && ratings.average !== null ? number(ratings.average, 1) : "–");
      write(count, seen ? t("talk.ratings", { n: ratings.count }) : "");
      if (seen) drawn.update(ratings);
    },
  };
}

/** Makes the ways to a talk's pages and, for its owner, what may be done with it. */
function buttons(talk) {
  const of = () => make("span", { class: "unseen" }, `: ${talk.title}`);
  const link = (to, text) => make("a", { class: "button small", href: `${root}/${to}`, "data-do": to }, text, of());
  const button = (name, text, act, kind = "small") =>
    make("button", { type: "button", class: kind, "data-do": name, click: () => attempt(() => act(talk)) }, text, of());
  const all = [
    link(`t/${talk.code}`, t("programme.rate")), link(`wall/${talk.talk_id}`, t("wall.page")),
    link(`programme/print?talk=${talk.talk_id}`, t("programme.qr")),
  ];
  if (owns(talk)) {
    all.push(button("edit", t("landing.edit"), edit), button("comments", t("programme.comments"), readComments),
      button("present", t("programme.present"), presentation), button("delete", t("edit.delete_it"), remove, "small danger"));
  }
  return all;
}

/** Does something that the server may refuse, and says so. */
async function attempt(act) {
  try {
    await act();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (isOfSession(problem)) return; // it is said where the session is given up
    if (problem.code === "invalid") notify(t("control.refused", { detail: `${problem.field}: ${problem.detail}` }), "error");
    else notify(refused(problem), "error");
  }
}

// --- the programme ------------------------------------------------------------------------------------------------------------

/** Reads the programme and shows it. Who asks meanwhile has it read once more. */
function load() {
  again = Boolean(reading);
  reading ??= programme(session()).then(arrange).finally(() => {
    reading = null;
    if (again) attempt(load);
  });
  return reading;
}

function arrange(talks) {
  const focused = document.activeElement;
  const within = focused?.closest?.("[data-talk]")?.dataset.talk;
  const known = new Set(talks.map((talk) => talk.talk_id));
  for (const id of [...cards.keys()]) {
    if (known.has(id)) continue;
    cards.get(id).element.remove();
    cards.delete(id);
    numbers.delete(id);
  }
  let before = null;
  for (const talk of talks) {
    const id = talk.talk_id;
    if (!cards.has(id)) cards.set(id, card(id));
    const { element } = cards.get(id);
    cards.get(id).tell(talk);
    const place = before ? before.nextSibling : list.firstChild;
    if (place !== element) list.insertBefore(element, place); // an element that is moved loses its focus
    before = element;
  }
  write(find("#summary"), talks.length > 0 ? t("programme.talks", { n: talks.length }) : t("programme.none"));
  if (within && !known.has(within)) find("#programme").focus();
  else if (within && focused.isConnected) focused.focus({ preventScroll: true });
}

/** Takes in the ratings of a talk. Numbers that are hidden from others its owner reads. */
async function rated(ratings) {
  const id = ratings.talk_id;
  const token = ownerToken(id);
  if (ratings.hidden && ratings.histogram === null && token) {
    try {
      ratings = await get(ratingsOf(id), { token });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }
  if (numbers.get(id)?.revision > ratings.revision) return;
  numbers.set(id, ratings);
  cards.get(id)?.draw(ratings);
}

/** Reads what the stream would tell: the programme, and the ratings of the talks that are on the screen. */
async function look() {
  await load();
  for (const [id, { element }] of cards) {
    const { top, bottom } = element.getBoundingClientRect();
    if (bottom <= 0 || top >= innerHeight) continue;
    try {
      rated(await get(ratingsOf(id), { token: ownerToken(id) }));
    } catch (problem) {
      if (problem.status !== 404) throw problem; // else it was deleted meanwhile
    }
  }
}

function connection(state) {
  const text = { open: t("audience.live"), offline: t("audience.offline"), slow: t("audience.slow") }[state] ?? t("audience.connecting");
  find("#connection").dataset.state = state;
  write(find("#connection"), text);
}

// --- what may be done ---------------------------------------------------------------------------------------------------------

/**
 * Adds something, as its owner if there is one, with the key of the server, if it has one, and asks for that. null: nobody knew it.
 */
async function withKey(path, owner, options) {
  for (;;) {
    const key = createKey();
    const headers = owner && key ? { "X-Create-Key": key } : {};
    try {
      return (await call("POST", path, { token: owner ?? key, headers, ...options })).data;
    } catch (problem) {
      const wrong = problem.code === "create_key_wrong";
      if (!wrong && problem.code !== "create_key_missing") throw problem;
      if (!await askForKey(wrong)) return null;
    }
  }
}

async function add() {
  await talkForm(null, async (body) => {
    const owner = session();
    const made = await withKey("/talks", owner, { body });
    if (!made) return false;
    keepTalks({ id: made.talk_id, title: body.title, code: made.code, token: made.token, account: owner && account() });
    announce(t("programme.added"));
    await load();
    return true;
  });
}

async function edit({ talk_id: id }) {
  const token = ownerToken(id);
  const { data, etag } = await call("GET", atTalk(id), { token });
  await talkForm(data, async (body) => {
    if (Object.keys(body).length > 0) {
      await call("PATCH", atTalk(id), { token, body, headers: { "If-Match": etag } });
      if (body.title) keepTalks({ id, title: body.title });
      await load();
    }
    return true;
  });
  find(`[data-talk="${id}"] [data-do="edit"]`)?.focus(); // it was made anew
}

const readComments = ({ talk_id: id, title }) => comments(id, title, ownerToken(id));

async function remove({ talk_id: id, title }) {
  if (!await ask(t("programme.delete_ask"), title, t("edit.delete_it"))) return;
  try {
    await call("DELETE", atTalk(id), { token: ownerToken(id) });
  } catch (problem) {
    if (problem.code !== "not_found") throw problem;
  }
  dropTalk(id);
  await load();
  find("#programme").focus();
}

/** Gives a token that owns what this browser imports: with it the same file again makes no talk twice. */
function importer() {
  const token = drawToken();
  keep("importer", token);
  return token;
}

/** Adds the talks of a file that a conference's own system has written. Its times may have no zone: then it is that of this browser. */
async function take(file) {
  let body;
  try {
    body = JSON.parse(await file.text());
  } catch {
    return notify(t("edit.no_json"), "error");
  }
  const kept = read("importer");
  const mine = typeof kept === "string" ? kept : session() ? null : importer(); // what was imported before goes on as it began
  const query = new URLSearchParams({ time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const made = await withKey(`/talks/import?${query}`, mine ?? session(), { body, timeout: 60 });
  if (!made) return;
  keepTalks(...made.items.map(({ talk_id: id, title, code, token }) => (
    { id, title, code, token: token ?? talkToken(id) ?? mine, ...!mine && { account: account() } })));
  notify(t("programme.imported", { n: made.items.length }));
  await load();
}

find("#add").addEventListener("click", () => attempt(add));
find("#import").addEventListener("click", () => find("#file").click());
find("#file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (file) await attempt(() => take(file));
  target.value = ""; // the same file again is news
});

addEventListener("sessionover", ({ detail }) => { // the board goes on as anybody's, and says why, whatever asked
  if (session() === detail) notify(t("control.session_over"), "error");
  ended(detail);
  attempt(load);
});
const ours = ["talks", "session"].map(nameOf);
addEventListener("storage", ({ key }) => ours.includes(key) && attempt(load)); // another tab has added one, or has logged in

show(find("#forgets"), !keeps());
watch("/talks/events", {
  event: (name, data) => (name === "programme" ? attempt(load) : name === "ratings" && rated(data)), look, state: connection,
});
