// Who may vote, on the page for writing: with a pass or without one, the size of the room, the passcode.

import { find, show, write } from "./dom.js";
import { t } from "./text.js";

/** What new presentations begin with here. The API's own default is "anyone". */
export const usual = { voters: "pass", max_voters: 0, passcode: "" };

const radios = [...document.querySelectorAll("[name=voters]")];
const room = find("#max-voters");
const passcode = find("#passcode");
const fields = { max_voters: room, passcode };

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
  if (radios.find((radio) => radio.checked)?.value === "anyone") return { voters: "anyone" };
  return { voters: "pass", max_voters: room.value.trim() === "" ? 0 : Number(room.value), passcode: passcode.value.trim() };
}

/** Gives the part of it that is not as it was saved. */
export function changes(saved) {
  return Object.fromEntries(Object.entries(chosen()).filter(([name, value]) => value !== saved[name]));
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
export const busy = () => Object.values(fields).includes(document.activeElement);

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
