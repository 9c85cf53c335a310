// The form in which a talk is written: a dialog, for a new one and for one that is there.

import { Problem } from "./api.js";
import { open } from "./dialogs.js";
import { announce, enable, make, show, usable, write } from "./dom.js";
import { refused } from "./talkrefusal.js";
import { most } from "./talks.js";
import { t } from "./text.js";

const largest = 1000000; // ratings until which numbers may be hidden

/** Gives a moment of the API's as a field for local time has it, and back. */
function local(at) {
  if (!at) return "";
  const date = new Date(at);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
const moment = (text) => (text ? new Date(text).toISOString() : null);

/**
 * Shows the form, with a talk or empty. save is called with what is to be sent, which is all or what was changed, and gives whether
 * it was saved. What the API refuses is said at its field. Resolves when the form is closed.
 */
export function talkForm(talk, save) {
  const { settings = { comments: "on", voters: "anyone", min_ratings: 0 } } = talk ?? {};
  const wrongs = new Map(); // by the last part of a field's name
  const fields = new Map();

  function field(name, label, input, hint) {
    const wrong = make("p", { class: "wrong", id: `${name}-wrong`, hidden: true });
    const said = hint && make("p", { class: "hint", id: `${name}-hint` }, hint);
    input.setAttribute("aria-describedby", [hint && `${name}-hint`, `${name}-wrong`].filter(Boolean).join(" "));
    wrongs.set(name, wrong);
    fields.set(name, input);
    return make("div", {}, make("label", { class: "field" }, make("span", {}, label), input), wrong, said);
  }
  const text = (value, maxlength, more) => make("input", { value, maxlength, dir: "auto", ...more });
  const at = (value) => make("input", { type: "datetime-local", value: local(value), "data-was": local(value) });
  const choice = (value, options) => make("select", {}, Object.entries(options).map(([key, label]) =>
    make("option", { value: key, selected: key === value }, label)));

  const submit = make("button", { class: "primary" }, talk ? t("talk.save") : t("programme.add"));
  const trouble = make("p", { class: "notice notice-bad", role: "alert", hidden: true });
  const form = make("form", { novalidate: true, autocomplete: "off", submit: send },
    field("title", t("edit.title"), text(talk?.title ?? "", 2 * most.title, { required: true, autofocus: true })),
    field("speaker", t("talk.speaker"), text(talk?.speaker ?? "", 2 * most.title)),
    make("div", { class: "poll-settings" },
      field("starts_at", t("talk.starts"), at(talk?.starts_at)), field("ends_at", t("talk.ends"), at(talk?.ends_at)),
      field("opens_at", t("talk.opens"), at(settings.opens_at), t("talk.opens_hint")),
      field("closes_at", t("talk.closes"), at(settings.closes_at), t("talk.closes_hint")),
      field("min_ratings", t("talk.min_ratings"),
        make("input", { type: "number", inputmode: "numeric", min: "0", max: largest, value: settings.min_ratings }), t("talk.min_ratings_hint")),
      field("comments", t("programme.comments"), choice(settings.comments,
        { on: t("talk.comments_on"), moderated: t("talk.comments_moderated"), off: t("talk.comments_off") })),
      field("voters", t("talk.voters"), choice(settings.voters,
        { anyone: t("edit.anyone"), pass: t("edit.pass"), account: t("edit.account") }))),
    trouble,
    make("div", { class: "row dialog-end" },
      make("button", { type: "button", click: () => dialog.close() }, t("dialog.cancel")), submit));
  const dialog = make("dialog", { class: "talk-form", "aria-labelledby": "talk-form-name" },
    make("h2", { id: "talk-form-name" }, talk ? t("talk.edit") : t("programme.add")), form);

  /** Gives what is written, as the API takes it; of a talk that is there only what was changed. */
  function written() {
    const value = (name) => fields.get(name).value.trim();
    const body = { settings: {} };
    const put = (into, name, now, was) => { if (!talk || now !== was) into[name] = now; };
    const time = (into, name) => {
      const { value: now, dataset } = fields.get(name);
      if (!talk || now !== dataset.was) into[name] = moment(now);
    };
    put(body, "title", value("title"), talk?.title);
    put(body, "speaker", value("speaker"), talk?.speaker);
    time(body, "starts_at");
    time(body, "ends_at");
    time(body.settings, "opens_at");
    time(body.settings, "closes_at");
    put(body.settings, "min_ratings", Number(value("min_ratings")), settings.min_ratings);
    put(body.settings, "comments", value("comments"), settings.comments);
    put(body.settings, "voters", value("voters"), settings.voters);
    if (Object.keys(body.settings).length === 0) delete body.settings;
    return body;
  }

  async function send(event) {
    event.preventDefault();
    if (!usable(submit)) return;
    right();
    if (fields.get("title").value.trim() === "") return wrong("title");
    for (const [name, input] of fields) if (input.validity.badInput) return wrong(name); // half a time would be none
    enable(submit, false);
    try {
      if (await save(written())) dialog.close();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const name = (problem.field ?? "").split(".").pop();
      if (problem.code === "invalid" && fields.has(name)) wrong(name);
      else {
        show(trouble);
        write(trouble, refused(problem));
      }
    } finally {
      enable(submit, true);
    }
  }

  /** Says what holds for a field that is wrong, and puts the cursor there. */
  function wrong(name) {
    const rules = {
      title: t("wrong.text", { n: most.title }), speaker: t("wrong.title", { n: most.title }),
      ends_at: t("talk.wrong_ends"), closes_at: t("talk.wrong_closes"), min_ratings: t("wrong.max_voters", { n: largest }),
    };
    const rule = rules[name] ?? t("talk.wrong_time");
    show(wrongs.get(name));
    write(wrongs.get(name), rule);
    fields.get(name).setAttribute("aria-invalid", "true");
    fields.get(name).focus();
    announce(rule);
  }

  function right() {
    show(trouble, false);
    for (const [name, note] of wrongs) {
      show(note, false);
      fields.get(name).removeAttribute("aria-invalid");
    }
  }

  return new Promise((resolve) => open(dialog, resolve));
}
