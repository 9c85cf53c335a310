// The results of every poll that was displayed, to share, to print and to take away. They are read again as long
// as somebody looks.

import { here, leaveFrames, publicBase } from "./address.js";
import { at, base, get, Problem } from "./api.js";
import { chart, voters } from "./chart.js";
import { find, make, notify, show, write } from "./dom.js";
import { mended } from "./mended.js";
import { shares } from "./share.js";
import { t } from "./text.js";
import { keepToken, readerToken } from "./token.js";
import { written } from "./written.js";

const id = decodeURIComponent(here()[1]);
const token = readerToken(id); // who has it sees what is hidden from others
const cards = new Map(); // by what is drawn once of a poll
const again = 3000; // while a poll closes
const later = 15_000; // while voting for one is open: this page is for afterwards, and each reader asks for all polls
const texts = ["word_cloud", "open_text"]; // kinds that people write to
const rarely = 30_000; // when all is final: the next question may come, or one again

const kinds = () => ({
  choice: t("kind.choice"), multiple: t("kind.multiple"), rating: t("kind.rating"),
  word_cloud: t("kind.word_cloud"), open_text: t("kind.open_text"),
});
const statuses = () => ({ open: t("status.open"), closing: t("status.closing"), final: t("status.final") });
const identities = () => ({
  client: t("results.by_client"), pass: t("results.by_pass"), account: t("results.by_account"),
});

function card(poll) {
  const bars = chart(poll);
  const status = make("span", { class: "badge" });
  const total = make("span", { class: "soft" });
  const hidden = make("p", { class: "soft" }, t("results.hidden"));
  const identity = make("p", { class: "soft small identity" });
  const all = texts.includes(poll.kind) ? written(id, token, poll, bars.element) : null;
  const mends = mended(id, poll.poll_id);
  const element = make("li", { class: "card poll" },
    make("h2", { class: "said", dir: "auto" }, poll.question),
    make("p", { class: "row small" }, make("span", { class: "badge" }, kinds()[poll.kind] ?? poll.kind), status, total, all?.shown),
    bars.element, all?.element, hidden, mends.element, identity);
  return {
    element,
    update(results) {
      write(status, statuses()[results.status] ?? results.status);
      status.className = `badge badge-${results.status}`;
      write(total, voters(results));
      show(hidden, Boolean(results.hidden));
      write(identity, identities()[results.identity] ?? results.identity);
      mends.update(results);
      show(bars.element, !results.hidden);
      if (!results.hidden) bars.update(results);
      all?.update(results);
    },
  };
}

function render({ title, polls }) {
  const name = title || t("results.untitled");
  write(find("#title"), name);
  document.title = `${name} – ${t("results.title")} – Plenary`;
  write(find("#summary"), polls.length > 0 ? t("results.polls", { n: polls.length }) : t("results.none"));
  show(find("#actions"));
  const elements = polls.map((poll) => {
    const key = JSON.stringify([poll.poll_id, poll.kind, poll.question, poll.options.map(({ key, value }) => [key, value])]);
    if (!cards.has(key)) cards.set(key, card(poll));
    cards.get(key).update(poll);
    return cards.get(key).element;
  });
  const list = find("#polls");
  const same = elements.length === list.children.length && elements.every((element, i) => element === list.children[i]);
  if (!same) list.replaceChildren(...elements);
}

async function load() {
  try {
    const all = await get(at(id, "results"), { token });
    render(all);
    const is = (status) => all.polls.some((poll) => poll.status === status);
    if (is("closing")) setTimeout(whenSeen, again);
    else setTimeout(whenSeen, (is("open") ? later : rarely) * (0.8 + 0.4 * Math.random()));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.passes) {
      notify(t("results.unreachable"), "error");
      setTimeout(whenSeen, 2 * again);
      return;
    }
    write(find("#title"), t("missing.title"));
    write(find("#summary"), t("missing.text"));
    find("#title").focus();
  }
}

/** Keeps the presenter's token that came with the address. These results are for everybody, so another call says whether it is right. */
async function keep() {
  if (!token || !new URLSearchParams(location.hash.slice(1)).has("token")) return;
  try {
    await get(at(id, "export"), { token });
    const { title, join_code } = await get(at(id));
    keepToken({ id, title, join_code, token });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem; // else it stays in the address, for the next load
  }
}

/** Reads again, as soon as somebody looks. */
function whenSeen() {
  if (document.visibilityState === "visible") load();
  else document.addEventListener("visibilitychange", whenSeen, { once: true });
}

// --- to share, print and take away -------------------------------------------------------------------------------------------

shares(find("#share"), () => ({ title: document.title, url: `${publicBase}/${here().join("/")}` }));
find("#print").addEventListener("click", () => print());

// Where a number's fraction stands behind a comma, a spreadsheet expects a table's cells between semicolons.
const comma = new Intl.NumberFormat(navigator.language).format(1.5).includes(",");

for (const format of ["xlsx", "csv", "json"]) {
  const link = find(`#${format}`);
  link.href = `${base}${at(id, "results")}?format=${format}${format === "csv" && comma ? "&separator=%3B" : ""}`;
  link.download = `plenary-${id}.${format}`;
  link.setAttribute("aria-label", t("results.download", { format: format.toUpperCase() }));
  if (token) link.addEventListener("click", (event) => fetched(event, link));
}

/** Downloads with the presenter's token, which a link alone cannot send. */
async function fetched(event, link) {
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { Authorization: `Bearer ${token}` }, credentials: "omit" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const url = URL.createObjectURL(await answer.blob());
    make("a", { href: url, download: nameOf(answer) ?? link.download }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch {
    notify(t("results.unreachable"), "error");
  }
}

/** The name that the server gives a file. */
function nameOf(answer) {
  const said = answer.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=utf-8''([^;]+)/i.exec(said)?.[1];
  return encoded ? decodeURIComponent(encoded) : /filename="?([^";]+)"?/.exec(said)?.[1];
}

leaveFrames();
load();
keep();
