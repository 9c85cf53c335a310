// The key of a server on which not everybody may create presentations. This browser keeps it.

import { call } from "./api.js";
import { open } from "./dialogs.js";
import { make } from "./dom.js";
import { keep, read } from "./store.js";
import { t } from "./text.js";

/** Gives the kept key, or null. */
export const createKey = () => read("create_key");

/** Keeps a key. */
export const keepCreateKey = (key) => keep("create_key", key.trim());

/** Asks for the key, and gives whether there is one then. */
export function askForKey(wrong) {
  const input = make("input", { id: "create-key", type: "password", required: true, autocomplete: "off", maxlength: "200", autofocus: true });
  const dialog = make("dialog", { class: "ask", "aria-labelledby": "key-name", "aria-describedby": "key-text" },
    make("h2", { id: "key-name" }, t("key.name")),
    make("p", { id: "key-text" }, wrong ? t("key.wrong") : t("key.needed")),
    make("form", { method: "dialog" },
      make("label", { for: "create-key" }, t("key.label")), input,
      make("div", { class: "row dialog-end" },
        make("button", { value: "no", formnovalidate: true, type: "button", click: () => dialog.close("no") }, t("dialog.cancel")),
        make("button", { value: "yes", class: "primary" }, t("key.go")))));
  return new Promise((resolve) => open(dialog, () => {
    const given = dialog.returnValue === "yes" && input.value.trim() !== "";
    if (given) keepCreateKey(input.value);
    resolve(given);
  }));
}

/**
 * Adds something, as its owner if there is one, with the key of the server, if it has one, and asks for that. null: nobody knew it.
 */
export async function withKey(path, owner, options) {
  for (;;) {
    const key = createKey();
    const headers = owner && key ? { "X-Create-Key": key } : {};
    try {
      return (await call("POST", path, { token: owner ?? key, headers, ...options })).data;
    } catch (problem) {
      const wrong = problem.code === "create_key_wrong";
      if (!wrong && problem.code !== "create_key_missing") throw problem;
      if (!await askForKey(wrong)) return null;
    }
  }
}
