// How this browser's votes say whose they are. Where anyone may vote that is an id of the browser's own. Where voters have passes the
// server gives one: the page gets, keeps and renews it by itself, and nobody sees it, unless it takes a passcode. Where voters log in
// the pass is that of the account (session.js).

import { at, call, Problem, rest } from "./api.js";
import { announce, enable, find, make, show, write } from "./dom.js";
import { account, ended, loginPage, session } from "./session.js";
import { keep, nameOf, read, uuid, voter } from "./store.js";
import { t } from "./text.js";

const day = 86400000; // ms
const longest = 15; // seconds between two tries
const aUUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const aPass = /^[\w-]{48}$/;

/**
 * Gives the door to a presentation, or to a talk, whose voters get their passes at path. changed is called whenever there is
 * something else to say of it:
 *
 *   asks     it takes a passcode, which somebody has to type
 *   full     no pass is left
 *   login    voters log in, and nobody is logged in here
 *   state    "" there is nothing else to say, "wrong" the passcode is not the right one, "checking" the server is being asked,
 *            "busy" (429) or "retrying" it gives no pass now and is asked again in `seconds`
 */
export function door(presentation, changed, path = at(presentation, "voters")) {
  const name = `pass.${presentation}`;
  let needs = null; // "anyone", "pass" or "account", as the server said last; null: it has said nothing yet
  let locked = false; // it said that a pass takes a passcode
  let passcode = ""; // what was typed, until it is refused
  let asking = null; // the promise of a pass
  let renewing = false;
  let wake = () => {}; // ends a rest, or the wait for a passcode or a log-in
  let know;
  const known = new Promise((resolve) => { know = resolve; });
  const self = { asks: false, full: false, login: false, state: "", seconds: 0, told, identity, refused, type, again };

  function say(state, { asks = self.asks, full = self.full, login = self.login, seconds = 0 } = {}) {
    const now = { state, asks, full, login, seconds };
    if (Object.keys(now).every((name) => now[name] === self[name])) return;
    Object.assign(self, now);
    changed();
  }

  /**
   * What is kept: {key} and, once there is a pass, {key, pass, got, expires, of}, where of is the account that it is of, if there is
   * one. With its key, a lost pass is found again. Or null.
   */
  function kept() {
    const mine = read(name);
    if (!mine || !aUUID.test(mine.key)) return null;
    if (mine.pass === undefined) return mine;
    const whose = mine.of ? mine.of === account() : needs !== "account";
    return whose && aPass.test(mine.pass) ? mine : { key: mine.key };
  }

  const hasPass = () => Boolean((kept() || {}).pass);

  /** The same, with a new key where there is none. It is kept before it is used. */
  function begun() {
    if (!kept()) keep(name, { key: uuid() });
    return kept();
  }

  function got(key, data) {
    if (!data || !aPass.test(data.pass)) throw new Problem({ status: 502, code: "unreadable" });
    const of = needs === "account" ? { of: account() } : {};
    keep(name, { key, pass: data.pass, got: Date.now(), expires: Date.parse(data.expires_at), ...of });
  }

  /** Takes in what the server says of a presentation: who may vote, and whether that takes a passcode. */
  function told({ voters = "anyone", passcode_required = false }) {
    needs = voters;
    locked = passcode_required;
    know();
    if (needs === "anyone") return;
    if (hasPass()) renew(kept());
    else again();
  }

  function again() {
    if (self.login && self.state === "") wake();
    enter().catch(report);
  }

  /** Gets a pass, if there is none, and says meanwhile what there is to say. Throws a Problem that trying again does not solve. */
  function enter() {
    if (!asking) asking = ask().finally(() => { asking = null; });
    return asking;
  }

  async function ask() {
    let anyway = false; // somebody wants to know whether it takes an account still
    for (let attempt = 1; ; attempt++) {
      const { key, pass, passcode: typed = "" } = begun();
      if (pass || needs === "anyone") return say("", { asks: false, full: false, login: false });
      passcode = passcode || typed;
      const token = needs === "account" ? session() : null;
      if (needs === "account" && !token && !anyway) {
        await waiting("", { login: true });
        anyway = true;
        attempt = 0;
        continue;
      }
      anyway = false;
      if (locked && !passcode && needs !== "account") {
        await waiting("", { asks: true });
        attempt = 0;
        continue;
      }
      if (self.asks || self.full || self.login) say("checking");
      try {
        const { data } = await call("POST", path, { token, body: { passcode }, headers: { "Idempotency-Key": key }, timeout: 8 });
        got(key, data);
        passcode = "";
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.code === "no_passes") {
          needs = "anyone";
        } else if (problem.code === "wrong_passcode") {
          const wrong = passcode ? "wrong" : "";
          locked = true;
          passcode = "";
          if (typed) keep(name, { key });
          await waiting(wrong, { asks: true });
          attempt = 0;
        } else if (problem.code === "login_required") {
          needs = "account";
        } else if (token && problem.status === 401) {
          ended(token);
        } else if (problem.passes) {
          const least = Math.max(problem.retryAfter, Math.min(2 ** (attempt - 1), longest));
          const seconds = Math.ceil(least * (1 + Math.random())); // a room that is refused as one does not come back as one
          say(problem.status === 429 ? "busy" : "retrying", { seconds });
          await rest(seconds, (end) => { wake = end; });
        } else {
          say("", { asks: false, full: problem.code === "room_full", login: false });
          throw problem;
        }
      }
    }
  }

  /** Waits until somebody has typed the passcode (asks) or logged in, or needs to no more. */
  function waiting(state, { asks = false, login = false }) {
    return new Promise((resolve) => {
      wake = resolve;
      say(state, { asks, full: false, login });
    });
  }

  /** Takes in the passcode that somebody has typed. It is kept, so that a reload does not lose it, until there is an answer. */
  function type(text) {
    passcode = text;
    keep(name, { ...begun(), passcode });
    wake();
  }

  /**
   * Has the pass renewed when more than half of its life is over. By a clock that is wrong that is once a day at most. One of an
   * account is asked for again instead, when it is over.
   */
  function renew({ key, pass, got: since, expires, of }) {
    if (of || renewing || Date.now() < since + Math.max(expires - since, day) / 2) return;
    renewing = true;
    call("POST", path, { body: { pass }, timeout: 8 }).then(({ data }) => got(key, data)).catch((problem) => {
      if (problem.status === 401) forget(pass);
      else report(problem);
    }).finally(() => { renewing = false; });
  }

  function forget(pass) {
    const mine = kept();
    if (mine && mine.pass === pass) keep(name, { key: mine.key }); // another tab may have a new one
  }

  /**
   * Gives whose a vote is, as soon as that is known: {as: "client", client_id} or {as: "pass" or "account", pass}. With isClient it is the browser's
   * own id, whatever is known of passes. One who has a pass shows it also where anyone may vote, as long as it is taken: with two ids
   * a voter would be two. Throws as enter does.
   */
  async function identity(isClient) {
    for (;;) {
      const mine = kept();
      if (mine && mine.pass && !isClient) {
        renew(mine);
        return { as: mine.of ? "account" : "pass", pass: mine.pass };
      }
      if (isClient || needs === "anyone") return { as: "client", client_id: voter(presentation) };
      await (needs ? enter() : known);
    }
  }

  /** Takes in that a vote was refused (401) for what identity gave. */
  function refused({ pass }) {
    needs = "pass";
    if (pass) forget(pass);
  }

  addEventListener("storage", (event) => { // another tab has got in
    const here = (event.key === nameOf(name) && hasPass()) || (event.key === nameOf("session") && self.login && session());
    if (here) wake();
  });
  return self;
}

