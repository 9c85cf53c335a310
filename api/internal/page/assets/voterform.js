// Who may vote, on the page for writing: with a pass or without one, the size of the room, the passcode.

import { find, show, write } from "./dom.js";
import { Decisions } from "./elsewhere.js";
import { t } from "./text.js";

/** What new presentations begin with here. The API's own default is "anyone". */
export const usual = { voters: "pass", max_voters: 0, passcode: "" };

const radios = [...document.querySelectorAll("[name=voters]")];
const room = find("#max-voters");
const passcode = find("#passcode");
const fields = { max_voters: room, passcode };
const asked = new Decisions();
let saved = usual; // as far as it was taken in; what is written here began with that
let theirs = usual; // what the API has, as far as this page knows

/** Begins to listen. edited is called when something else was chosen: a half of a number or a passcode is none yet. */
export function listen(edited) {
  for (const input of [...radios, room, passcode]) {
    input.addEventListener("change", () => {
      right();
      dress();
      edited();
    });
  }
}

/** Gives what is chosen, as the API takes it. Who may vote without a pass needs none of the rest. */
export function chosen() {
  const who = radios.find((radio) => radio.checked)?.value ?? "pass";
  if (who !== "pass") return { voters: who };
  return { voters: "pass", max_voters: room.value.trim() === "" ? 0 : Number(room.value), passcode: passcode.value.trim() };
}

const entry = ({ voters, max_voters = 0, passcode = "" }) => ({ voters, max_voters, passcode });

/** Gives the part of it that is to be sent, or null. */
export function change() {
  const body = Object.fromEntries(Object.entries(chosen()).filter(([name, value]) => value !== saved[name]));
  return Object.keys(body).length === 0 || asked.has("voters") ? null : body;
}

/** Takes in that it was saved as the API has it now. waits says that something is to be sent still. */
export function kept(now, waits) {
  saved = theirs = entry(now);
  if (!busy() && !waits) fill(saved);
}

/** The question that is to be answered before it can be saved, or null. */
export const undecided = () => asked.first;

/** Takes in what it is elsewhere. decided is called after a question was answered. */
export function meet(now, waits, decided) {
  theirs = now ? entry(now) : theirs;
  const there = theirs;
  const mine = entry(chosen());
  const changed = Object.keys(there).filter((name) => mine[name] !== saved[name]);
  const here = Object.fromEntries(changed.map((name) => [name, mine[name]]));
  const clash = changed.some((name) => there[name] !== saved[name] && there[name] !== mine[name]);
  if (clash) {
    const keep = () => {
      saved = there;
      decided();
    };
    const take = () => {
      fill(there);
      keep();
    };
    return asked.ask("voters", say(there), (question) => find("#with-pass").after(question), { keep, take });
  }
  asked.settle("voters");
  if (changed.length === 0 && (busy() || waits)) return; // it is taken in when the hand leaves it
  saved = there;
  if (!busy() && !waits) fill({ ...there, ...here });
}

/** Says in words who may vote. */
function say({ voters, max_voters: most, passcode: word }) {
  const who = { pass: t("edit.pass"), account: t("edit.account"), anyone: t("edit.anyone") };
  return [who[voters], most || "", word].filter(Boolean).join(" · ");
}

/** Shows what is saved. */
export function fill({ voters, max_voters: most = 0, passcode: word = "" }) {
  for (const radio of radios) radio.checked = radio.value === voters;
  if (voters === "pass") { // else what was chosen here stays, for whoever chooses it again
    room.value = most > 0 ? most : "";
    passcode.value = word;
  }
  right();
  dress();
}

/** Whether somebody is writing here. */
const busy = () => Object.values(fields).includes(document.activeElement);

function dress() {
  show(find("#with-pass"), chosen().voters === "pass");
}

/** Gives the field in which something is missing, and says there what, or null. */
export function missing() {
  const { max_voters: most = 0 } = chosen();
  if (!room.validity.badInput && Number.isInteger(most)) return null;
  wrong("max_voters", t("edit.no_number"));
  return room;
}

/** Says what was refused, at its field, and gives that; null: it is none of these. */
export function wrong(name, text) {
  const field = fields[name];
  if (!field) return null;
  field.setAttribute("aria-invalid", "true");
  const note = find(`#${field.id}-wrong`);
  show(note);
  write(note, text);
  return field;
}

/** Takes back all that was said to be wrong. */
export function right() {
  for (const field of Object.values(fields)) {
    field.removeAttribute("aria-invalid");
    const note = find(`#${field.id}-wrong`);
    show(note, false);
    write(note, "");
  }
}
