// What was changed elsewhere while it was changed here: it is shown where it belongs, and whose stays is for people to say.

import { make } from "./dom.js";
import { t } from "./text.js";

/** Makes the question whose text stays: what they wrote, and a button for each choice, which takes the question away. */
export function elsewhere(theirs, { keep, take }) {
  return question(t("edit.elsewhere"), theirs, [[t("edit.keep_mine"), keep], [t("edit.take_theirs"), take]]);
}

/** Makes the question what is to become of a poll that was deleted elsewhere while it was edited here. */
export function deletedElsewhere({ add, remove }) {
  return question(t("edit.deleted_elsewhere"), "", [[t("edit.add_again"), add], [t("edit.delete_too"), remove]]);
}

function question(name, text, choices) {
  const element = make("div", { class: "elsewhere notice notice-warn", role: "group", "aria-label": name },
    make("p", {}, make("strong", {}, name), text && " ", text && make("span", { class: "said", dir: "auto" }, text)),
    make("div", { class: "row" }, choices.map(([label, choose]) => make("button", {
      type: "button",
      click: (event) => {
        event.stopPropagation();
        element.remove();
        choose();
      },
    }, label))));
  return element;
}
