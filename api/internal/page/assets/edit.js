// The page on which a presentation is written. A new one is collected here, kept as a draft, and created with one call; one that
// is there is saved bit by bit, as it is written.

import { here, publicBase, root } from "./address.js";
import { at, call, get, Problem } from "./api.js";
import { askForKey, createKey } from "./createkey.js";
import { ask, askForCode, remote, renewLinks } from "./dialogs.js";
import { announce, enable, find, make, notify, show, usable, write } from "./dom.js";
import { dragging } from "./drag.js";
import { Decisions } from "./elsewhere.js";
import { maxPolls } from "./import.js";
import { chooseImport, importFile } from "./importer.js";
import { insertNew, mergeOrder, same } from "./merge.js";
import { PollForm } from "./pollform.js";
import { refusal, wrong } from "./refusal.js";
import { account, working } from "./session.js";
import { drop, dropPresentation, keep, keepPresentation, read } from "./store.js";
import { t } from "./text.js";
import { keepToken, presenterPage, presenterToken } from "./token.js";
import * as titles from "./titleform.js";
import * as voters from "./voterform.js";

const saveAfter = 800; // ms without a key being pressed
const tries = 6;
const lookEvery = 20_000; // ms; what is done elsewhere is taken in

const title = find("#title");
const list = find("#polls");
const trouble = find("#trouble");

let id = here()[1];
if (id === "new") id = null;
let token = null;
let forms = []; // in the order of the presentation
let revision = null; // of the presentation, as far as this page has taken it in; every edit names it
let savedOrder = []; // ids of polls, as far as it was taken in
let otherOrder = []; // the one that people are asked about
const asked = new Decisions(); // of the order
let work = Promise.resolve(); // what is sent goes one after the other
let pending = 0; // how much of that is not done
const timers = new Map(); // of what will be sent: by form, or "title", or "voters"
let drafting = 0; // the timer of a new presentation's draft
const failed = new Set(); // what could not be saved: forms, or "title", "voters", "order"

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// --- the list of polls ----------------------------------------------------------------------------------------------------

function addForm(poll = {}, index = forms.length) {
  const form = new PollForm(poll, { edited, act });
  forms.splice(index, 0, form);
  list.insertBefore(form.element, forms[index + 1]?.element ?? null);
  arrange();
  return form;
}

function removeForm(form) {
  const index = forms.indexOf(form);
  const here = form.element.contains(document.activeElement);
  clearTimeout(timers.get(form));
  timers.delete(form);
  failed.delete(form);
  forms = forms.filter((f) => f !== form);
  form.element.remove();
  if (forms.length === 0) addForm();
  arrange();
  if (here) forms[Math.min(index, forms.length - 1)].focus();
}

function arrange() {
  forms.forEach((form, i) => form.place(i, forms.length));
}

/** A new question takes the kind of the one before it. */
function next(form = forms.at(-1)) {
  const after = forms[forms.indexOf(form) + 1];
  if (after?.empty) return after.focus();
  const added = addForm({ kind: form?.kind }, forms.indexOf(form) + 1);
  added.element.scrollIntoView({ block: "nearest" });
  added.focus();
}

function edited(form, now) {
  form.right();
  if (!id) return keepDraft();
  later(form, () => savePoll(form), now);
}

/** Takes a card away that the API has no poll for. */
function takeAway(form) {
  removeForm(form);
  tell();
}

async function act(form, name) {
  const index = forms.indexOf(form);
  switch (name) {
    case "next": return next(form);
    case "up": return move(form, index - 1, name);
    case "down": return move(form, index + 1, name);
    case "copy": {
      const copy = addForm({ ...form.value() }, index + 1);
      copy.focus();
      return edited(copy, true);
    }
    case "delete": return remove(form);
    case "again": return edited(form, true);
    case "drop": return takeAway(form);
    case "reset": return reset(form);
  }
}

function move(form, to, name) {
  forms.splice(forms.indexOf(form), 1);
  forms.splice(to, 0, form);
  list.insertBefore(form.element, forms[to + 1]?.element ?? null);
  arrange();
  find(`[data-do=${name}]`, form.element).focus();
  announce(t("edit.moved", { n: to + 1, of: forms.length }));
  if (id) send("order", saveOrder);
  else keepDraft();
}

