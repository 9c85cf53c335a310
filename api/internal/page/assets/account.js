// The page of an account: its name, address and password, and its end. A link from whoever runs the server, or from a letter, sets
// the password anew.

import { root } from "./address.js";
import { sends } from "./accountform.js";
import { call, get, Problem } from "./api.js";
import { find, notify, show, write } from "./dom.js";
import { refusal } from "./refusal.js";
import { ended, forget, keepSession, loginPage, session, working } from "./session.js";
import { t } from "./text.js";

const anew = new URLSearchParams(location.hash.slice(1)).get("reset"); // the link's token, which no server has seen
const email = find("#email");
let saved = ""; // the address

function fill(account) {
  saved = account.email;
  find("#username").value = account.username;
  email.value = saved;
  present();
}

/** Another address takes the present password. */
function present() {
  const other = email.value.trim() !== saved;
  show(find("#present-part"), other);
  if (!other) find("#present").value = "";
}

async function begin() {
  if (anew) return show(find("#reset-part"));
  if (!working()) return location.replace(loginPage());
  try {
    fill(await get("/users/me", { token: session() }));
    show(find("#profile-part"));
  } catch (problem) {
    trouble(problem);
  }
}

function trouble(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status === 401) return; // the page leaves
  write(find("#trouble"), refusal(problem));
  show(find("#trouble"));
}

sends(find("#reset"), async ({ password }) => {
  await call("POST", "/auth/reset", { body: { token: anew, password } });
  ended(session());
  history.replaceState(null, "", location.pathname); // it is of no use any more
  show(find("#reset"), false);
  show(find("#reset-done"));
  find("#reset-done").focus();
});

email.addEventListener("input", present);
sends(find("#profile"), async (body) => {
  fill((await call("PATCH", "/users/me", { token: session(), body })).data);
  notify(t("account.saved"));
});
sends(find("#password"), async (body) => {
  const { data } = await call("POST", "/users/me/password", { token: session(), body });
  keepSession(data.token);
  find("#password").reset();
  notify(t("account.password_saved"));
});

find("#log-out").addEventListener("click", async () => {
  try {
    await call("POST", "/auth/logout", { token: session(), tries: 3 });
  } catch (problem) {
    if (problem.status !== 401) return notify(refusal(problem), "error");
  }
  forget();
  location.assign(`${root}/`);
});
find("#delete").addEventListener("click", async () => {
  if (!confirm(t("account.delete_ask"))) return;
  try {
    await call("DELETE", "/users/me", { token: session(), tries: 3 });
  } catch (problem) {
    return notify(refusal(problem), "error");
  }
  forget(true);
  location.assign(`${root}/`);
});

begin();
