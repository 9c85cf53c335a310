// What the API refuses about a talk, in the words of its owner.

import { refusal } from "./refusal.js";
import { t } from "./text.js";

/** Says in words why something was refused. */
export function refused(problem) {
  switch (problem.code) {
    case "not_found": return t("rate.unknown");
    case "unauthorized":
    case "forbidden": return t("talk.no_token");
    case "stale": return t("talk.stale");
    default: return refusal(problem);
  }
}
