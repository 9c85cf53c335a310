// The presenter's controls: what is displayed, how its votes stand, and the moves. The stage and the remote share them and may be
// used at the same time: every move names the version that its presenter saw (If-Match), so none of them skips a slide.

import { at, call, get } from "./api.js";
import { follow } from "./follow.js";
import { refusal } from "./refusal.js";
import { completed, filled, reader } from "./rest.js";
import { keepPresentation } from "./store.js";
import { t } from "./text.js";

const tries = 8;
const doubleTap = 350; // ms
const patience = 3000; // ms
const closingEvery = 2000; // ms
const rereadEvery = 15_000; // ms; events say nothing of polls that are not displayed, and may be lost

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** What a presenter sees of a presentation and does with it. */
export class Control {
  title = "";
  code = "";
  version = -1; // of what is displayed
  shown = null; // the displayed poll
  closed = false; // it is displayed, but takes no votes
  polls = []; // all of them, each with its status
  results = new Map(); // by poll
  connected = null; // people, once the server has said how many
  role = "anybody"; // what the token is good for
  passes = 0; // that were given
  oneAddress = 0; // of these in the last minute to one address, where that is striking
  voters = "anyone"; // or "pass"
  maxVoters = 0; // how many passes there are; 0: any number
  passcode = ""; // that a pass takes; empty: none
  state = "connecting"; // how it follows: see follow.js
  moving = false;
  #last = null; // the poll that was displayed last, as far as this page saw it
  #patient = true;
  #afterwards = new Set(); // polls whose results were to be seen afterwards only
  #readAt = 0;
  #audience = ""; // the newest of these events
  #rereading = null;
  #readWhole;

  /**
   * changed() is called after every change, say(text, kind) with what the presenter has to know. With always it follows the
   * presentation even while nobody sees the page.
   */
  constructor(id, token, { changed, say, always }) {
    Object.assign(this, { id, token, changed, say, always });
    this.#readWhole = reader(id, token, (read) => this.#counted(completed(this.results.get(read.poll_id), read)));
  }

  /** Reads the presentation and follows it from then on. Throws a Problem. */
  async start() {
    await this.read();
    if (this.role !== "remote") await this.#ask();
    follow(this.id, {
      displayed: (event) => this.#displayed(event),
      results: (event) => this.#counted(event),
      audience: (event) => {
        if (JSON.stringify(event) === this.#audience) this.reread(); // it comes once more: the presentation was edited
        this.#audience = JSON.stringify(event);
        Object.assign(this, { connected: event.connected, passes: event.passes ?? 0, oneAddress: event.one_address ?? 0 });
        this.changed();
      },
      state: (now) => {
        this.state = now;
        if (this.follows) this.reread(); // polls may have been edited meanwhile
        this.#patient &&= !this.follows;
        this.changed();
      },
    }, { token: this.token, presents: true, always: this.always });
    const seen = () => document.visibilityState === "visible" && this.reread();
    document.addEventListener("visibilitychange", seen);
    setInterval(seen, rereadEvery);
    setTimeout(() => {
      this.#patient = false;
      this.changed();
    }, patience);
  }

  /** Whether the page sees what happens, be it some seconds later. */
  get follows() {
    return this.state === "open" || this.state === "slow";
  }

  /** What there is to say of how the page follows; empty: nothing. A page that has just begun is given some time. */
  get trouble() {
    switch (this.state) {
      case "open": return "";
      case "slow": return t("audience.slow");
      case "offline": return t("audience.offline");
      case "gone": return t("control.gone");
      default: return this.#patient ? "" : t("stage.away");
    }
  }

  /** Asks for what only the presenter gets. Without it the stage would show half a presentation, and refuse every press. */
  async #ask() {
    try {
      await get(at(this.id, "export"), { token: this.token });
    } catch (problem) {
      if (problem.status === 401 || problem.status === 403) throw problem;
    }
  }

  /** Reads the whole presentation. */
  async read() {
    const p = await get(at(this.id), { token: this.token });
    if (p.role === "anybody" && this.role !== "anybody") this.say(t("control.no_token"), "error"); // renewed on another device
    Object.assign(this, { title: p.title, code: p.join_code, polls: p.polls, role: p.role });
    Object.assign(this, { voters: p.voters, maxVoters: p.max_voters ?? 0, passcode: p.passcode ?? "" });
    if (p.version >= this.version) {
      const shown = p.polls[p.current_poll_index ?? -1] ?? null;
      this.#show(p.version, shown, shown !== null && shown.status !== "open");
    }
    // Without a stream nobody says when the votes of a poll that left are counted.
    if (this.state === "slow" && this.polls.some((poll) => poll.status === "closing")) pause(closingEvery).then(() => this.reread());
    this.changed();
  }

