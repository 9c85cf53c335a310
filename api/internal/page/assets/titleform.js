// The title, on the page for writing.

import { Decisions } from "./elsewhere.js";
import { find, show, write } from "./dom.js";

const field = find("#title");
const note = find("#title-wrong");
const asked = new Decisions();
let saved = ""; // as far as it was taken in; what is written here began with that
let theirs = ""; // what the API has, as far as this page knows

const oneLine = (text) => text.replace(/[\r\n]/gu, "").trim(); // all that the field can show

/** Gives the title as it is written, or as it is saved where the field can only not show it. */
export function text() {
  const written = field.value.trim();
  return written === oneLine(saved) ? saved : written;
}

/** Writes a title that is saved. */
export function fill(title) {
  saved = theirs = title;
  field.value = title;
}

/** Gives what is to be sent, or null. */
export const change = () => (text() === saved || asked.has("title") ? null : text());

/** Takes in that a title was saved. */
export function kept(sent) {
  saved = sent;
}

/** The question that is to be answered before it can be saved, or null. */
export const undecided = () => asked.first;

/** Takes in what it is elsewhere. decided is called after a question was answered. */
export function meet(now, decided) {
  theirs = now ?? theirs;
  const mine = text();
  if (theirs !== saved && theirs !== mine && mine !== saved) return ask(decided);
  asked.settle("title");
  if (mine === saved && theirs !== saved) {
    if (document.activeElement === field) return; // it is taken in when the hand leaves it
    field.value = theirs;
  }
  saved = theirs;
}

function ask(decided) {
  const there = theirs;
  const keep = () => {
    saved = there;
    decided();
  };
  const take = () => {
    field.value = there;
    keep();
  };
  asked.ask("title", there, (question) => note.after(question), { keep, take });
}

/** Says what is wrong with it, or nothing. */
export function wrong(text) {
  show(note, Boolean(text));
  write(note, text ?? "");
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
