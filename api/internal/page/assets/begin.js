// How the presenter's screens begin: the stage and the remote.

import { find, show, write } from "./dom.js";
import { refusal } from "./refusal.js";
import { keepToken } from "./token.js";

/** Keeps the screen on while the page is seen. */
async function stayAwake() {
  if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => {});
}

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
