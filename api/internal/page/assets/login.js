// The page to log in on. It leads back to where somebody was.

import { enter, logIn, sends } from "./accountform.js";
import { announce, find, show, write } from "./dom.js";
import { next, session } from "./session.js";
import { drop, keep, read } from "./store.js";
import { t } from "./text.js";

const attempt = 600000; // ms: so long somebody may take to log in at a provider

/**
 * Takes in what stands behind "#" when somebody comes back from a provider. A session is taken from there only if this browser has
 * gone there shortly before: else any link could log people in as somebody else.
 */
function comeBack() {
  const said = new URLSearchParams(location.hash.slice(1));
  const gone = read("provider") || {};
  if (!said.has("session") && !said.has("problem")) return;
  drop("provider");
  const mine = Date.now() - gone.at < attempt && Date.now() >= gone.at;
  history.replaceState(null, "", `${location.pathname}${mine ? gone.query : ""}`); // nobody sees it over a shoulder
  if (said.has("session") && mine) return enter(said.get("session"));
  const note = find("#login .form-wrong");
  write(note, problem(mine ? said.get("problem") : "invalid_log_in"));
  show(note);
  announce(note.textContent);
}

function problem(code) {
  switch (code) {
    case "log_in_refused": return t("login.refused");
    case "email_unverified": return t("login.unverified");
    case "invalid_log_in": return t("login.invalid");
    default: return t("control.away");
  }
}

const provider = find("#provider"); // if there is one
if (provider) provider.addEventListener("click", () => keep("provider", { at: Date.now(), query: location.search }));

comeBack();
if (session()) location.replace(next());
show(find("#go-on"), location.search !== "");
for (const link of document.querySelectorAll(".onward a")) link.search = location.search;

sends(find("#login"), async (body) => {
  enter(await logIn(body));
}, { wrong_password: t("login.wrong") });
