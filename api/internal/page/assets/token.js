// The presenter's token of a presentation: kept in this browser, or given in the address's fragment, which no server sees. An
// account's session does for what is its own.

import { root } from "./address.js";
import { keepPresentation, keepRemote, passing, remoteOf, tokenOf } from "./store.js";
import { ended, session, working } from "./session.js";

const own = (id) => new URLSearchParams(location.hash.slice(1)).get("token") || tokenOf(id);

/** Gives what a presenter goes by: the token, or the session of who is logged in; or null. */
export const presenterToken = (id) => own(id) ?? working();

/** Gives what a remote goes by: the presenter's token, or one that is good for a remote only, or the session; or null. */
export const remoteToken = (id) => own(id) ?? remoteOf(id) ?? working();

/** Gives what a reader of the results goes by, as a presenter does. Who is logged in no more reads as everybody does. */
export function readerToken(id) {
  const token = own(id);
  if (token) return token;
  addEventListener("sessionover", ({ detail }) => {
    ended(detail);
    location.reload();
  }, { once: true });
  return session();
}

/**
 * Keeps a presentation whose token the API has taken: a wrong one must not replace the one that is kept. Then the token need not
 * stand in the address, where shoulders and screenshots see it; unless nothing can be kept here, and a reload would lose it.
 * A remote's token does not make the presentation one's own.
 */
export function keepToken(presentation, role = "owner") {
  const { id, token } = presentation;
  if (!token || token === session()) return;
  if (role === "remote") keepRemote(id, token);
  else keepPresentation(presentation);
  const name = role === "remote" ? `remote.${id}` : "presentations";
  if (location.hash && !passing(name)) history.replaceState(null, "", location.pathname);
}

/** Gives the address of one of the presenter's pages, with the token where nothing can be kept for it. path is below the root. */
export const presenterPage = (path, token) => `${root}${path}${token && token !== session() && passing("presentations") ? `#token=${token}` : ""}`;
