// The page for a forgotten password. The answer is the same for every address.

import { call } from "./api.js";
import { sends } from "./accountform.js";
import { find, show } from "./dom.js";

for (const link of document.querySelectorAll(".onward a")) link.search = location.search;

sends(find("#forgot"), async (body) => {
  let said = "#sent";
  try {
    await call("POST", "/auth/forgot", { body, tries: 3 });
  } catch (problem) {
    if (problem.status !== 404 && problem.status !== 501) throw problem;
    said = "#no-mail";
  }
  show(find("#forgot"), false);
  show(find(said));
  find(said).focus();
});
