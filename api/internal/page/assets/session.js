// The account that this browser is logged in to. What log-in gave is kept where the tokens of presentations are.

import { here, root } from "./address.js";
import { drop, dropDraft, keep, keptNames, passing, presentations, read } from "./store.js";

const aSession = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/;

/** Gives the session's token, or null. The server may have ended it since. */
export function session() {
  const token = read("session");
  return typeof token === "string" && aSession.test(token) ? token : null;
}

/** Gives the id of the account, or "". */
export function account() {
  try {
    const said = session().split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return String(JSON.parse(atob(said)).sub);
  } catch {
    return "";
  }
}

/** Keeps a session, and gives whether the next page finds it. */
export function keepSession(token) {
  keep("session", token);
  return !passing("session");
}

/** Keeps a session no longer that the server has ended, unless another tab has put a new one in its place. */
export function ended(token) {
  if (session() === token) drop("session");
}

/**
 * Keeps nothing any more of the account that logs out: others may use this browser. Where the account is deleted, things stay its
 * owner's by the tokens that are kept here.
 */
export function forget(deleted = false) {
  const all = presentations();
  if (!deleted) all.filter((p) => p.account).forEach(({ id }) => drop(`remote.${id}`));
  keep("presentations", all.filter((p) => deleted || !p.account).map((p) => ({ ...p, account: "" })));
  const talks = read("talks");
  if (Array.isArray(talks)) keep("talks", talks.filter((talk) => deleted || !talk.account).map((talk) => ({ ...talk, account: "" })));
  for (const name of keptNames("pass.")) {
    if (!(read(name) || {}).of) continue; // it was not got by logging in
    const presentation = name.slice("pass.".length);
    drop(name);
    drop(`votes.${presentation}`);
    drop(`rating.${presentation}`); // of a talk
    dropDraft(presentation);
  }
  keptNames("feed.").forEach(drop);
  drop("session");
}

/** Gives the address of the page to log in on, which leads back to this one. */
export const loginPage = () => `${root}/login?next=${encodeURIComponent(`${root}/${here().join("/")}${location.search}`)}`;

/** Gives where log-in leads: to the page that a query names, if it is one of this server's, else to what the account has. */
export function next(query = location.search) {
  const ours = `${location.origin}${root}/`;
  const named = new URLSearchParams(query).get("next");
  try {
    const { href } = new URL(named || "mine", ours); // a path alone could be read as another host's
    if (href.startsWith(ours)) return href;
  } catch {
    // it is no address
  }
  return `${ours}mine`;
}

/**
 * Gives the session of a page that works as the account, or null. When the server says that it is over, the page leaves to log in,
 * and log-in leads back.
 */
export function working() {
  addEventListener("sessionover", ({ detail }) => {
    ended(detail);
    location.replace(loginPage());
  }, { once: true });
  return session();
}
