// The page to register on. Whoever has registered is logged in.

import { call } from "./api.js";
import { enter, logIn, patient, sends } from "./accountform.js";
import { find } from "./dom.js";

for (const link of document.querySelectorAll(".onward a")) link.search = location.search;

sends(find("#register"), async ({ username, email, password }) => {
  let taken = null;
  try {
    await call("POST", "/auth/register", { body: { username, email, password }, ...patient });
  } catch (problem) {
    if (problem.code !== "email_taken") throw problem;
    taken = problem; // by themselves, where the answer to an earlier try was lost: then they can log in
  }
  try {
    enter(await logIn({ email, password }));
  } catch (problem) {
    throw taken || problem;
  }
});
