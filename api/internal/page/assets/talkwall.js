// A talk on the wall of its hall: what it is called, how its ratings stand, and where people rate it. It shows what everybody may
// see, whoever opened it.

import { here, plain, publicHost, unreachable } from "./address.js";
import { get } from "./api.js";
import { find, show, write } from "./dom.js";
import { qr } from "./qr.js";
import { atTalk, histogram, rateLink, ratingsOf } from "./talks.js";
import { t } from "./text.js";
import { watch } from "./watch.js";

const id = plain(here()[1]);
const chart = histogram();
let talk = null;
let shown = null; // the numbers that are drawn

function told(data) {
  const renamed = !talk || talk.code !== data.code;
  talk = data;
  write(find("#title"), talk.title);
  find("#title").classList.toggle("long", talk.title.length > 60);
  document.title = `${talk.title} – Plenary`;
  write(find("#speaker"), talk.speaker);
  write(find("#address"), `${publicHost}/t/${talk.code}`);
  find("#wall").setAttribute("aria-busy", "false");
  if (renamed) picture();
  if (shown) draw(shown);
}

async function picture() {
  const source = await qr(rateLink(talk.code));
  if (source) find("#qr").src = source;
  show(find("#qr"), source !== null);
}

function draw(numbers) {
  if (shown && numbers.revision < shown.revision) return;
  shown = numbers;
  if (!talk) return;
  const seen = numbers.histogram !== null;
  write(find("#covered"), seen ? "" : t("rate.hidden", { n: talk.settings.min_ratings }));
  show(find("#chart"), seen);
  write(find("#count"), seen ? t("talk.ratings", { n: numbers.count }) : "");
  if (seen) chart.update(numbers);
}

function state(now) {
  if (now === "gone") return gone();
  const text = { open: "", slow: t("audience.slow"), offline: t("audience.offline") }[now] ?? t("audience.connecting");
  show(find("#away"), text !== "");
  write(find("#away"), text);
}

function gone() {
  show(find("#wall"), false);
  show(find("#away"), false);
  show(find("#page"));
  show(find("#trouble"));
  write(find("#trouble"), t("rate.unknown"));
}

async function look() {
  told(await get(atTalk(id)));
  draw(await get(ratingsOf(id)));
}

show(find("#unreachable"), unreachable);
find("#chart").append(chart.element);
watch(atTalk(id, "events"), {
  event: (name, data) => (name === "talk" ? told(data) : name === "ratings" && draw(data)), look, state,
}, { always: true });
