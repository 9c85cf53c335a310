// The way to give a link on: by what the phone has for that, or the clipboard.

import { notify } from "./dom.js";
import { t } from "./text.js";

/** Shares a link, {title, url}, when the button is pressed. */
export function shares(button, link) {
  button.addEventListener("click", async () => {
    const { title, url } = link();
    try {
      if (navigator.share && matchMedia("(pointer: coarse)").matches) await navigator.share({ title, url });
      else if (window !== window.top) throw new Error("a frame has no clipboard");
      else {
        await navigator.clipboard.writeText(url);
        notify(t("results.copied"));
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      if (copied(url, button)) notify(t("results.copied"));
      else prompt(t("results.copy"), url);
    }
  });
}

/** Copies a text in the old way, and gives whether that worked: without https, or in a frame, there is no other. */
function copied(text, button) {
  const field = document.createElement("textarea");
  Object.assign(field, { readOnly: true, className: "unseen", value: text });
  document.body.append(field);
  field.select();
  const yes = document.execCommand("copy");
  field.remove();
  button.focus();
  return yes;
}
