// What the presenter's screens say of people beside how many are connected: the passes that were given, and the passcode.

import { find, show, write } from "./dom.js";
import { number, t } from "./text.js";

/** Draws what a control (control.js) knows of that. */
export function drawPeople({ voters, connected, passes, maxVoters, oneAddress, passcode }) {
  const given = voters === "pass" && connected !== null;
  show(find("#passes-part"), given);
  write(find("#passes"), number(passes));
  write(find("#passes-name"), maxVoters > 0 ? t("stage.passes_of", { of: maxVoters }) : t("stage.passes", { n: passes }));
  show(find("#one-address"), given && oneAddress > 0);
  write(find("#one-address"), given && oneAddress > 0 ? t("stage.one_address", { n: oneAddress }) : "");
  show(find("#passcode-part"), passcode !== "");
  write(find("#passcode"), passcode);
}
