// The feed: polls that the account has neither voted on nor skipped, one on the screen at a time. The next ones are read ahead, so
// that nobody waits for them.

import { patiently, Problem } from "./api.js";
import { connected } from "./connection.js";
import { make, notify, show, write } from "./dom.js";
import { box } from "./feedbox.js";
import { card, refused, spent } from "./feedcard.js";
import { loginPage, session, working } from "./session.js";
import { swipes } from "./swipe.js";
import { t } from "./text.js";

const ahead = 5; // so many polls wait at least, as long as there are any
const token = working();

const part = Object.fromEntries([
  "connection", "enter", "log-in", "feed", "quota", "search-form", "search", "tags-part", "tags", "filter", "filter-text", "clear",
  "waiting", "trouble", "deck", "empty", "empty-title", "undo", "look",
].map((id) => [id, document.getElementById(id)]));

const asked = new URLSearchParams(location.search);
let filter = { tag: asked.get("tag") || "", search: asked.get("search") || "" };
let queue = []; // polls to come
let cursor = ""; // of those after them
let more = true; // there are some
let known = new Set(); // ids of polls that were in the queue
const left = new Set(); // ids of those that were voted on or skipped here: the feed may not know it yet
let reading = null; // a page is being read
let turn = 0; // how often the feed was begun anew
let shown = null; // the card on the screen
let skipped = []; // polls that may be brought back
let quota = null;
let midnight = 0; // the timer of the moment at which the quota comes back

// --- what the account does ----------------------------------------------------------------------------------------------------

const mine = box((one, now) => {
  const here = shown && shown.poll.poll_id === one.poll;
  const { state, problem } = now;
  if (one.act === "vote") {
    if (here) shown.tell(one.option, now);
    else if (problem) notify(`${one.title}: ${refused(problem)}`, "error");
    if (state === "counted" || state === "accepted") took(one);
  } else if (problem && ![404, 409].includes(problem.status)) { // else there is nothing left to skip, or to bring back
    notify(`${one.title}: ${refused(problem)}`, "error");
  }
  if (problem && problem.code === "quota_spent") {
    setQuota({ limit: 0, ...quota, remaining: 0, resets_at: moments(Date.now() + problem.retryAfter * 1000) });
  }
});

function took({ poll }) {
  left.add(poll);
  if (quota && quota.remaining) setQuota({ ...quota, remaining: quota.remaining - 1 });
}

/** Shows how many votes are left of this day, if they are counted, and says so where there are none. */
function setQuota(now) {
  quota = now;
  const { limit, remaining } = quota;
  const back = Date.parse(quota.resets_at);
  write(part.quota, limit === null ? "" : remaining > 0 ? t("feed.quota", { n: remaining }) : spent(back));
  for (const name of ["notice", "notice-warn"]) part.quota.classList.toggle(name, remaining === 0);
  if (shown) pause();
  clearTimeout(midnight);
  if (limit === null || remaining === limit) return;
  midnight = setTimeout(() => setQuota({ limit, remaining: limit, resets_at: moments(back + 86400000) }), back - Date.now());
}

const moments = (at) => new Date(at).toISOString();
const pause = () => shown.pause(quota && quota.remaining === 0 ? spent(Date.parse(quota.resets_at)) : "");

/** Goes on to the next poll. One that the account has not voted on it has then skipped. */
function leave() {
  if (!shown) return;
  const { poll, done } = shown;
  if (!done && !mine.leaves(poll.poll_id)) {
    mine.put(poll, "skip");
    left.add(poll.poll_id);
    skipped.push(poll);
  }
  advance();
}

/** Brings back the poll that was skipped last. */
function undo() {
  const poll = skipped.pop();
  if (!poll) return;
  mine.put(poll, "undo");
  left.delete(poll.poll_id);
  if (shown && !shown.done && !mine.leaves(shown.poll.poll_id)) queue.unshift(shown.poll);
  put(poll);
}

// --- the polls ----------------------------------------------------------------------------------------------------------------

function query(values) {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) all.set(name, value);
  const text = all.toString();
  return text && `?${text}`;
}

/** Reads some more polls. Who asks meanwhile waits for the same. */
function readMore() {
  if (!reading) {
    const page = readPage(turn).finally(() => { if (reading === page) reading = null; });
    reading = page;
  }
  return reading;
}

async function readPage(now) {
  const { data } = await patiently(`/polls${query({ ...filter, cursor })}`, { token });
  if (now !== turn) return;
  cursor = data.next;
  more = Boolean(data.next);
  setQuota(data.quota);
  const fresh = data.items.filter(({ poll_id: id }) => !known.has(id) && !left.has(id) && !mine.leaves(id));
  for (const poll of fresh) known.add(poll.poll_id);
  queue.push(...fresh);
}

