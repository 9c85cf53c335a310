// What the API refuses, in the presenter's words.

import { t } from "./text.js";

/** Says in words why something was refused. */
export function refusal(problem) {
  if (problem.passes) return t("control.away");
  switch (problem.code) {
    case "out_of_polls": return t("control.out_of_polls");
    case "not_displayed": return t("control.nothing");
    case "poll_not_final": return t("control.not_final");
    case "poll_has_been_shown": return t("control.has_been_shown");
    case "last_poll": return t("control.last_poll");
    case "unauthorized":
    case "forbidden": return t("control.no_token");
    case "not_found": return t("control.gone");
    default: return t("control.refused", { detail: problem.detail || problem.message });
  }
}
