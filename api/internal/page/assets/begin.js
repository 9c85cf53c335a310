// How the presenter's screens begin: the stage and the remote.

import { find, show, write } from "./dom.js";
import { refusal } from "./refusal.js";
import { keepToken } from "./token.js";

/** Keeps the screen on while the page is seen. */
async function stayAwake() {
  if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => {});
}

/**
 * Has the focus leave what a pointer pressed, so that the next key is not a press of the same button: what was hidden or closed
 * would be shown or opened again. What a keyboard, or a screen reader, went to keeps it, and so does what is in a dialog.
 */
function giveFocusBack() {
  let byPointer = false; // the last thing was done by one
  const letGo = (event) => {
    if (event.type === "click") byPointer = event.detail > 0;
    const { activeElement } = document;
    if (byPointer && activeElement?.matches("button, a, summary") && !activeElement.closest("dialog[open]")) activeElement.blur();
  };
  addEventListener("pointerdown", () => { byPointer = true; }, true);
  addEventListener("keydown", () => { byPointer = false; }, true);
  addEventListener("pointerup", letGo, true); // also where it was pulled off the button; a finger gives the focus after that only
  addEventListener("click", letGo, true);
  document.addEventListener("close", letGo, true); // a dialog gives the focus back to what opened it
}

giveFocusBack();

/**
 * Starts a control and then calls ready, to show the page. Where it cannot be started the page says why, and begins anew if that
 * may help.
 */
export async function begin(control, token, ready) {
  document.addEventListener("visibilitychange", stayAwake);
  try {
    await control.start();
  } catch (problem) {
    write(find("#trouble"), refusal(problem));
    show(find("#trouble"));
    if (problem.passes) setTimeout(() => begin(control, token, ready), 3000); // a reload might find no page at all
    return;
  }
  keepToken({ id: control.id, title: control.title, join_code: control.code, token }, control.role);
  show(find("#trouble"), false);
  ready();
  stayAwake();
}
