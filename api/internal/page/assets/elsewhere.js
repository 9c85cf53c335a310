// What was changed elsewhere while it was changed here: it is shown where it belongs, and whose stays
// is for people to say.

import { announce, make } from "./dom.js";
import { t } from "./text.js";

/** The questions that are to be answered, by what they are about. */
export class Decisions {
  #open = new Map();

  /** The first of them, as an element, or null. */
  get first() {
    return this.#open.values().next().value?.element ?? null;
  }

  has(key) {
    return this.#open.has(key);
  }

  /** Gives what they are about. */
  get keys() {
    return [...this.#open.keys()];
  }

  /**
   * Asks whose stays, if it is not asked already. put puts the question where it belongs. keep is called
   * where what is written here stays, take where it is what was written elsewhere, which text says.
   */
  ask(key, text, put, { keep, take }) {
    if (this.#open.get(key)?.text === text) return;
    this.settle(key);
    const then = (act) => () => {
      this.settle(key);
      act();
    };
    const element = question(t("edit.elsewhere"), text, [
      [t("edit.keep_mine"), then(keep)], [t("edit.take_theirs"), then(take)],
    ]);
    this.#open.set(key, { element, text });
    put(element);
    announce(`${t("edit.elsewhere")} ${text}`);
  }

  /** Takes a question away that nobody has to answer any more. */
  settle(key) {
    this.#open.get(key)?.element.remove();
    this.#open.delete(key);
  }
}

/** Makes the question what is to become of a poll that was deleted elsewhere while it was edited here. */
export function deletedElsewhere({ add, remove }) {
  announce(t("edit.deleted_elsewhere"));
  return question(t("edit.deleted_elsewhere"), "", [
    [t("edit.add_again"), add], [t("edit.delete_too"), remove],
  ]);
}

function question(name, text, choices) {
  const choice = ([label, choose]) => make("button", {
    type: "button",
    click: (event) => {
      event.stopPropagation();
      element.remove();
      choose();
    },
  }, label);
  const theirs = text && make("span", { class: "said", dir: "auto" }, text);
  const element = make("div", { class: "elsewhere notice notice-warn", role: "group", "aria-label": name },
    make("p", {}, make("strong", {}, name), theirs && " ", theirs),
    make("div", { class: "row" }, choices.map(choice)));
  return element;
}
