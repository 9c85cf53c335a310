// The page on which somebody asks everybody: a question, options and tags. What is wrong is said at its field.

import { Problem } from "./api.js";
import { withKey } from "./createkey.js";
import { announce, enable, find, show, usable, write } from "./dom.js";
import { most, pageOf } from "./feedpolls.js";
import { refusal } from "./refusal.js";
import { loginPage, session, working } from "./session.js";
import { t } from "./text.js";

const form = find("#ask");
const button = find("#publish");
const fields = Object.fromEntries(["title", "options", "tags", "results", "closes_at"].map((name) => [name, form.elements[name]]));

const parts = (text, between) => text.split(between).map((part) => part.trim()).filter(Boolean);

/** Gives what is written, as the API takes it. Its options are numbered as their lines are. */
function written() {
  const { title, options, tags, results, closes_at: closes } = fields;
  return {
    title: title.value.trim(), options: parts(options.value, "\n"), tags: parts(tags.value, /[,،;\n]/), results: results.value,
    ...closes.value && { closes_at: new Date(closes.value).toISOString() },
  };
}

/** Gives the names of fields of which one sees here that they are wrong. */
function missing({ title, options, tags }) {
  const all = [];
  if (!title) all.push("title");
  if (options.length < most.least) all.push("options");
  if (tags.length === 0) all.push("tags");
  if (fields.closes_at.validity.badInput) all.push("closes_at"); // half a time would be none
  return all;
}

/** Says what holds for a field. Of a list it says which part is wrong. */
function rule(name) {
  const [, field, place] = /^(\w+)(?:\[(\d+)\])?/.exec(name);
  const of = (text) => (place === undefined ? text : `${t("feed.nth", { n: Number(place) + 1 })} ${text}`);
  switch (field) {
    case "title": return t("wrong.text", { n: most.title });
    case "options": return of(t("feed.wrong_options", { least: most.least, n: most.options, length: most.option }));
    case "tags": return of(t("feed.wrong_tags", { n: most.tags, length: most.tag }));
    default: return t("feed.wrong_closes");
  }
}

/** Says what is wrong with these fields, and puts the cursor into the first. */
function wrong(names) {
  const said = [];
  for (const name of names) {
    const field = fields[/^\w+/.exec(name)[0]];
    if (!field || field.getAttribute("aria-invalid")) continue; // one rule is enough for a field
    const note = find(`#${field.id}-wrong`);
    write(note, rule(name));
    show(note);
    field.setAttribute("aria-invalid", "true");
    said.push(note.textContent);
  }
  const first = find("[aria-invalid]", form);
  if (!first) return false;
  const folded = first.closest("details");
  if (folded) folded.open = true;
  first.focus();
  announce(said.join(" "));
  return true;
}

function right() {
  for (const note of form.querySelectorAll(".wrong")) show(note, false);
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!usable(button)) return;
  right();
  const body = written();
  if (wrong(missing(body))) return;
  enable(button, false);
  try {
    const made = await withKey("/polls", session(), { body });
    if (made) location.assign(pageOf(made));
    else enable(button, true);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    enable(button, true);
    if (problem.status === 401 || problem.code === "invalid" && wrong(problem.fields)) return;
    write(find("#form-wrong"), refusal(problem));
    show(find("#form-wrong"));
  }
});

if (working()) show(form);
else location.replace(loginPage());
