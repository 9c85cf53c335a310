// The dialogs of the presenter's pages: a question before something is gone, and the way to the remote.

import { publicBase, unreachable } from "./address.js";
import { find, front, leave, make, notify, show } from "./dom.js";
import { t } from "./text.js";

const noticeFor = 6000; // ms

/** Asks before something that cannot be undone, and gives whether it was confirmed. */
export function ask(title, text, yes) {
  const dialog = make("dialog", { class: "ask", "aria-labelledby": "ask-name", "aria-describedby": "ask-text" },
    make("h2", { id: "ask-name" }, title),
    make("p", { id: "ask-text" }, text),
    make("form", { method: "dialog", class: "row dialog-end" },
      make("button", { value: "no", autofocus: true }, t("dialog.cancel")),
      make("button", { value: "yes", class: "danger" }, yes)));
  return new Promise((resolve) => open(dialog, () => resolve(dialog.returnValue === "yes")));
}

let silence = 0; // when what was said goes
let home = null; // where it stands

/** Shows the presenter what the server refused, or did, and says it to screen readers. What is said last stands in #notice. */
export function say(text, kind = "info") {
  const notice = find("#notice");
  home ??= notice.parentElement;
  const place = front() === document.body ? home : front();
  if (notice.parentElement !== place) place.prepend(notice);
  notice.className = `presenter-notice ${kind === "error" ? "is-error" : ""}`;
  notice.replaceChildren(make("p", {}, text));
  clearTimeout(silence);
  silence = setTimeout(() => notice.replaceChildren(), noticeFor);
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

/**
 * Shows the link to the remote. Whoever has it holds the presenter's token, so the link and its QR code are covered until they
 * are asked for: the dialog may be on a projector. The token is in no URL that a server sees: it stands in the fragment, and
 * the QR code is asked for in a body. Where everybody may present there is none.
 */
export function remote(id, token) {
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
      make("button", { type: "button", click: copy }, t("remote.copy")),
      make("a", { class: "button", href: url, target: "_blank", rel: "noopener" }, t("remote.open")),
      make("button", { class: "primary" }, t("dialog.close"))));

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

/** Gives the source of a picture with a text's QR code, or null where the server has none. */
async function qr(text) {
  try {
    const headers = { "Content-Type": "text/plain" };
    const answer = await fetch("/qr.svg", { method: "POST", headers, body: text, credentials: "omit" });
    return answer.ok ? `data:image/svg+xml,${encodeURIComponent(await answer.text())}` : null;
  } catch {
    return null;
  }
}
