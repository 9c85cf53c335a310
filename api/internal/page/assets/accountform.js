// The forms of an account: what is in them is sent, and what is wrong with it is said at its field.

import { call, Problem } from "./api.js";
import { announce, enable, find, show, usable, write } from "./dom.js";
import { refusal } from "./refusal.js";
import { keepSession, next } from "./session.js";
import { t } from "./text.js";

// What the API takes; a test compares it with what the API says of itself.
const most = { username: 50, least: 8, password: 128 };

/**
 * Has a form send what is in its fields, by their names. What send throws is said at the field that it is about, or before the
 * button. wrongs has words for codes that mean something else here.
 */
export function sends(form, send, wrongs = {}) {
  const button = find(".primary", form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!usable(button)) return;
    right(form);
    const missing = [...form.elements].find((field) => field.required && field.value === "" && !field.closest("[hidden]"));
    if (missing) return wrong(missing, t("wrong.missing"));
    enable(button, false);
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      wrong(fieldOf(form, problem), wrongs[problem.code] || say(problem), form);
    } finally {
      enable(button, true);
    }
  });
}

/** For calls that check a password. A hall may make them at once: a server that has too many to check (503) is asked again. */
export const patient = { tries: 6, again: ({ status }) => status === 503 };

/** Logs in and gives the token. */
export const logIn = async (body) => (await call("POST", "/auth/login", { body, ...patient })).data.token;

/** Goes where log-in leads, with its session; or says that this browser keeps none. */
export function enter(token) {
  if (keepSession(token)) location.replace(next());
  else show(find("#forgets"));
}

/** Gives the field that a problem is about, or null. */
function fieldOf(form, { code, field }) {
  const name = { email_taken: "email", wrong_password: "password" }[code] || field;
  return (name && form.elements[name]) || null;
}

function say(problem) {
  const { code, field } = problem;
  if (code === "email_taken") return t("wrong.email_taken");
  if (code === "wrong_password") return t("wrong.password");
  if (code === "invalid_reset") return t("reset.over");
  if (code !== "invalid") return refusal(problem);
  switch (field) {
    case "username": return t("wrong.username", { n: most.username });
    case "email": return t("wrong.email");
    case "password":
    case "new_password": return t("wrong.new_password", { least: most.least, n: most.password });
    default: return refusal(problem);
  }
}

/** Says what is wrong with a field, or with all of the form. */
function wrong(field, text, form) {
  const note = field ? find(`#${field.id}-wrong`) : find(".form-wrong", form);
  show(note);
  write(note, text);
  announce(text);
  if (!field) return;
  field.setAttribute("aria-invalid", "true");
  field.focus();
  field.select();
}

function right(form) {
  for (const note of form.querySelectorAll(".wrong")) {
    show(note, false);
    write(note, "");
  }
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}
