// What people wrote beside their ratings of a talk, for its owner: a dialog in which each comment is hidden, or shown again.

import { call, get, Problem } from "./api.js";
import { open } from "./dialogs.js";
import { enable, make, notify, show, usable, write } from "./dom.js";
import { refused } from "./talkrefusal.js";
import { atTalk } from "./talks.js";
import { moment, t } from "./text.js";

const page = 50;

/** Shows a talk's comments, the newest first. Throws a Problem where they cannot be read. */
export async function comments(id, title, token) {
  let { items, next } = await read("");
  const list = make("ul", { class: "comments" });
  const none = make("p", { class: "soft" }, t("talk.no_comments"));
  const more = make("button", { type: "button", click: grow }, t("written.grow"));
  const dialog = make("dialog", { class: "comments-dialog", "aria-labelledby": "comments-name" },
    make("h2", { id: "comments-name" }, t("programme.comments"), ": ", make("bdi", {}, title)),
    none, list, more, make("form", { method: "dialog", class: "row dialog-end" }, make("button", { class: "primary", autofocus: true }, t("dialog.close"))));

  function read(cursor) {
    const query = new URLSearchParams({ limit: page });
    if (cursor) query.set("cursor", cursor);
    return get(`${atTalk(id, "comments")}?${query}`, { token });
  }

  function draw() {
    const lines = items.map(line);
    list.append(...lines);
    show(none, list.children.length === 0);
    if (!next && document.activeElement === more && lines.length > 0) lines[0].lastChild.focus(); // the button goes
    show(more, Boolean(next));
  }

  async function grow() {
    if (!usable(more)) return;
    enable(more, false);
    try {
      ({ items, next } = await read(next));
      draw();
    } catch (problem) {
      complain(problem);
    } finally {
      enable(more, true);
    }
  }

  function line(comment) {
    const said = make("span", { class: "said grow", dir: "auto" }, comment.text);
    const button = make("button", { type: "button", class: "small", click: turn });
    const element = make("li", { class: "row" },
      make("span", { class: "soft small" }, t("talk.stars", { n: comment.value }), " · ",
        make("time", { datetime: comment.at }, moment(new Date(comment.at)))), said, button);
    let { hidden } = comment;
    dress();

    function dress() {
      element.classList.toggle("is-hidden", hidden);
      write(button, hidden ? t("talk.show") : t("talk.hide"));
    }
    async function turn() {
      if (!usable(button)) return;
      enable(button, false);
      try {
        const { data } = await call("PATCH", atTalk(id, "comments", comment.comment_id), { token, body: { hidden: !hidden }, tries: 3 });
        ({ hidden } = data);
        dress();
      } catch (problem) {
        complain(problem);
      } finally {
        enable(button, true);
      }
    }
    return element;
  }

  function complain(problem) {
    if (!(problem instanceof Problem)) throw problem;
    notify(problem.code === "not_found" ? t("talk.comment_gone") : refused(problem), "error");
  }

  draw();
  open(dialog);
}