/** What is no answer of the server's is a fault of the page's. */
function report(problem) {
  if (!(problem instanceof Problem)) throw problem;
}

// --- what the audience's page asks or says before somebody may vote: the passcode, a log-in, that the room is full --------------

const card = find("#entry");
const form = find("#entry-form");
const field = find("#passcode");
const note = find("#entry-note");
const logIn = make("a", { class: "button primary large wide", id: "log-in", href: loginPage(), hidden: true }, t("login.name"));
let shown = null; // the door
let said = "";

function noteOf({ state, seconds }) {
  switch (state) {
    case "wrong": return t("entry.wrong");
    case "checking": return t("entry.checking");
    case "busy": return t("entry.busy", { n: seconds });
    case "retrying": return t("entry.retrying", { n: seconds });
    default: return "";
  }
}

/** Shows what there is to say of a door. words may have others for [title, text] where people log in. */
function update(door, words = {}) {
  shown = door;
  const { asks, full, login, state } = door;
  const shut = full || login;
  const comes = card.hidden && (asks || shut);
  const before = said;
  said = shut ? "shut" : state;
  show(card, asks || shut);
  if (card.hidden) {
    field.value = "";
    return;
  }
  const lost = shut && form.contains(document.activeElement); // what has the focus goes
  let [name, text] = [t("entry.name"), t("entry.text")];
  if (full) [name, text] = [t("entry.full"), t("entry.full_text")];
  if (login) [name, text] = words.login || [t("entry.login"), t("entry.login_text")];
  write(find("#entry-title"), name);
  write(find("#entry-text"), text);
  show(form, !shut);
  show(logIn, login);
  show(find("#again"), shut);
  field.setAttribute("aria-invalid", String(state === "wrong"));
  note.classList.toggle("wrong", state === "wrong");
  write(note, noteOf(door));
  for (const button of [find("#enter"), find("#again")]) enable(button, state !== "checking");
  if (state === "wrong" && before !== "wrong") {
    field.focus();
    field.select();
  } else if (lost) find("#entry-title").focus();
  else if (comes && asks && !document.activeElement.matches("input, textarea")) field.focus(); // nobody is torn from what they write
  if (comes || lost || (shut && state === "" && before === "shut")) announce(name);
}

find("#again").before(logIn);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (field.value.trim() === "") return field.focus();
  if (shown.state !== "checking") shown.type(field.value.trim());
});
find("#again").addEventListener("click", () => shown.state !== "checking" && shown.again());

export const entry = { update };
