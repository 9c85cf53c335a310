// What an account has, and what this browser holds the tokens of besides. The account can take that over, and then has it on every
// device.

import { root } from "./address.js";
import { at, call, get, isOfSession, Problem } from "./api.js";
import { find, make, notify, show, write } from "./dom.js";
import { keepTalks, talks } from "./mytalks.js";
import { refusal } from "./refusal.js";
import { account, ended, loginPage, session, working } from "./session.js";
import { keepPresentation, nameOf, presentations } from "./store.js";
import { t } from "./text.js";

/** The kinds of things: where the account's are listed, what this browser holds, and how one is drawn. */
const kinds = [{
  name: "presentations",
  held: presentations,
  taken: (p) => keepPresentation({ id: p.id, account: account() }),
  claim: (p) => at(p.id, "claim"),
  read: ({ presentation_id: id, title, join_code }) => ({ id, title, join_code }),
  code: (p) => p.join_code,
  links: (p) => [["stage", t("landing.present"), "primary"], ["edit", t("landing.edit"), ""], ["results", t("landing.results"), ""]]
    .map(([to, text, kind]) => [`${to}/${encodeURIComponent(p.id)}`, text, kind]),
}, {
  name: "talks",
  held: talks,
  taken: ({ id }) => keepTalks({ id, account: account() }),
  claim: (talk) => `/talks/${encodeURIComponent(talk.id)}/claim`,
  read: ({ talk_id: id, title, code }) => ({ id, title, code }),
  code: (talk) => talk.code,
  links: (talk) => [[`t/${encodeURIComponent(talk.code)}`, t("mine.rate"), ""], [`wall/${encodeURIComponent(talk.id)}`, t("mine.wall"), ""]],
}];

const title = (thing) => thing.title || t("landing.untitled");
const of = (thing) => make("span", { class: "unseen" }, `: ${title(thing)}`);

/** Draws one thing: what it is called, and what can be done with it. */
function line(kind, thing, ...more) {
  const links = kind.links(thing).map(([to, text, look]) =>
    make("a", { class: `button small ${look}`, href: `${root}/${to}` }, text, of(thing)));
  return make("li", { class: "row" },
    make("div", { class: "grow" }, make("strong", { class: "said", dir: "auto" }, title(thing)), " ",
      make("span", { class: "code soft small" }, kind.code(thing) || "")),
    make("div", { class: "row tight" }, links, more));
}

const seen = new Set(); // ids of what is known to be the account's

const there = []; // kinds that this server has

/** What this browser alone holds, as [kind, thing]. */
const held = () => there.flatMap((kind) => kind.held()
  .filter((thing) => thing.account !== account() && !seen.has(thing.id)).map((thing) => [kind, thing]));

function drawHeld() {
  const all = held();
  show(find("#held-part"), all.length > 0);
  show(find("#claim-all"), all.length > 1);
  find("#held").replaceChildren(...all.map(([kind, thing]) => line(kind, thing,
    make("button", { type: "button", class: "small", click: () => take([[kind, thing]]) }, t("mine.claim"), of(thing)))));
}

/** Reads a page of what the account has of a kind, and draws it. */
async function more(kind, cursor) {
  const button = find(`#${kind.name}-more`);
  const { items, next } = await get(`/users/me/${kind.name}${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`, { token: session() });
  const things = items.map(kind.read).filter(({ id }) => !seen.has(id)); // else it was just taken over
  for (const { id } of things) seen.add(id);
  const place = find(`#${kind.name}`);
  const lines = things.map((thing) => line(kind, thing));
  place.append(...lines);
  show(button, Boolean(next));
  button.onclick = () => more(kind, next).then(drawHeld).catch(trouble);
  show(find(`#${kind.name}-none`), place.children.length === 0);
  if (cursor && !next) find("a", lines[0] || place).focus(); // the button that had the focus is gone
}

/** Has the account take over things that this browser holds. */
async function take(all) {
  let taken = 0;
  for (const [kind, thing] of all) {
    try {
      await call("POST", kind.claim(thing), { token: thing.token, body: { account_token: session() }, tries: 3 });
    } catch (problem) {
      if (isOfSession(problem)) {
        ended(session());
        return location.replace(loginPage());
      }
      notify(`${title(thing)}: ${refusal(problem)}`, "error");
      if (problem.passes) break;
      continue;
    }
    taken++;
    seen.add(thing.id);
    kind.taken(thing);
    find(`#${kind.name}`).prepend(line(kind, thing));
    show(find(`#${kind.name}-none`), false);
  }
  drawHeld();
  (find("#held button") || find("h1")).focus();
  if (taken > 0) notify(t("mine.claimed", { n: taken }));
}

function trouble(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status === 401) return; // the page leaves
  write(find("#trouble"), refusal(problem));
  show(find("#trouble"));
}

/** Lists a kind of things, if this server has it. */
async function list(kind) {
  try {
    await more(kind);
  } catch (problem) {
    if (problem.status === 404) return;
    throw problem;
  }
  there.push(kind);
  show(find(`#${kind.name}-part`));
}

async function begin() {
  if (!working()) return location.replace(loginPage());
  try {
    for (const kind of kinds) await list(kind);
    drawHeld();
    show(find("#mine"));
  } catch (problem) {
    trouble(problem);
  }
}

find("#claim-all").addEventListener("click", () => take(held()));
const ours = kinds.map(({ name }) => nameOf(name));
addEventListener("storage", ({ key }) => ours.includes(key) && drawHeld()); // another tab has created something
begin();