dragging(list, (order) => {
  const before = forms;
  forms = order.map((element) => before.find((form) => form.element === element));
  if (forms.every((form, i) => form === before[i])) return;
  arrange();
  if (id) send("order", saveOrder);
  else keepDraft();
});

async function remove(form) {
  const called = form.value().question || t("edit.number", { n: forms.indexOf(form) + 1 });
  if (!form.empty && !await ask(t("edit.delete_poll_ask"), called, t("edit.delete_it"))) return;
  if (!id) {
    removeForm(form);
    return keepDraft();
  }
  clearTimeout(timers.get(form));
  timers.delete(form);
  send(null, async () => {
    if (form.id) await revise(() => form.id && ["DELETE", at(id, "polls", form.id)], [404]);
    savedOrder = savedOrder.filter((poll) => poll !== form.id);
    removeForm(form);
  });
}

async function reset(form) {
  if (!await ask(t("control.reset_name"), t("control.reset_ask"), t("control.reset_yes"))) return;
  send(null, async () => {
    if (!await revise(() => form.id && ["POST", at(id, "polls", form.id, "reset")])) return; // it was deleted elsewhere
    form.setStatus("pending");
    notify(t("control.reset_done"));
    form.focus();
  });
}

// --- a presentation that is there is saved as it is written ------------------------------------------------------------------

/** Does something when no key has been pressed for a while, or now. A whole room reads what is mended: that waits until it is written. */
function later(key, act, now) {
  clearTimeout(timers.get(key));
  if (key.runs && !now) {
    timers.set(key, 0);
    return tell();
  }
  const run = () => {
    timers.delete(key);
    return send(key, act);
  };
  timers.set(key, setTimeout(run, now ? 0 : saveAfter));
  tell();
}

/** Does something after all that was begun before, and says what became of it. What has a key is tried again with the rest. */
function send(key, act) {
  pending++;
  tell();
  work = work.then(act).then(() => failed.delete(key), (problem) => refused(key, problem)).finally(() => {
    pending--;
    tell();
  });
  return work;
}

/** Sends everything that waits, and waits for it. */
async function flush() {
  for (const [key, timer] of [...timers]) {
    clearTimeout(timer);
    timers.delete(key);
    send(key, saver(key));
  }
  for (const key of [...failed]) send(key, saver(key));
  await work;
}

/** Gives what saves something that has a key. */
const saver = (key) => ({ title: saveTitle, voters: saveVoters, order: saveOrder })[key] ?? (() => savePoll(key));

async function insist(method, path, options = {}, fine = []) {
  for (let i = 1; ; i++) {
    try {
      return await call(method, path, { token, ...options });
    } catch (problem) {
      if (fine.includes(problem.status)) return { data: null, etag: null };
      if (!problem.passes || i >= tries) throw problem;
      write(find("#state"), t("edit.retrying"));
      await pause(Math.max(problem.retryAfter, i / 2) * 1000);
    }
  }
}

/**
 * Makes an edit of what this page has taken in. Whoever was first wins: then it takes in what they did, and make says anew what is left
 * to send, as [method, path, body], or nothing. Gives the answer, null where nothing was left. A server whose answer was lost has
 * done it, perhaps: that is found in the same way.
 */
async function revise(make, fine) {
  for (let i = 1; ; i++) {
    const [method, path, body] = make() || [];
    if (!method) return null;
    const headers = revision ? { "If-Match": revision } : {};
    try {
      const answer = await insist(method, path, { body, headers }, fine);
      if (answer.etag) revision = strong(answer.etag);
      return answer;
    } catch (problem) {
      const behind = problem.status === 412 || problem.status === 404 || ["poll_ids", "index"].includes(problem.field);
      if (!behind || i >= tries) throw problem;
      if (i > 1) await pause(100 * 2 ** i * Math.random());
      await look();
    }
  }
}