  /** Reads it soon, where nothing waits for that; at most once a second. */
  reread() {
    this.#rereading ??= pause(Math.max(0, this.#readAt + 1000 - Date.now())).then(() => {
      this.#readAt = Date.now();
      this.#rereading = null;
      return this.read();
    }).catch(() => {}); // the event stream says when the server is away
  }

  #show(version, shown, closed) {
    Object.assign(this, { version, shown, closed });
    if (shown) this.#last = shown.poll_id;
  }

  #displayed(event) {
    if (event.join_code) this.code = event.join_code;
    if (event.version < this.version) return;
    const closed = event.poll !== null && (event.voting ?? event.poll.voting) === "closed";
    this.#show(event.version, event.poll, closed);
    const known = this.poll(event.poll?.poll_id);
    if (known) known.results_visibility = event.poll.results_visibility;
    this.#complete();
    this.reread();
    this.changed();
  }

  /** Reads what events left out of the displayed poll's results. */
  #complete() {
    const id = this.shown?.poll_id;
    if (this.results.get(id)?.more) this.#readWhole(id);
  }

  #counted(event) {
    const old = this.results.get(event.poll_id);
    if (old && event.revision < old.revision) return;
    this.results.set(event.poll_id, filled(event, old));
    this.#complete();
    const poll = this.poll(event.poll_id);
    if (poll) poll.status = event.status;
    // What changed is not a count: another device has hidden the results, say.
    if (old && old.revision < event.revision && old.total === event.total) this.reread();
    this.changed();
  }

  /** A poll as the presenter last read it. */
  poll(id) {
    return this.polls.find((p) => p.poll_id === id);
  }

  /** The place of the displayed poll, or -1. */
  get index() {
    return this.shown ? this.polls.findIndex((p) => p.poll_id === this.shown.poll_id) : -1;
  }

  /** The poll that "next" displays; undefined: there is none, or nobody told us what was on the slide before it was emptied. */
  get following() {
    if (this.version <= 0) return this.polls[0];
    const last = this.polls.findIndex((p) => p.poll_id === this.#last);
    return last < 0 ? undefined : this.polls[last + 1];
  }

  /** Of the displayed poll's results: "open", "closing" or "final"; "pending" when it was reset on the slide. */
  get status() {
    if (!this.shown) return null;
    if (!this.closed) return "open";
    const status = this.results.get(this.shown.poll_id)?.status;
    return status === "final" || status === "pending" ? status : "closing";
  }

  /** Who sees the results of the displayed poll: "live", "after" or "presenter". */
  get visibility() {
    return this.shown && (this.poll(this.shown.poll_id) ?? this.shown).results_visibility || "live";
  }

  /** Whether the room must not see the results of the displayed poll now. */
  get hidden() {
    return this.visibility === "presenter" || this.visibility === "after" && !this.closed;
  }

  next() {
    return this.#move("PUT", { move: "next" }, (before) => this.shown && this.shown.poll_id !== before);
  }

  previous() {
    return this.#move("PUT", { move: "previous" }, (before) => this.shown && this.shown.poll_id !== before);
  }

  display(pollID) {
    return this.#move("PUT", { poll_id: pollID }, () => this.shown?.poll_id === pollID);
  }

  /** Empties the slide, or puts back what was on it. */
  blank() {
    return this.shown ? this.#move("DELETE", undefined, () => !this.shown) : this.previous();
  }

  /** Closes voting without moving on, or opens it again. */
  toggleVoting() {
    if (!this.shown) return this.say(t("control.nothing"), "error");
    return this.closed
      ? this.#move("PUT", { move: "open" }, () => this.shown && !this.closed)
      : this.#move("PUT", { move: "close" }, () => this.closed);
  }

  /** Hides the results of the displayed poll from the room, or shows them. What was to be seen afterwards only stays so. */
  toggleResults() {
    if (!this.shown) return this.say(t("control.nothing"), "error");
    const id = this.shown.poll_id;
    const hide = !this.hidden;
    if (this.visibility === "after") this.#afterwards.add(id);
    let visibility = hide ? "presenter" : "live";
    if (hide === !this.closed && this.#afterwards.has(id)) visibility = "after"; // which does just that, now
    return this.#attempt(async () => {
      await this.#insist("PATCH", at(this.id, "polls", id), { body: { results_visibility: visibility } });
      for (const poll of [this.poll(id), this.shown]) if (poll?.poll_id === id) poll.results_visibility = visibility;
      this.say(hide ? t("control.results_hidden") : t("control.results_shown"));
    });
  }

  /** Gives the presentation another join code. Who calls it has asked first. */
  renewCode() {
    return this.#attempt(async () => {
      const { data } = await this.#insist("POST", at(this.id, "join_code"));
      this.code = data.join_code;
      keepPresentation({ id: this.id, join_code: this.code });
      this.say(t("renew.code_done", { code: this.code }));
    });
  }

  /**
   * Hides an answer that people wrote, or shows it again, and gives it as it is then; null: it was refused, and that was said.
   * Other moves do not wait for that.
   */
  async hide(pollID, text, hidden) {
    try {
      const { data } = await this.#insist("PATCH", at(this.id, "polls", pollID, "answers"), { body: { text, hidden } });
      const results = this.results.get(pollID);
      if (data.hidden && results?.words) { // it need not wait for an event
        this.results.set(pollID, { ...results, words: results.words.filter((word) => word.text !== text && word.text !== data.text) });
      }
      return data;
    } catch (problem) {
      this.say(problem.status === 404 ? t("answers.nobody") : refusal(problem), "error");
      return null;
    } finally {
      this.changed();
    }
  }

  /** Forgets a poll's votes. Who calls it has asked first. */
  reset(pollID) {
    return this.#attempt(async () => {
      await this.#insist("POST", at(this.id, "polls", pollID, "reset"));
      this.results.delete(pollID);
      this.say(t("control.reset_done"));
      await this.read();
    });
  }

  /**
   * Does one transition. After an answer that leaves open whether it happened it is sent again with the same If-Match; if it
   * had happened, that is refused as stale, and done says whether the slide is as it was meant.
   */
  #move(method, body, done) {
    const version = this.version;
    const before = this.shown?.poll_id;
    return this.#attempt(async () => {
      let again = false;
      try {
        const headers = { "If-Match": `"${version}"` };
        const { data } = await this.#insist(method, at(this.id, "polls", "current"), { body, headers }, () => { again = true; });
        if (!data) await this.read();
        else if (data.version >= this.version) this.#show(data.version, data, data.voting === "closed");
        this.reread();
      } catch (problem) {
        if (problem.status !== 412) throw problem;
        await this.read();
        if (again && this.version === version + 1 && done(before)) this.say(t("control.answers"));
        else this.say(t("control.moved"), "error");
      }
    });
  }

  /** Does one thing at a time, and says why it was refused. */
  async #attempt(act) {
    if (this.moving) return this.say(t("control.once"));
    this.moving = true;
    this.changed();
    try {
      await act();
    } catch (problem) {
      this.say(refusal(problem), "error");
      this.reread();
    } finally {
      this.moving = false;
      this.changed();
    }
  }

  /** Calls the API again and again while its answer may be another one soon. */
  async #insist(method, path, options, again = () => {}) {
    for (let i = 1; ; i++) {
      try {
        const answer = await call(method, path, { token: this.token, ...options });
        if (i > 1) this.say(t("control.answers"));
        return answer;
      } catch (problem) {
        if (!problem.passes || i >= tries) throw problem;
        if (i === 1) this.say(t("control.retrying"), "error");
        again();
        await pause(Math.min(4, Math.max(problem.retryAfter, i / 2)) * 1000 * (0.75 + Math.random() / 2));
      }
    }
  }
}

/**
 * Makes buttons do things, once for a double click or a double tap. Another press while something is on its way is refused by
 * Control itself. acts has a function for each button's id.
 */
export function press(acts, { say }) {
  for (const [name, act] of Object.entries(acts)) {
    let tapped = 0;
    document.getElementById(name).addEventListener("click", (event) => {
      const soon = event.pointerType === "touch" && event.timeStamp - tapped < doubleTap; // not every browser counts taps
      tapped = event.timeStamp;
      if (event.detail > 1 || soon) say(t("control.once"));
      else act();
    });
  }
}

/** Says in words how the results of a poll stand. */
export const statusText = (status) => ({
  pending: t("control.pending"), open: t("control.open"), closing: t("control.closing"), final: t("control.final"),
}[status] ?? "");
