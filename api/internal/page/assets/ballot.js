// What a voter answers with: a button for each option where one tap votes, else a form.

import { announce, enable, make, show, usable, write } from "./dom.js";
import { t } from "./text.js";

const longest = { word_cloud: 50, open_text: 500 }; // characters that the API takes

/** Whether a vote is no reason to send the same answer again. */
const stands = (vote) => ["sending", "retrying", "counted", "accepted", "late"].includes((vote || {}).state);

/**
 * Makes the ballot of a poll: {element, hint, nothing, update(vote, open, anew), resume(draft), reword(poll)}. cast is called with an
 * answer as votes.js takes it; nothing is the one that takes another back. drafted is called with what was begun and is not
 * sent, {keys} or {texts}, or with null where that is what was sent; resume puts it in again. update shows what was answered
 * and whether one may answer still; anew says that the vote is of an earlier time. What cannot be used keeps the focus, so
 * that a keyboard goes on from where it was. reword shows the texts of the same poll when they were mended.
 */
export function ballot(poll, cast, drafted) {
  switch (poll.kind) {
    case "multiple": return multiple(poll, cast, drafted);
    case "word_cloud": return written(poll, cast, drafted, poll.max_choices || 3);
    case "open_text": return written(poll, cast, drafted, 1);
    default: return single(poll, cast);
  }
}

const value = (option) => make("span", { class: "value said", dir: "auto" }, option.value);

function single(poll, cast) {
  const isRating = poll.kind === "rating";
  const answer = (key) => ({ currentTarget }) => usable(currentTarget) && cast({ key });
  const button = (option) => make("button", {
    type: "button", class: "option", "aria-pressed": "false", click: answer(option.key),
    "aria-label": isRating ? t("ballot.stars", { value: option.value, of: poll.options.length }) : null,
  }, isRating ? null : make("span", { class: "mark", "aria-hidden": "true" }), value(option));
  const buttons = new Map(poll.options.map((option) => [option.key, button(option)]));
  const group = make("div", { class: "options", role: "group", "aria-labelledby": "question" }, ...buttons.values());
  const ends = make("p", { class: "ends soft small", "aria-hidden": "true" },
    make("span", {}, t("ballot.lowest")), make("span", {}, t("ballot.highest")));
  group.classList.toggle("scale", isRating);
  return {
    element: isRating ? make("div", {}, group, ends) : group,
    hint: isRating ? t("ballot.rate") : t("ballot.choose_one"),
    nothing: { keys: [] },
    resume() {}, // a tap is sent at once
    update(vote, open) {
      for (const [key, button] of buttons) {
        button.setAttribute("aria-pressed", String(Boolean(vote) && vote.answer.key === key));
        enable(button, open);
      }
    },
    reword: (now) => now.options.forEach(({ key, value }) => write(buttons.get(key).lastElementChild, value)),
  };
}

function multiple(poll, cast, drafted) {
  const most = Math.min(poll.max_choices, poll.options.length);
  const tick = (event) => usable(event.target) || event.preventDefault();
  const box = (option) => make("input", { type: "checkbox", value: option.key, click: tick, change: changed });
  const boxes = new Map(poll.options.map((option) => [option.key, box(option)]));
  const send = make("button", { type: "submit", class: "primary large wide" });
  const chosen = make("p", { class: "soft small", "aria-live": "polite" });
  const element = make("form", { class: "options", "aria-labelledby": "question", submit },
    poll.options.map((option) => make("label", { class: "option" },
      boxes.get(option.key), value(option))),
    chosen, send);
  let open = true;
  let shown = ""; // the answer that the boxes were set to last
  let sent = ""; // the one that need not be sent again
  const keys = () => [...boxes].filter(([, box]) => box.checked).map(([key]) => key);

  function changed() {
    count();
    drafted(keys().join("\n") === shown ? null : { keys: keys() });
  }
  function count() {
    const n = keys().length;
    for (const box of boxes.values()) enable(box, open && (n < most || box.checked));
    write(chosen, t("ballot.chosen", { n, most }));
    enable(send, open && n > 0 && keys().join("\n") !== sent);
    write(send, sent === "" ? t("ballot.send") : t("ballot.send_change"));
  }
  function submit(event) {
    event.preventDefault();
    if (usable(send)) cast({ keys: keys() });
  }
  return {
    element,
    hint: most > 1 ? t("ballot.choose_up_to", { n: most }) : t("ballot.choose_one"),
    nothing: { keys: [] },
    resume(draft) {
      for (const [key, box] of boxes) box.checked = (draft.keys || []).includes(key);
      count();
    },
    update(vote, isOpen, anew) {
      open = isOpen;
      const answered = ((vote && vote.answer.keys) || []).filter((key) => boxes.has(key));
      const now = [...boxes.keys()].filter((key) => answered.includes(key)).join("\n");
      if (now !== shown) {
        shown = now;
        for (const [key, box] of boxes) box.checked = answered.includes(key);
      }
      sent = stands(vote) && !anew ? now : "";
      count();
    },
    reword: (now) => now.options.forEach(({ key, value }) => write(boxes.get(key).nextElementSibling, value)),
  };
}

