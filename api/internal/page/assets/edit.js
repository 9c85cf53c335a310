// The page on which a presentation is written. A new one is collected here, kept as a draft, and created with one call; one that
// is there is saved bit by bit, as it is written.

import { here, publicBase, root } from "./address.js";
import { at, call, get, Problem } from "./api.js";
import { askForKey, createKey } from "./createkey.js";
import { ask, askForCode, remote, renewLinks } from "./dialogs.js";
import { announce, enable, find, make, notify, show, usable, write } from "./dom.js";
import { kinds, PollForm } from "./pollform.js";
import { refusal, wrong } from "./refusal.js";
import { drop, dropPresentation, keep, keepPresentation, read } from "./store.js";
import { t } from "./text.js";
import { keepToken, presenterPage, presenterToken } from "./token.js";
import * as voters from "./voterform.js";

const saveAfter = 800; // ms without a key being pressed
const tries = 6;
const asked = ["question", "kind", "options", "max_choices"]; // what people are asked; they belong together

const title = find("#title");
const list = find("#polls");
const trouble = find("#trouble");

let id = here()[1];
if (id === "new") id = null;
let token = null;
let forms = []; // in the order of the presentation
let savedTitle = "";
let savedVoters = voters.usual;
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

// A card that is dragged by its handle moves along; it stays where it is let go. Who has no mouse has the buttons.
let dragged = null;

list.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".handle") ? forms.find((form) => form.element.contains(event.target)) : null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", "");
  event.dataTransfer.setDragImage(dragged.element, 20, 20);
  dragged.element.classList.add("dragged");
});
list.addEventListener("dragover", (event) => {
  if (!dragged) return;
  event.preventDefault();
  const over = event.target.closest(".poll");
  if (!over || over === dragged.element) return;
  const box = over.getBoundingClientRect();
  if (event.clientY < box.top + box.height / 2) over.before(dragged.element);
  else over.after(dragged.element);
});
list.addEventListener("drop", (event) => dragged && event.preventDefault());
list.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.element.classList.remove("dragged");
  dragged = null;
  const order = [...list.children];
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
    if (form.id) await insist("DELETE", at(id, "polls", form.id), {}, [404]);
    removeForm(form);
  });
}

async function reset(form) {
  if (!await ask(t("control.reset_name"), t("control.reset_ask"), t("control.reset_yes"))) return;
  send(null, async () => {
    await insist("POST", at(id, "polls", form.id, "reset"));
    form.setStatus("pending");
    notify(t("control.reset_done"));
    form.focus();
  });
}

// --- a presentation that is there is saved as it is written ------------------------------------------------------------------

/** Does something when no key has been pressed for a while, or now. */
function later(key, act, now) {
  clearTimeout(timers.get(key));
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
      if (fine.includes(problem.status)) return { data: null };
      if (!problem.passes || i >= tries) throw problem;
      write(find("#state"), t("edit.retrying"));
      await pause(Math.max(problem.retryAfter, i / 2) * 1000);
    }
  }
}

async function saveTitle() {
  const text = title.value.trim();
  if (text === savedTitle) return;
  await insist("PATCH", at(id), { body: { title: text } });
  savedTitle = text;
  if (token) keepPresentation({ id, title: text });
  name();
}

/** Saves who may vote, and of that only what was changed here. */
async function saveVoters() {
  if (voters.missing()) throw new Problem({ status: 400, code: "invalid", field: "max_voters" });
  const body = voters.changes(savedVoters);
  if (Object.keys(body).length === 0) return;
  keepVoters((await insist("PATCH", at(id), { body })).data);
}

function keepVoters({ voters: who, max_voters, passcode }) {
  savedVoters = { voters: who, max_voters, passcode };
  if (!voters.busy() && !timers.has("voters")) voters.fill(savedVoters);
}

