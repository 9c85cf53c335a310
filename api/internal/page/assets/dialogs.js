// The dialogs of the presenter's pages: a question before something is gone, and the way to the remote.

import { here, publicBase, unreachable } from "./address.js";
import { at, call, get } from "./api.js";
import { find, front, leave, make, notify, show } from "./dom.js";
import { qr } from "./qr.js";
import { refusal } from "./refusal.js";
import { account, session } from "./session.js";
import { keepPresentation, keepRemote, remoteOf } from "./store.js";
import { t } from "./text.js";
import { presenterPage } from "./token.js";

const noticeFor = 6000; // ms
const offerFor = 15000; // ms, where there is something to press

/** Asks before something that cannot be undone, and gives whether it was confirmed. */
export function ask(title, text, yes) {
  const dialog = make("dialog", { class: "ask", "aria-labelledby": "ask-name", "aria-describedby": "ask-text" },
    make("h2", { id: "ask-name" }, title),
    make("p", { id: "ask-text", class: "said", dir: "auto" }, text),
    make("form", { method: "dialog", class: "row dialog-end" },
      make("button", { value: "no", autofocus: true }, t("dialog.cancel")),
      make("button", { value: "yes", class: "danger" }, yes)));
  return new Promise((resolve) => open(dialog, () => resolve(dialog.returnValue === "yes")));
}

let silence = 0; // when what was said goes
let home = null; // where it stands

/**
 * Shows the presenter what the server refused, or did, and says it to screen readers. What is said last stands in #notice. With
 * offer, {name, act}, there is a button besides.
 */
export function say(text, kind = "info", offer = null) {
  const notice = find("#notice");
  home ??= notice.parentElement;
  const place = front() === document.body ? home : front();
  if (notice.parentElement !== place) place.prepend(notice);
  notice.className = `presenter-notice ${kind === "error" ? "is-error" : ""}`;
  const button = offer && make("button", { type: "button", click: offer.act }, offer.name);
  notice.replaceChildren(make("p", {}, text, button));
  clearTimeout(silence);
  silence = setTimeout(() => notice.replaceChildren(), offer ? offerFor : noticeFor);
}

/** Shows a dialog; when it closes it is gone, and the focus is back where it was. */
export function open(dialog, closed = () => {}) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    const notice = find("#notice", dialog);
    if (notice) home.prepend(notice);
    leave(dialog);
    dialog.remove();
    closed();
  });
  dialog.showModal();
}

/** Gives the token of a presentation's remote: the one that is kept, if it is still good, or a new one. */
async function remoteKey(id, token, anew) {
  const kept = anew ? null : remoteOf(id);
  if (kept && (await get(at(id), { token: kept })).role === "remote") return kept;
  const { data } = await call("POST", at(id, "remote"), { token, tries: 3 });
  keepRemote(id, data.remote_token);
  return data.remote_token;
}

let preparing = false;

/**
 * Shows the link to the remote, once its token is there. Whoever has the link may move the slides, so it and its QR code are
 * covered until they are asked for: the dialog may be on a projector. The token is in no URL that a server sees: it stands in
 * the fragment, and the QR code is asked for in a body. Where everybody may present there is none. anew ends the old one.
 */
export async function remote(id, token, anew = false) {
  if (preparing) return;
  preparing = true;
  try {
    showRemote(id, token, token && await remoteKey(id, token, anew));
  } catch (problem) {
    notify(refusal(problem), "error");
  } finally {
    preparing = false;
  }
}

function showRemote(id, presenters, token) {
  const url = `${publicBase}/remote/${id}${token ? `#token=${token}` : ""}`;
  const address = make("input", { id: "remote-url", type: "password", readonly: true, value: url, autocomplete: "off" });
  const picture = make("img", { class: "qr", alt: t("remote.qr"), width: "260", height: "260", hidden: true });
  const dialog = make("dialog", { class: "remote-dialog", "aria-labelledby": "remote-name" },
    make("h2", { id: "remote-name" }, t("remote.link")),
    make("p", {}, t("remote.link_text")),
    make("p", { class: "notice notice-warn small" }, t("remote.secret")),
    unreachable && make("p", { class: "notice notice-warn small" }, t("stage.unreachable")),
    make("p", { class: "centre" }, picture,
      make("button", { class: "uncover", type: "button", click: uncover }, t("remote.uncover"))),
    make("label", { for: "remote-url" }, t("remote.address")),
    address,
    make("form", { method: "dialog", class: "row dialog-end" },
      token && make("button", { type: "button", id: "remote-anew", click: anew }, t("remote.anew")),
      make("button", { type: "button", click: copy }, t("remote.copy")),
      make("a", { class: "button", href: url, target: "_blank", rel: "noopener" }, t("remote.open")),
      make("button", { class: "primary" }, t("dialog.close"))));

  async function anew() {
    if (!await ask(t("remote.anew"), t("remote.anew_ask"), t("remote.anew_yes"))) return;
    dialog.close();
    remote(id, presenters, true);
  }

  async function uncover() {
    address.type = "text";
    show(find(".uncover", dialog), false);
    address.focus();
    const source = await qr(url);
    if (source) picture.src = source;
    show(picture, source !== null);
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(url);
      notify(t("remote.copied"));
    } catch { // not without https
      const { type } = address;
      address.type = "text"; // nothing is copied out of a covered field
      address.select();
      const copied = document.execCommand("copy");
      notify(copied ? t("remote.copied") : t("remote.copy_yourself"));
      const cover = () => { address.type = type; };
      if (copied) cover();
      else address.addEventListener("blur", cover, { once: true }); // it may be on a projector
    }
  }

  open(dialog);
}

/**
 * Renews the presenter's token, after asking: whoever has an old link, of this page or of a remote, has no say any more. The page
 * begins anew with the new one.
 */
export async function renewLinks(id, token) {
  if (!await ask(t("renew.links"), t("renew.links_ask"), t("renew.links_yes"))) return;
  const fresh = drawToken();
  try {
    await call("POST", at(id, "token"), { token, body: { presenter_token: fresh } });
  } catch (problem) { // the answer may be lost: then the new one is good
    const seen = await get(at(id), { token: fresh }).catch(() => null);
    if (seen?.role !== "owner") return notify(refusal(problem), "error");
  }
  keepPresentation({ id, token: fresh, ...token === session() && { account: account() } });
  location.replace(presenterPage(`/${here().join("/")}`, fresh));
  location.reload(); // where the address differs in its fragment only
}

/** Draws a token of 256 bits. */
export function drawToken() {
  const bytes = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}

/** Asks before a presentation gets another join code. */
export const askForCode = () => ask(t("renew.code"), t("renew.code_ask"), t("renew.code_yes"));
