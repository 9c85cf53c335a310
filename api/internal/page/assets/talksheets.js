// Sheets to print, one for each talk: what it is called, and the QR code by which people rate it. ?talk= names a single one.

import { publicHost, unreachable } from "./address.js";
import { get, Problem, rest } from "./api.js";
import { enable, find, make, show, usable, write } from "./dom.js";
import { qr } from "./qr.js";
import { atTalk, heading, rateLink } from "./talks.js";
import { programme } from "./programmelist.js";
import { t } from "./text.js";

const list = find("#sheets");

const tries = 4;

/** Gives a talk's QR code. Throws a Problem where the server draws none: a sheet without it is of no use. */
async function codeOf(talk) {
  for (let attempt = 1; attempt <= tries; attempt++) {
    const source = await qr(rateLink(talk.code));
    if (source) return source;
    await rest(attempt);
  }
  throw new Problem({});
}

/** Makes a talk's sheet, once its code is drawn. */
async function sheet(talk) {
  const source = await codeOf(talk);
  return make("li", { class: "card talk-sheet" }, heading(talk), make("p", {}, t("wall.rate")),
    make("img", { class: "qr", src: source, alt: t("wall.qr"), width: "280", height: "280" }),
    make("p", {}, make("strong", { class: "code" }, `${publicHost}/t/${talk.code}`)));
}

async function load() {
  const only = new URLSearchParams(location.search).get("talk");
  try {
    const talks = only ? [await get(atTalk(only))] : await programme();
    for (const talk of talks) list.append(await sheet(talk));
    write(find("#summary"), t("sheet.count", { n: talks.length }));
    enable(find("#print"), talks.length > 0);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    write(find("#summary"), problem.passes ? t("control.away") : t("rate.unknown"));
  }
}

find("#print").addEventListener("click", (event) => usable(event.currentTarget) && print());
show(find("#unreachable"), unreachable);
load();
