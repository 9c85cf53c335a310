// What a voter answers with: a button for each option where one tap votes, else a form.

import { enable, make, usable, write } from "./dom.js";
import { t } from "./text.js";

const longest = { word_cloud: 50, open_text: 500 }; // characters that the API takes

/** Whether a vote is no reason to send the same answer again. */
const stands = (vote) => ["sending", "retrying", "counted", "accepted", "late"].includes(vote?.state);

/**
 * Makes the ballot of a poll: {element, hint, update(vote, open, anew), reword(poll)}. cast is called with an answer as votes.js takes it.
 * update shows what was answered and whether one may answer still; anew says that the vote is of an earlier time. What cannot be
 * used keeps the focus, so that a keyboard goes on from where it was. reword shows the texts of the same poll when they were mended.
 */
export function ballot(poll, cast) {
  switch (poll.kind) {
    case "multiple": return multiple(poll, cast);
    case "word_cloud": return written(poll, cast, poll.max_choices ?? 3);
    case "open_text": return written(poll, cast, 1);
    default: return single(poll, cast);
  }
}

function single(poll, cast) {
  const isRating = poll.kind === "rating";
  const answer = (key) => ({ currentTarget }) => usable(currentTarget) && cast({ key });
  const button = (option) => make("button", {
    type: "button", class: "option", "aria-pressed": "false", click: answer(option.key),
    "aria-label": isRating ? t("ballot.stars", { value: option.value, of: poll.options.length }) : null,
  }, isRating ? null : make("span", { class: "mark", "aria-hidden": "true" }), make("span", { class: "value" }, option.value));
  const buttons = new Map(poll.options.map((option) => [option.key, button(option)]));
  const group = make("div", { class: "options", role: "group", "aria-labelledby": "question" }, ...buttons.values());
  const ends = make("p", { class: "ends soft small", "aria-hidden": "true" },
    make("span", {}, t("ballot.lowest")), make("span", {}, t("ballot.highest")));
  group.classList.toggle("scale", isRating);
  return {
    element: isRating ? make("div", {}, group, ends) : group,
    hint: isRating ? t("ballot.rate") : t("ballot.choose_one"),
    update(vote, open) {
      for (const [key, button] of buttons) {
        button.setAttribute("aria-pressed", String(vote?.answer.key === key));
        enable(button, open);
      }
    },
    reword: (now) => now.options.forEach(({ key, value }) => write(buttons.get(key).lastElementChild, value)),
  };
}

function multiple(poll, cast) {
  const most = Math.min(poll.max_choices, poll.options.length);
  const tick = (event) => usable(event.target) || event.preventDefault();
  const box = (option) => make("input", { type: "checkbox", value: option.key, click: tick, change: count });
  const boxes = new Map(poll.options.map((option) => [option.key, box(option)]));
  const send = make("button", { type: "submit", class: "primary large wide" });
  const chosen = make("p", { class: "soft small", "aria-live": "polite" });
  const element = make("form", { class: "options", "aria-labelledby": "question", submit },
    poll.options.map((option) => make("label", { class: "option" },
      boxes.get(option.key), make("span", { class: "value" }, option.value))),
    chosen, send);
  let open = true;
  let shown = ""; // the answer that the boxes were set to last
  let sent = ""; // the one that need not be sent again
  const keys = () => [...boxes].filter(([, box]) => box.checked).map(([key]) => key);

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
    update(vote, isOpen, anew) {
      open = isOpen;
      const answered = (vote?.answer.keys ?? []).filter((key) => boxes.has(key));
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

/** Free text: up to so many words, or one text. */
function written(poll, cast, entries) {
  const isWords = poll.kind === "word_cloud";
  const maxlength = longest[poll.kind];
  const fields = Array.from({ length: entries }, (_, i) => isWords
    ? make("input", {
      type: "text", maxlength, autocomplete: "off", placeholder: t("ballot.word_here"), input: check,
      "aria-label": t("ballot.word", { i: i + 1, of: entries }),
    })
    : make("textarea", { maxlength, rows: 4, placeholder: t("ballot.text_here"), input: check, "aria-labelledby": "question" }));
  const send = make("button", { type: "submit", class: "primary large wide" });
  const element = make("form", { class: "options", submit, novalidate: true }, fields, send);
  let open = true;
  let shown = "";
  let sent = "";
  const texts = () => {
    const all = fields.map((field) => field.value.trim()).filter((text) => text !== "");
    return all.filter((text, i) => all.findIndex((other) => other.toLocaleLowerCase() === text.toLocaleLowerCase()) === i);
  };

  function check() {
    const now = texts();
    for (const field of fields) field.readOnly = !open;
    enable(send, open && now.length > 0 && now.join("\n") !== sent);
    write(send, sent === "" ? t("ballot.send") : t("ballot.send_change"));
  }
  function submit(event) {
    event.preventDefault();
    check();
    if (!usable(send)) return;
    const now = texts();
    cast(entries > 1 ? { texts: now } : { text: now[0] });
  }
  return {
    element,
    hint: !isWords ? t("ballot.write") : entries > 1 ? t("ballot.write_up_to", { n: entries }) : t("ballot.write_word"),
    update(vote, isOpen, anew) {
      open = isOpen;
      const answered = vote?.answer.texts ?? (vote?.answer.text === undefined ? [] : [vote.answer.text]);
      const now = answered.join("\n");
      if (now !== shown) {
        shown = now;
        fields.forEach((field, i) => { field.value = answered[i] ?? ""; });
      }
      sent = stands(vote) && !anew ? now : "";
      check();
    },
    reword() {},
  };
}
