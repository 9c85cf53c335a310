// The presenter's token of a presentation: kept in this browser, or given in the address's fragment, which no server sees.

import { keepPresentation, tokenOf } from "./store.js";

/** Gives the token, or null. */
export const presenterToken = (id) => new URLSearchParams(location.hash.slice(1)).get("token") || tokenOf(id);

/**
 * Keeps a presentation whose token the API has taken: a wrong one must not replace the one that is kept. Then the token need not
 * stand in the address, where shoulders and screenshots see it.
 */
export function keepToken(presentation) {
  if (!presentation.token) return;
  keepPresentation(presentation);
  if (location.hash) history.replaceState(null, "", location.pathname);
}
