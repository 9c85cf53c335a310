// The landing page: the presentations that this browser may present. The form to join needs no script.

import { root } from "./address.js";
import { createKey, keepCreateKey } from "./createkey.js";
import { find, make, notify, show } from "./dom.js";
import { session } from "./session.js";
import { dropPresentation, presentations } from "./store.js";
import { t } from "./text.js";

const list = find("#list");

function render() {
  const mine = presentations();
  show(find("#mine"), mine.length > 0);
  show(find("#log-in"), !session());
  show(find("#things"), Boolean(session()));
  list.replaceChildren(...mine.map(line));
}

function line(presentation) {
  const title = presentation.title || t("landing.untitled");
  const of = () => make("span", { class: "unseen" }, `: ${title}`);
  const link = (to, text, kind = "") =>
    make("a", { class: `button small ${kind}`, href: `${root}/${to}/${encodeURIComponent(presentation.id)}` }, text, of());
  return make("li", { class: "row" },
    make("div", { class: "grow" },
      make("strong", { class: "said", dir: "auto" }, title), " ", make("span", { class: "code soft small" }, presentation.join_code ?? "")),
    make("div", { class: "row tight" },
      link("stage", t("landing.present"), "primary"), link("edit", t("landing.edit")), link("results", t("landing.results")),
      make("button", { type: "button", class: "quiet small", click: () => remove(presentation) }, t("landing.remove"), of())));
}

/** Takes a presentation off the list. It is still there for whoever has its token. */
function remove(presentation) {
  const confirmed = confirm(t("landing.remove_sure", { title: presentation.title || t("landing.untitled") }));
  if (!confirmed) return;
  const place = presentations().findIndex((p) => p.id === presentation.id);
  dropPresentation(presentation.id);
  render();
  const buttons = list.querySelectorAll("button");
  (buttons[place] ?? buttons[place - 1] ?? find("#code")).focus(); // the one that had the focus is gone
  notify(t("landing.removed"));
}

const keyForm = find("#key-form"); // where creating takes a key

keyForm?.addEventListener("submit", (event) => {
  event.preventDefault();
  keepCreateKey(find("#key").value);
  location.assign(`${root}/edit/new`);
});
if (keyForm) {
  show(keyForm, !createKey());
  show(find("#create"), Boolean(createKey()));
}

addEventListener("storage", render);
addEventListener("pageshow", render); // back from the editor
render();
