// What this browser keeps. Where it may keep nothing (a private window, a full disk) it lasts as long as the page.
// What makes a voter one voter then lives in the page's entry of the history besides: a reload finds it there, and the
// way back to the page does.

import { root } from "./address.js";

const memory = new Map(inEntry());
const ofVoter = /^(seq|moment|lasts|drafts)$|^(voter|pass|votes|rating)\./;

/** Gives what the entry holds of a page that was here before. */
function inEntry() {
  const { plenary } = history.state || {};
  return Object.entries(plenary || {}).filter(([, text]) => typeof text === "string");
}

const pause = 500; // ms until a draft enters: a browser takes a hundred entries in half a minute
let due = 0; // the timer of a draft

/** Puts into the entry what only the page knows. A browser may forbid that, too. */
function enter() {
  clearTimeout(due);
  due = 0;
  const known = [...memory].filter(([name]) => ofVoter.test(name));
  try {
    history.replaceState({ ...history.state, plenary: Object.fromEntries(known) }, "");
  } catch {
    // lasts says so
  }
}

/** The name of a kept value to the browser, which keeps what pages of one host keep in one place: other services may live there. */
export const nameOf = (name) => `plenary${root}.${name}`;

/** Reads a kept value, or gives another. */
export function read(name, otherwise = null) {
  if (memory.has(name)) return JSON.parse(memory.get(name));
  try {
    const text = localStorage.getItem(nameOf(name));
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** Keeps a value. */
export function keep(name, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(nameOf(name), text);
    if (!memory.delete(name)) return;
  } catch {
    memory.set(name, text);
  }
  if (name === "drafts") due = due || setTimeout(enter, pause);
  else if (ofVoter.test(name)) enter();
}

addEventListener("pagehide", () => due && enter());

/** Whether this browser keeps anything for longer than a page. */
export function keeps() {
  keep("lasts", true);
  return !passing("lasts");
}

/** Whether a reload finds again what makes this browser one voter. */
export const lasts = () => keeps() || inEntry().some(([name]) => name === "lasts");

/** Whether a value is kept for as long as this page only. */
export const passing = (name) => memory.has(name);

/** Keeps a value no longer. */
export function drop(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(nameOf(name));
  } catch {
    // it was never kept
  }
}

/** Gives the names of kept values that begin so. */
export function keptNames(begin) {
  let names = [];
  try {
    names = Object.keys(localStorage).filter((name) => name.startsWith(nameOf(begin))).map((name) => name.slice(nameOf("").length));
  } catch {
    // nothing is kept but for this page
  }
  return [...names, ...[...memory.keys()].filter((name) => name.startsWith(begin))];
}

/**
 * Gives the presentations that were created or opened here: [{id, title, join_code, token, account}], the newest first. account is
 * the id of the account that has it, too, as far as this browser knows.
 */
export function presentations() {
  const all = read("presentations", []);
  return Array.isArray(all) ? all.filter((p) => p && p.id && p.token) : [];
}

/** Keeps a presentation, or what is new of one whose token is kept, as the newest. */
export function keepPresentation(presentation) {
  const known = presentations();
  const now = { ...known.find((p) => p.id === presentation.id), ...presentation };
  if (now.token) keep("presentations", [now, ...known.filter((p) => p.id !== presentation.id)]);
}

/** Keeps a presentation no longer. */
export function dropPresentation(id) {
  keep("presentations", presentations().filter((p) => p.id !== id));
}

/** Keeps the token of a presentation's remote. */
export const keepRemote = (id, token) => keep(`remote.${id}`, token);

/** Gives the token of a presentation's remote, or null. */
export const remoteOf = (id) => read(`remote.${id}`);

/** Gives a presentation's presenter token, or null. */
export function tokenOf(id) {
  const mine = presentations().find((p) => p.id === id);
  return mine ? mine.token : null;
}

/**
 * Gives this browser's id as a voter of a presentation. It is made once, and another one for each presentation: whoever sees the
 * list of votes of one must not recognise people in another.
 */
export function voter(presentation) {
  const name = `voter.${presentation}`;
  let id = read(name);
  if (typeof id !== "string" || !/^[0-9a-f-]{36}$/.test(id)) {
    id = uuid();
    keep(name, id);
  }
  return id;
}

/** Gives the next number of this voter's votes: of two votes, the one with the higher number stands. */
export function nextSeq() {
  const seq = read("seq", 0) + 1;
  keep("seq", seq);
  return seq;
}

/** Gives the moment of a vote in ms, later than that of the vote before. By it the votes of several devices have an order. */
export function nextMoment() {
  const at = Math.max(Date.now(), read("moment", 0) + 1);
  keep("moment", at);
  return at;
}

const mostDrafts = 5; // presentations, of which each has one question on the slide

/** Gives the answer that was begun for a poll and not sent, as it was kept, or null. */
export function draftOf(presentation, poll) {
  const mine = drafts().find((draft) => draft.presentation === presentation && draft.poll === poll);
  return mine ? mine.answer : null;
}

/** Keeps an answer that was begun, instead of one for another poll of the presentation. */
export function keepDraft(presentation, poll, answer) {
  const others = drafts().filter((draft) => draft.presentation !== presentation);
  keep("drafts", [{ presentation, poll, answer }, ...others].slice(0, mostDrafts));
}

/** Keeps no answer any more that was begun in a presentation, but for the poll that is named. */
export function dropDraft(presentation, poll = "") {
  const all = drafts();
  const left = all.filter((draft) => draft.presentation !== presentation || draft.poll === poll);
  if (left.length < all.length) keep("drafts", left);
}

function drafts() {
  const all = read("drafts", []);
  return Array.isArray(all) ? all.filter((draft) => draft && draft.answer) : [];
}

/** Makes a UUID. crypto.randomUUID is there with https only, and a room on a laptop has none. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
