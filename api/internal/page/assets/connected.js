// How a page says whether its numbers are live.

import { write } from "./dom.js";
import { t } from "./text.js";

const place = document.getElementById("connection");

/** Shows how the page watches (watch.js). */
export function connected(state) {
  const text = { open: t("audience.live"), offline: t("audience.offline"), slow: t("audience.slow") }[state] || t("audience.connecting");
  place.dataset.state = state;
  write(place, text);
}
