// Which presentation offers its audience to rate a talk: a dialog with those that this browser holds, and those of the account.

import { at, call, get } from "./api.js";
import { open } from "./dialogs.js";
import { make, notify } from "./dom.js";
import { session } from "./session.js";
import { presentations } from "./store.js";
import { t } from "./text.js";

/** Gives the presentations that this browser holds, and the newest of the account that it does not. */
async function all() {
  const held = presentations();
  if (!session()) return held;
  const { items } = await get("/users/me/presentations", { token: session() });
  const ids = new Set(held.map(({ id }) => id));
  return [...held, ...items.filter(({ presentation_id: id }) => !ids.has(id))
    .map(({ presentation_id: id, title }) => ({ id, title, token: session() }))];
}

/** Asks for a presentation of one's own, and has it name the talk. Throws a Problem. */
export async function presentation({ talk_id: talk, title }) {
  const mine = await all();
  const choice = make("select", { id: "of-presentation", autofocus: true },
    mine.map((one) => make("option", { value: one.id }, one.title || t("landing.untitled"))));
  const dialog = make("dialog", { class: "ask", "aria-labelledby": "present-name", "aria-describedby": "present-text" },
    make("h2", { id: "present-name" }, t("programme.present"), ": ", make("bdi", {}, title)),
    make("p", { id: "present-text" }, mine.length > 0 ? t("talk.present_text") : t("talk.present_none")),
    make("form", { method: "dialog" },
      mine.length > 0 && [make("label", { for: "of-presentation" }, t("programme.present")), choice],
      make("div", { class: "row dialog-end" },
        make("button", { value: "no", autofocus: mine.length === 0 }, t("dialog.cancel")),
        mine.length > 0 && make("button", { value: "yes", class: "primary" }, t("talk.present_yes")))));
  const yes = await new Promise((resolve) => open(dialog, () => resolve(dialog.returnValue === "yes")));
  if (!yes) return;
  const { id, token } = mine.find((one) => one.id === choice.value);
  await call("PATCH", at(id), { token, body: { talk_id: talk }, tries: 3 });
  notify(t("talk.present_done"));
}
