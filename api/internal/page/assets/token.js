// The presenter's token of a presentation: kept in this browser, or given in the address's fragment, which no server sees.

import { keepPresentation, passing, tokenOf } from "./store.js";

/** Gives the token, or null. */
export const presenterToken = (id) => new URLSearchParams(location.hash.slice(1)).get("token") || tokenOf(id);

/**
 * Keeps a presentation whose token the API has taken: a wrong one must not replace the one that is kept. Then the token need not
 * stand in the address, where shoulders and screenshots see it; unless nothing can be kept here, and a reload would lose it.
 */
export function keepToken(presentation) {
  if (!presentation.token) return;
  keepPresentation(presentation);
  if (location.hash && !passing("presentations")) history.replaceState(null, "", location.pathname);
}

/** Gives the address of another of the presenter's pages, with the token where nothing can be kept for it. */
export const presenterPage = (path, token) => (token && passing("presentations") ? `${path}#token=${token}` : path);
