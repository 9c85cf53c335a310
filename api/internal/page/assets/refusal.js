// What the API refuses, in the presenter's words and language. The API's own detail is in English, and is the last resort.

import { t } from "./text.js";

// What the API takes; a test compares it with what the API says of itself.
const most = { polls: 500, options: 100, key: 64, text: 1000, entries: 10, banned: 200, word: 64, size: 1 };
const room = { voters: 1000000, least: 4, passcode: 12 };

/** Says in words why something was refused. */
export function refusal(problem) {
  if (problem.code === "too_many_requests") return t("control.too_many", { n: problem.retryAfter });
  if (problem.passes) return t("control.away");
  switch (problem.code) {
    case "invalid": return problem.field ? wrong(problem) : t("control.refused", { detail: problem.detail });
    case "out_of_polls": return t("control.out_of_polls");
    case "not_displayed": return t("control.nothing");
    case "stale": return t("control.moved");
    case "poll_not_final": return t("control.not_final");
    case "poll_has_been_shown": return t("control.has_been_shown");
    case "last_poll": return t("control.last_poll");
    case "word_banned": return t("answers.banned");
    case "payload_too_large": return t("control.too_large");
    case "invalid_session":
    case "session_expired":
    case "session_ended": return t("control.session_over");
    case "unauthorized":
    case "forbidden": return t("control.no_token");
    case "create_key_missing":
    case "create_key_wrong": return t("key.needed");
    case "not_found": return t("control.gone");
    default: return t("control.refused", { detail: problem.detail || problem.message });
  }
}

/** Says in words what is wrong with a field: the rule that holds for it. Each is named as on the wire: "polls[1].options[0].value". */
export function wrong({ field, detail }) {
  switch (/(\w*)(\[\d+\])?$/.exec(field)[1]) {
    case "title": return t("wrong.title", { n: most.text });
    case "question":
    case "value": return t("wrong.text", { n: most.text });
    case "polls": return t("wrong.polls", { n: most.polls, size: most.size });
    case "options": return t("wrong.options", { n: most.options });
    case "key": return t("wrong.key", { n: most.key });
    case "max_choices": return t("wrong.max_choices", { n: most.entries });
    case "max_voters": return t("wrong.max_voters", { n: room.voters });
    case "passcode": return t("wrong.passcode", { least: room.least, n: room.passcode });
    case "banned_words": return t("wrong.banned_words", { n: most.banned, length: most.word });
    default: return t("control.refused", { detail });
  }
}
