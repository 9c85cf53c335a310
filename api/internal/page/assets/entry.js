// What the audience's page asks or says before somebody may vote: the passcode, and that the room is full. Nobody else sees it.

import { announce, enable, find, show, write } from "./dom.js";
import { t } from "./text.js";

const card = find("#entry");
const form = find("#entry-form");
const field = find("#passcode");
const note = find("#entry-note");
let door = null;
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

/** Shows what there is to say of a door (pass.js). */
function update(of) {
  door = of;
  const { asks, full, state } = door;
  const comes = card.hidden && (asks || full);
  const before = said;
  said = full ? "full" : state;
  show(card, asks || full);
  if (card.hidden) {
    field.value = "";
    return;
  }
  const lost = full && form.contains(document.activeElement); // what has the focus goes
  const name = full ? t("entry.full") : t("entry.name");
  write(find("#entry-title"), name);
  write(find("#entry-text"), full ? t("entry.full_text") : t("entry.text"));
  show(form, !full);
  show(find("#again"), full);
  field.setAttribute("aria-invalid", String(state === "wrong"));
  note.classList.toggle("wrong", state === "wrong");
  write(note, noteOf(door));
  for (const button of [find("#enter"), find("#again")]) enable(button, state !== "checking");
  if (state === "wrong" && before !== "wrong") {
    field.focus();
    field.select();
  } else if (lost) find("#entry-title").focus();
  else if (comes && asks && !document.activeElement.matches("input, textarea")) field.focus(); // nobody is torn from what they write
  if (comes || lost || (full && state === "" && before === "full")) announce(name);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (field.value.trim() === "") return field.focus();
  if (door.state !== "checking") door.type(field.value.trim());
});
find("#again").addEventListener("click", () => door.state !== "checking" && door.again());

export const entry = { update };