const overrides = /[\u202a-\u202e\u2066-\u2069]/g; // of the direction of others
const breaks = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;

/** Gives a text as the API keeps it: one line, or lines with their indentation and one blank line at most between two. */
function clean(text, inLines) {
  const composed = text.replace(overrides, "").normalize("NFC");
  if (!inLines) return composed.trim().replace(/\s+/g, " ");
  const lines = composed.replace(breaks, "\n").replace(/[^\S\n]+$/gm, "").replace(/^\n+|\n+$/g, "").replace(/\n{3,}/g, "\n\n");
  return lines.includes("\n") ? lines : lines.trim();
}

/** Counts characters as the API does: a picture of two halves is one. */
const lengthOf = (text) => Array.from(text).length;

/** Free text: up to so many words, or one text. */
function written(poll, cast, drafted, entries) {
  const isWords = poll.kind === "word_cloud";
  const most = longest[poll.kind];
  const common = { dir: "auto", maxlength: 4 * most, input: changed };
  const fields = Array.from({ length: entries }, (_, i) => isWords
    ? make("input", {
      ...common, type: "text", autocomplete: "off", placeholder: t("ballot.word_here"),
      "aria-label": t("ballot.word", { i: i + 1, of: entries }),
    })
    : make("textarea", {
      ...common, rows: 4, placeholder: t("ballot.text_here"), keydown: sendByKey,
      "aria-labelledby": "question", "aria-keyshortcuts": "Control+Enter Meta+Enter",
    }));
  const length = make("p", { class: "soft small", id: "length", hidden: true });
  const send = make("button", { type: "submit", class: "primary large wide" });
  const element = make("form", { class: "options", submit, novalidate: true }, fields, length, send);
  let open = true;
  let shown = "";
  let sent = "";
  let refused = ""; // what the API did not take
  let wasLong = false;
  const cleaned = (field) => clean(field.value, !isWords);
  const texts = () => {
    const all = fields.map(cleaned).filter((text) => text !== "");
    return all.filter((text, i) => all.findIndex((other) => other.toLocaleLowerCase() === text.toLocaleLowerCase()) === i);
  };

  /** Says how long the longest text is, as soon as it is nearly too long. */
  function measure() {
    const n = Math.max(...fields.map((field) => lengthOf(cleaned(field))));
    const isLong = n > most;
    const isNear = n > 0.8 * most;
    show(length, isNear);
    length.classList.toggle("wrong", isLong);
    write(length, isNear ? t("ballot.length", { n, most }) : "");
    if (isLong && !wasLong) announce(length.textContent);
    wasLong = isLong;
    return isLong;
  }
  function check() {
    const now = texts();
    const isRefused = refused !== "" && now.join("\n") === refused;
    const isLong = measure();
    for (const field of fields) {
      field.readOnly = !open;
      const isWrong = isRefused ? cleaned(field) !== "" : lengthOf(cleaned(field)) > most;
      field.setAttribute("aria-invalid", String(isWrong));
      field.setAttribute("aria-describedby", isRefused ? "vote" : "length");
    }
    enable(send, !isLong && open && now.length > 0 && now.join("\n") !== sent);
    write(send, sent === "" ? t("ballot.send") : t("ballot.send_change"));
  }
  function changed() {
    check();
    drafted(texts().join("\n") === shown ? null : { texts: fields.map((field) => field.value) });
  }
  function submit(event) {
    event.preventDefault();
    check();
    if (!usable(send)) return;
    const now = texts();
    cast(entries > 1 ? { texts: now } : { text: now[0] });
  }
  function sendByKey(event) { // Enter alone begins a line
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) submit(event);
  }
  return {
    element,
    hint: !isWords ? t("ballot.write") : entries > 1 ? t("ballot.write_up_to", { n: entries }) : t("ballot.write_word"),
    nothing: { texts: [] },
    resume(draft) {
      fields.forEach((field, i) => { field.value = (draft.texts || [])[i] || ""; });
      check();
    },
    update(vote, isOpen, anew) {
      open = isOpen;
      const { text, texts: several } = vote ? vote.answer : {};
      const answered = several || (text === undefined ? [] : [text]);
      const now = answered.join("\n");
      if (now !== shown) {
        shown = now;
        fields.forEach((field, i) => { field.value = answered[i] || ""; });
      }
      sent = stands(vote) && !anew ? now : "";
      refused = vote && vote.state === "refused" ? now : "";
      check();
    },
    reword() {},
  };
}