/** Shows the next poll, when it is there. */
async function advance() {
  const now = turn;
  put(null);
  const [waits] = queue.filter((poll) => !(poll.closes_at && Date.parse(poll.closes_at) <= Date.now()));
  queue = waits ? queue.slice(queue.indexOf(waits) + 1) : [];
  if (waits) put(waits);
  try {
    while (!shown && more && now === turn) {
      await readMore();
      if (now === turn && !shown && queue.length > 0) put(queue.shift());
    }
    if (now !== turn) return;
    if (!shown) nothing();
    else if (more && queue.length < ahead) await readMore();
  } catch (problem) {
    trouble(problem);
  }
}

/** Puts a poll on the screen instead of what is there; null: it is not there yet. */
function put(poll) {
  if (shown) {
    shown.close();
    shown.element.remove();
  }
  shown = null;
  show(part.empty, false);
  show(part.waiting, !poll);
  show(part.undo, skipped.length > 0);
  show(part.connection, Boolean(poll)); // it tells of the poll's numbers
  if (!poll) return;
  const button = make("button", { type: "button", id: "skip", "data-next": true, "aria-keyshortcuts": "S", click: leave });
  const label = () => write(button, shown && shown.done ? t("feed.next") : t("feed.skip"));
  shown = card(poll, {
    vote: (option) => mine.put(shown.poll, "vote", option), tag: (tag) => look({ ...filter, tag }),
    state: connected, changed: label, tools: [button],
  });
  label();
  part.deck.append(shown.element);
  pause();
  if (!part["search-form"].contains(document.activeElement)) shown.focus();
}

/** Says that there is nothing more, or nothing of what is looked for. */
function nothing() {
  show(part.waiting, false);
  show(part.empty);
  write(part["empty-title"], filter.tag || filter.search ? t("feed.none_found") : t("feed.all_seen"));
  part["empty-title"].focus();
}

function trouble(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status === 401) return; // the page leaves
  more = false;
  if (problem.status === 400 && !shown) return nothing(); // no poll can have such a tag, or such words
  write(part.trouble, refused(problem));
  show(part.trouble);
}

// --- what is looked for -------------------------------------------------------------------------------------------------------

/** Begins the feed anew, with what has this tag and these words. */
function look(now) {
  filter = now;
  turn++;
  reading = null;
  [queue, cursor, more, known] = [[], "", true, new Set()];
  history.replaceState(history.state, "", `${location.pathname}${query(filter)}`);
  part.search.value = filter.search;
  const words = [filter.tag && t("feed.of_tag", { tag: filter.tag }), filter.search && t("feed.of_search", { text: filter.search })];
  write(part["filter-text"], words.filter(Boolean).join(" · "));
  show(part.filter, words.some(Boolean));
  show(part.trouble, false);
  for (const button of part.tags.querySelectorAll("button")) press(button);
  advance();
}

/** Shows whether a tag is what is looked for. */
function press(button) {
  button.setAttribute("aria-pressed", String(button.textContent === filter.tag));
}

/** Offers the tags that many polls have. They are of use, and nothing depends on them. */
async function offerTags() {
  const { data } = await patiently("/tags");
  const offer = ({ tag }) => {
    const turn = () => look({ ...filter, tag: tag === filter.tag ? "" : tag });
    const button = make("button", { type: "button", class: "small", click: turn }, make("bdi", {}, tag));
    press(button);
    return make("li", {}, button);
  };
  part.tags.append(...data.items.map(offer));
  show(part["tags-part"], data.items.length > 0);
}

part["search-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  part.search.blur(); // a phone's keyboard would cover the poll
  look({ ...filter, search: part.search.value.trim() });
});
part.clear.addEventListener("click", () => look({ tag: "", search: "" }));
part.look.addEventListener("click", () => look(filter));
part.undo.addEventListener("click", undo);
swipes(part.deck, leave);

/** Keys work where a poll has the focus: 1 to 9 vote, s skips, u brings back. They are told by their place where letters are others. */
part.feed.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.closest("input, summary")) return;
  const key = /^[a-z0-9]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace(/^(Key|Digit|Numpad)/, "").toLowerCase();
  if (key === "s") leave();
  else if (key === "u") undo();
  else if (/^[1-9]$/.test(key) && shown) shown.choose(Number(key) - 1);
});

show(part.waiting, false);
show(part.connection, false);
show(part.feed, Boolean(token));
show(part.enter, !token);
part["log-in"].href = loginPage();
if (token) {
  mine.resume();
  look(filter);
  offerTags();
}