/** Gives a tag as the server made it: a proxy that packs an answer makes its tag a weak one, which If-Match refuses. */
const strong = (tag) => tag.replace(/^W\//, "");

/** Reads the presentation and takes it in. */
async function look() {
  const { data, etag } = await call("GET", at(id), { token });
  if (data.role !== "owner") throw new Problem({ status: 403, code: "forbidden" }); // it has not all polls
  takeIn(data, etag);
}

/** Takes in the presentation as it is now: what was changed elsewhere only, and asks of what was changed here, too. */
function takeIn(p, etag) {
  revision = etag && strong(etag);
  meetTitle(p.title);
  meetVoters(p);
  for (const poll of p.polls) {
    const form = forms.find((f) => f.id === poll.poll_id);
    if (form) form.meet(poll);
    else adopt(poll);
  }
  for (const form of forms.filter((f) => f.id && !p.polls.some((poll) => poll.poll_id === f.id))) {
    if (form.dirty || form.element.contains(document.activeElement)) form.lose();
    else removeForm(form);
  }
  takeOrder(p.polls.map((poll) => poll.poll_id));
  for (const form of [...failed].filter((key) => key.id && Object.keys(key.changes()).length === 0)) { // what people see is what counts
    failed.delete(form);
    form.right();
    form.say("");
  }
  tell();
}

/** Finds the card of a poll that is new: one that was sent from here, and whose answer was lost, or another one. */
function adopt(poll) {
  const form = forms.find((f) => !f.id && f.adding && f.adding.question === poll.question && f.adding.kind === poll.kind);
  if (!form) return addForm(poll);
  form.kept(poll, form.adding);
}

function meetTitle(theirs) {
  titles.meet(theirs, () => later("title", saveTitle, true));
  name();
}

function meetVoters(theirs) {
  voters.meet(theirs, timers.has("voters"), () => later("voters", saveVoters, true));
}

function takeOrder(theirs) {
  const mine = forms.map((f) => f.id).filter((poll) => savedOrder.includes(poll));
  const merged = mergeOrder(savedOrder, mine, theirs);
  if (merged) {
    asked.settle("order");
    savedOrder = theirs;
    return order(merged);
  }
  order(insertNew(mine, theirs));
  if (asked.has("order") && same(theirs, otherOrder)) return;
  asked.settle("order");
  otherOrder = theirs;
  const keep = () => {
    savedOrder = theirs;
    send("order", saveOrder);
  };
  const take = () => {
    order(theirs);
    keep();
  };
  asked.ask("order", t("edit.other_order"), (question) => list.before(question), { keep, take });
}

/** Puts the cards into the order of their polls. Those that have none stay behind the card that they stood behind. */
function order(ids) {
  const sorted = ids.map((poll) => forms.find((f) => f.id === poll)).filter(Boolean);
  forms.forEach((form, i) => {
    if (!form.id) sorted.splice(i === 0 ? 0 : sorted.indexOf(forms[i - 1]) + 1, 0, form);
  });
  if (sorted.every((form, i) => form === forms[i])) return;
  forms = sorted;
  const active = document.activeElement;
  forms.forEach((form, i) => list.children[i] === form.element || list.insertBefore(form.element, list.children[i] ?? null));
  if (active !== document.activeElement) active.focus();
  arrange();
}

async function saveTitle() {
  let text = null;
  const answer = await revise(() => {
    meetTitle();
    text = titles.change();
    return text !== null && ["PATCH", at(id), { title: text }];
  });
  if (!answer) return;
  if (token) keepPresentation({ id, title: answer.data.title });
  titles.kept(text);
  takeIn(answer.data, answer.etag);
}

/** Saves who may vote, and of that only what was changed here. */
async function saveVoters() {
  if (voters.missing()) throw new Problem({ status: 400, code: "invalid", field: "max_voters" });
  const answer = await revise(() => {
    meetVoters();
    const body = voters.change();
    return body && ["PATCH", at(id), body];
  });
  if (!answer) return;
  voters.kept(answer.data, timers.has("voters"));
  takeIn(answer.data, answer.etag);
}

async function savePoll(form) {
  if (!forms.includes(form) || form.undecided && !form.id) return;
  if (form.id) form.meet();
  const missing = form.missing();
  if (missing) {
    form.say(t("edit.unfinished", { why: missing.text }));
    return;
  }
  let sent = null;
  const answer = await revise(() => {
    if (!forms.includes(form) || (form.undecided && !form.id)) return null;
    sent = form.mine;
    if (!form.id) {
      form.adding = sent;
      const index = forms.slice(0, forms.indexOf(form)).filter((f) => f.id).length;
      return ["POST", at(id, "polls"), { ...form.value(), index }];
    }
    const body = form.changes();
    return Object.keys(body).length > 0 && ["PATCH", at(id, "polls", form.id), body];
  });
  if (answer) {
    if (!form.id) savedOrder = insertNew(savedOrder, forms.map((f) => f.id ?? (f === form ? answer.data.poll_id : null)).filter(Boolean));
    form.kept(answer.data, sent);
  }
  form.adding = null;
  form.right();
  form.say("");
}

async function saveOrder() {
  const answer = await revise(() => {
    const ids = forms.filter((f) => f.id).map((f) => f.id);
    return !same(ids, savedOrder) && !asked.has("order") && ["PUT", at(id, "polls", "order"), { poll_ids: ids }];
  });
  if (!answer) return;
  savedOrder = answer.data.polls.map((poll) => poll.poll_id);
  takeIn(answer.data, answer.etag);
}

/** Shows what was refused where it belongs. */
function refused(key, problem) {
  if (key) failed.add(key);
  if (key instanceof PollForm && problem.code === "invalid" && problem.field) {
    key.refused(problem.field, wrong(problem));
    key.say(t("edit.not_saved"));
    announce(wrong(problem));
  } else if (key === "title" && problem.code === "invalid") {
    titles.wrong(t("edit.wrong", { name: t("edit.title"), text: wrong(problem) }));
  } else if (key === "voters" && problem.code === "invalid" && voters.wrong(problem.field, wrong(problem))) {
    announce(wrong(problem));
  } else {
    if (key instanceof PollForm) key.say(t("edit.not_saved"));
    notify(refusal(problem), "error");
    if (problem.status === 409) catchUp(); // somebody has displayed the poll meanwhile
  }
}

/** Reads what became of the presentation: it may have been edited or shown from another page. It waits for its turn, and is not told of. */
function catchUp() {
  if (!id) return;
  work = work.then(look).catch(() => {}); // what is sent says when the server is away
}

/** Gives the first question that is to be answered before everything is saved. */
const undecided = () => titles.undecided() ?? voters.undecided() ?? asked.first ?? forms.find((form) => form.undecided)?.undecided;

/** Says whether everything is saved. */
function tell() {
  if (!id) return;
  const unfinished = forms.some((form) => (form.id || !form.empty) && form.missing());
  let text = t("edit.saved");
  if (pending > 0 || timers.size > 0) text = t("edit.saving");
  else if (failed.size > 0) text = t("edit.not_saved");
  else if (undecided()) text = t("edit.undecided");
  else if (unfinished) text = t("edit.some_unfinished");
  write(find("#state"), text);
}

// --- a new presentation ---------------------------------------------------------------------------------------------------

function whole() {
  const polls = forms.filter((form) => !form.empty).map((form) => form.value());
  return { title: title.value.trim(), polls, ...voters.chosen() };
}

function keepDraft() {
  clearTimeout(drafting);
  drafting = setTimeout(keepDraftNow, 300);
}

function keepDraftNow() {
  clearTimeout(drafting);
  const draft = whole();
  if (draft.title || draft.polls.length > 0) keep("draft", draft);
  else drop("draft");
}

/** Creates the presentation and gives whether it is there. */
async function create() {
  const sent = forms.filter((form) => !form.empty);
  for (const form of forms) form.right();
  titles.wrong();
  const body = whole();
  if (sent.length === 0) {
    forms[0].wrong("question", t("edit.no_question")).focus();
    return false;
  }
  if (!check(sent)) return false;
  voters.right();
  const missing = voters.missing();
  if (missing) {
    missing.focus();
    return false;
  }
  busy(true);
  try {
    const data = await createWithKey(body);
    if (!data) return false;
    ({ presentation_id: id, presenter_token: token } = data);
    keepPresentation({ id, title: body.title, join_code: data.join_code, token, account: account() });
    clearTimeout(drafting);
    drop("draft");
    return true;
  } catch (problem) {
    const [, index, field] = /^polls\[(\d+)\]\.?(.*)$/.exec(problem.field ?? "") ?? [];
    const input = problem.code === "invalid" && voters.wrong(problem.field, wrong(problem));
    if (input) input.focus();
    else if (index === undefined && problem.field !== "title") notify(refusal(problem), "error");
    else {
      const text = wrong(problem);
      if (index === undefined) titles.wrong(t("edit.wrong", { name: t("edit.title"), text }));
      else sent[index].refused(field, text).focus();
      announce(text);
    }
    return false;
  } finally {
    busy(false);
  }
}

/**
 * Creates it with the key of the server, if it has one, and asks for that. null: nobody knew it. It is the own of who is logged in:
 * then another header has the key.
 */
async function createWithKey(body) {
  const session = working();
  for (;;) {
    const key = createKey();
    const headers = session && key ? { "X-Create-Key": key } : {};
    try {
      return (await call("POST", "/presentations", { body, token: session ?? key, headers })).data;
    } catch (problem) {
      const wrong = problem.code === "create_key_wrong";
      if (!wrong && problem.code !== "create_key_missing") throw problem;
      if (!await askForKey(wrong)) return null;
    }
  }
}

/** Finds what is missing before anything is sent, and puts the cursor there. */
function check(checked) {
  let first = null;
  for (const form of checked) {
    const missing = form.missing();
    if (missing) {
      const input = form.wrong(missing.field, missing.text);
      first ??= { input, text: missing.text };
    }
  }
  first?.input.focus();
  if (first) announce(first.text);
  return !first;
}

function busy(yes) {
  for (const button of [find("#go"), find("#save")]) enable(button, !yes);
}

/** Saves everything and gives whether that worked. */
async function save() {
  if (!id) return usable(find("#go")) && create(); // not while that is on its way
  const unfinished = forms.filter((form) => form.id || !form.empty);
  for (const form of unfinished) form.right();
  if (!check(unfinished)) return false;
  await flush();
  const question = undecided();
  if (question) {
    find("button", question).focus();
    return false;
  }
  const bad = failed.values().next().value;
  if (bad === undefined) return true;
  if (bad === "title") title.focus();
  else if (bad === "voters") find("#voters [aria-invalid]")?.focus();
  else if (bad instanceof PollForm) (find("[aria-invalid]", bad.element) ?? bad.element).focus();
  return false;
}

// --- files ----------------------------------------------------------------------------------------------------------------

async function exportFile() {
  const { passcode, ...shared } = whole(); // that is of one evening
  let presentation = shared;
  if (id) {
    if (!await save()) return;
    try {
      presentation = await get(at(id, "export"), { token });
    } catch (problem) {
      return notify(refusal(problem), "error");
    }
  }
  const file = new Blob([JSON.stringify(presentation, null, 2), "\n"], { type: "application/json" });
  const url = URL.createObjectURL(file);
  const plain = (presentation.title || "presentation").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60);
  const link = make("a", { href: url, download: `${plain || "presentation"}.json` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** For how many more polls there is room. */
const room = () => maxPolls - forms.filter((form) => form.id || !form.empty).length;

/** Takes in a file. */
async function takeFile() {
  const [file] = find("#file").files;
  find("#file").value = "";
  if (!file) return;
  try {
    takePolls(await importFile(file, room()));
  } catch (problem) {
    notify(problem.message, "error");
  }
}

/** Takes polls into a new presentation with their title, into one that is there at its end. */
function takePolls(taken) {
  if (!taken) return;
  for (const form of forms.filter((f) => f.empty && !f.id)) {
    form.element.remove();
    forms = forms.filter((f) => f !== form);
  }
  if (title.value.trim() === "" && taken.title) {
    title.value = taken.title;
    if (id) later("title", saveTitle, true);
  }
  if (!id) chooseVoters(taken);
  for (const { question, kind, options, max_choices, results_visibility, banned_words } of taken.polls) {
    const form = addForm({ question, kind, options, max_choices, results_visibility, banned_words });
    if (id) later(form, () => savePoll(form), true);
  }
  if (!id) keepDraft();
  notify(t("edit.imported", { n: taken.polls.length }));
}

/** Takes from a file who may vote, where it says so as it should; into a new presentation only, like its title. */
function chooseVoters({ voters: who, max_voters: most }) {
  if (who === "anyone" || who === "account") voters.fill({ voters: who });
  else if (who === "pass" && Number.isInteger(most ?? 0)) voters.fill({ ...voters.chosen(), voters: who, max_voters: most });
}

// --- the page -------------------------------------------------------------------------------------------------------------

function name() {
  document.title = `${title.value.trim() || t("edit.untitled")} – Plenary`;
}

async function deletePresentation() {
  if (!await ask(t("edit.delete"), t("edit.delete_ask"), t("edit.delete_it"))) return;
  try {
    await insist("DELETE", at(id), {}, [404]);
  } catch (problem) {
    return notify(refusal(problem), "error");
  }
  dropPresentation(id);
  leaving = true;
  location.assign(`${root}/`);
}

async function renewCode() {
  if (!await askForCode()) return;
  try {
    const { data } = await insist("POST", at(id, "join_code"));
    if (token) keepPresentation({ id, join_code: data.join_code });
    dress(data.join_code);
    notify(t("renew.code_done", { code: data.join_code }));
  } catch (problem) {
    notify(refusal(problem), "error");
  }
}

/** Shows the parts that belong to a presentation that is there, or to a new one. */
function dress(code) {
  for (const part of ["#results", "#remote", "#renew-code", "#delete"]) show(find(part), id !== null);
  show(find("#renew-links"), id !== null && token !== null);
  show(find("#save"), id === null);
  show(find("#join"), Boolean(code));
  write(find("#code"), code ?? "");
  find("#join-link").href = `${publicBase}/join/${encodeURIComponent(code ?? "")}`;
  write(find("#join-link"), find("#join-link").href); // to send it round
  if (id) find("#results").href = presenterPage(`/results/${id}`, token);
  name();
  tell();
}

async function begin() {
  if (!id) {
    const draft = read("draft");
    if (Array.isArray(draft?.polls)) {
      title.value = draft.title ?? "";
      for (const poll of draft.polls) addForm(poll);
      if (draft.voters) voters.fill(draft);
      show(find("#draft"));
    }
    if (forms.length === 0) addForm();
    reveal();
    if (!draft) title.focus();
    return;
  }
  token = presenterToken(id);
  try {
    await get(at(id, "export"), { token }); // only a presenter may
    const { data: p, etag } = await call("GET", at(id), { token });
    revision = etag && strong(etag);
    titles.fill(p.title);
    for (const poll of p.polls) addForm(poll);
    savedOrder = p.polls.map((poll) => poll.poll_id);
    voters.kept(p);
    keepToken({ id, title: p.title, join_code: p.join_code, token });
    reveal(p.join_code);
    if (history.state?.saved) find("#more").focus(); // there it was saved
    history.replaceState(null, "");
  } catch (problem) {
    write(trouble, refusal(problem));
    show(trouble);
    show(find("#go"), false);
  }
}

function reveal(code) {
  show(find("#edit"));
  show(find(".edit-more"));
  show(find("#voters"));
  dress(code);
}

let leaving = false;

title.addEventListener("input", () => {
  titles.wrong();
  name();
  if (id) later("title", saveTitle, false);
  else keepDraft();
});
title.addEventListener("change", () => id && later("title", saveTitle, true));
title.addEventListener("blur", () => id && meetTitle()); // what waited for that
list.addEventListener("focusout", ({ target }) => {
  const form = forms.find((f) => f.element.contains(target));
  if (timers.get(form) === 0) later(form, () => savePoll(form), true);
});
title.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  forms[0].focus();
});
find("#edit").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!await save()) return;
  leaving = true;
  location.assign(presenterPage(`/stage/${id}`, token));
});
find("#save").addEventListener("click", async () => {
  if (!await save()) return;
  leaving = true;
  history.replaceState({ saved: true }, "", presenterPage(`/edit/${id}`, token));
  location.reload();
});
find("#add").addEventListener("click", () => next());
find("#import").addEventListener("click", () => find("#file").click());
find("#file").addEventListener("change", takeFile);
find("#paste").addEventListener("click", async () => takePolls(await chooseImport(room())));
find("#export").addEventListener("click", exportFile);
find("#remote").addEventListener("click", () => remote(id, token));
find("#renew-code").addEventListener("click", renewCode);
find("#renew-links").addEventListener("click", async () => await save() && renewLinks(id, token));
find("#delete").addEventListener("click", deletePresentation);
find("#afresh").addEventListener("click", () => {
  drop("draft");
  title.value = "";
  voters.fill(voters.usual);
  for (const form of forms) form.element.remove();
  forms = [];
  addForm();
  show(find("#draft"), false);
  title.focus();
});
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  next(forms.find((form) => form.element.contains(document.activeElement)));
});
addEventListener("beforeunload", (event) => {
  if (!leaving && id && (pending > 0 || timers.size > 0 || failed.size > 0 || undecided())) event.preventDefault();
});
voters.listen(() => (id ? later("voters", saveVoters, true) : keepDraft()));
addEventListener("pagehide", () => !id && keepDraftNow());
const seen = () => document.visibilityState === "visible" && catchUp();
document.addEventListener("visibilitychange", seen);
setInterval(seen, lookEvery);

voters.fill(voters.usual);
begin();