async function savePoll(form) {
  if (!forms.includes(form)) return;
  const missing = form.missing();
  if (missing) {
    form.say(t("edit.unfinished", { why: missing.text }));
    return;
  }
  const body = form.value();
  if (!form.id) {
    body.index = forms.slice(0, forms.indexOf(form)).filter((f) => f.id).length;
    const { poll_id: made, status } = await addPoll(form, body);
    form.id = made;
    form.setStatus(status ?? "pending");
    form.saved = { banned_words: [], ...body };
  } else {
    // Only what was changed here is sent: the rest may have been changed elsewhere, like who sees the results, on the stage.
    body.banned_words ??= [];
    const now = { ...body };
    const same = (name) => JSON.stringify(body[name]) === JSON.stringify(form.saved[name]);
    const shown = form.status !== "pending";
    if (shown || asked.every(same)) for (const name of asked) delete body[name];
    for (const name of ["results_visibility", "banned_words"]) if (same(name)) delete body[name];
    if (Object.keys(body).length === 0) return form.say("");
    form.saved = Object.fromEntries(Object.entries(form.saved).filter(([name]) => !(name in body))); // until it is answered
    await insist("PATCH", at(id, "polls", form.id), { body });
    form.saved = shown ? { ...form.saved, ...body } : now;
  }
  form.right();
  form.say("");
}

/** Adds a poll. Where the answer leaves open whether it is there, it is looked for before it is sent again. */
async function addPoll(form, body) {
  for (let i = 1; ; i++) {
    try {
      return (await call("POST", at(id, "polls"), { token, body })).data;
    } catch (problem) {
      if (!problem.passes || i >= tries) throw problem;
      write(find("#state"), t("edit.retrying"));
      await pause(Math.max(problem.retryAfter, i / 2) * 1000);
      const there = (await get(at(id), { token })).polls;
      const found = there.find((p) => p.question === body.question && !forms.some((f) => f.id === p.poll_id));
      if (found) return found;
    }
  }
}

async function saveOrder() {
  const put = () => insist("PUT", at(id, "polls", "order"), { body: { poll_ids: forms.filter((f) => f.id).map((f) => f.id) } });
  try {
    await put();
  } catch (problem) {
    if (problem.status !== 400 && problem.status !== 404) throw problem;
    await meet(); // an order names all polls, and somebody else has added or deleted one
    await put();
  }
}

/** Makes the cards those of the polls that are there. */
async function meet() {
  const { polls } = await get(at(id), { token });
  for (const form of forms.filter((f) => f.id && !polls.some((p) => p.poll_id === f.id))) removeForm(form);
  polls.forEach((poll, i) => forms.some((f) => f.id === poll.poll_id) || addForm(poll, Math.min(i, forms.length)));
}

/** Shows what was refused where it belongs. */
function refused(key, problem) {
  if (key) failed.add(key);
  if (key instanceof PollForm && problem.code === "invalid" && problem.field) {
    key.refused(problem.field, wrong(problem));
    key.say(t("edit.not_saved"));
    announce(wrong(problem));
  } else if (key === "title" && problem.code === "invalid") {
    wrongTitle(t("edit.wrong", { name: t("edit.title"), text: wrong(problem) }));
  } else if (key === "voters" && problem.code === "invalid" && voters.wrong(problem.field, wrong(problem))) {
    announce(wrong(problem));
  } else {
    if (key instanceof PollForm) key.say(t("edit.not_saved"));
    notify(refusal(problem), "error");
    if (problem.status === 409) catchUp(); // somebody has displayed the poll meanwhile
  }
}

/** Reads what became of the polls: they may have been displayed from another page. */
async function catchUp() {
  if (!id) return;
  const there = await get(at(id), { token }).catch(() => null);
  if (there && !timers.has("voters") && !failed.has("voters") && pending === 0) keepVoters(there);
  for (const poll of there?.polls ?? []) {
    const form = forms.find((f) => f.id === poll.poll_id);
    if (!form || form.status === poll.status) continue;
    if (poll.status !== "pending" && !timers.has(form)) { // what people see is what counts
      form.right();
      form.fill(poll);
      form.say("");
      failed.delete(form);
    }
    form.setStatus(poll.status);
  }
  tell();
}

function wrongTitle(text) {
  const note = find("#title-wrong");
  show(note, Boolean(text));
  write(note, text ?? "");
  if (text) title.setAttribute("aria-invalid", "true");
  else title.removeAttribute("aria-invalid");
}

/** Says whether everything is saved. */
function tell() {
  if (!id) return;
  const unfinished = forms.some((form) => (form.id || !form.empty) && form.missing());
  let text = t("edit.saved");
  if (pending > 0 || timers.size > 0) text = t("edit.saving");
  else if (failed.size > 0) text = t("edit.not_saved");
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
  wrongTitle();
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
    keepPresentation({ id, title: body.title, join_code: data.join_code, token });
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
      if (index === undefined) wrongTitle(t("edit.wrong", { name: t("edit.title"), text }));
      else sent[index].refused(field, text).focus();
      announce(text);
    }
    return false;
  } finally {
    busy(false);
  }
}

/** Creates it with the key of the server, if it has one, and asks for that. null: nobody knew it. */
async function createWithKey(body) {
  for (;;) {
    try {
      return (await call("POST", "/presentations", { body, token: createKey() })).data;
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

/** Whether something in a file is a poll. What else is wrong with it the API says, at its field. */
function legible(poll) {
  const { question, kind = "choice", options = [], banned_words: banned = [] } = poll ?? {};
  return typeof question === "string" && kinds.includes(kind) && Array.isArray(options) && Array.isArray(banned)
    && options.every((o) => typeof o?.value === "string" && typeof (o.key ?? "") === "string");
}

/** Takes the polls of a file: into a new presentation with its title, into one that is there at its end. */
async function importFile() {
  const [file] = find("#file").files;
  find("#file").value = "";
  if (!file) return;
  let presentation = null;
  try {
    presentation = JSON.parse(await file.text());
  } catch {
    return notify(t("edit.no_json"), "error");
  }
  const polls = Array.isArray(presentation) ? presentation : presentation?.polls;
  if (!Array.isArray(polls) || polls.length === 0 || !polls.every(legible)) return notify(t("edit.no_polls"), "error");
  for (const form of forms.filter((f) => f.empty && !f.id)) {
    form.element.remove();
    forms = forms.filter((f) => f !== form);
  }
  if (title.value.trim() === "" && typeof presentation.title === "string") {
    title.value = presentation.title;
    if (id) later("title", saveTitle, true);
  }
  if (!id) takeVoters(presentation);
  for (const { question, kind, options, max_choices, results_visibility, banned_words } of polls) {
    const form = addForm({ question, kind, options, max_choices, results_visibility, banned_words });
    if (id) later(form, () => savePoll(form), true);
  }
  if (!id) keepDraft();
  notify(t("edit.imported", { n: polls.length }));
}

/** Takes from a file who may vote, where it says so as it should; into a new presentation only, like its title. */
function takeVoters({ voters: who, max_voters: most }) {
  if (who === "anyone") voters.fill({ voters: who });
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
    const p = await get(at(id), { token });
    title.value = savedTitle = p.title;
    for (const poll of p.polls) addForm(poll);
    keepVoters(p);
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
  wrongTitle();
  name();
  if (id) later("title", saveTitle, false);
  else keepDraft();
});
title.addEventListener("change", () => id && later("title", saveTitle, true));
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
find("#file").addEventListener("change", importFile);
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
  if (!leaving && id && (pending > 0 || timers.size > 0 || failed.size > 0)) event.preventDefault();
});
voters.listen(() => (id ? later("voters", saveVoters, true) : keepDraft()));
addEventListener("pagehide", () => !id && keepDraftNow());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && catchUp());

voters.fill(voters.usual);
begin();
