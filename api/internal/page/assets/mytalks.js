// The talks that this browser may change: those that were added here, with their tokens.

import { keep, read } from "./store.js";

/**
 * Gives them: [{id, title, code, token, account}], the newest first. account is the id of the account that has it, too, as far as
 * this browser knows.
 */
export function talks() {
  const all = read("talks", []);
  return Array.isArray(all) ? all.filter((talk) => talk && talk.id && talk.token) : [];
}

/** Keeps talks, or what is new of them, as the newest. */
export function keepTalks(...some) {
  const old = new Map(talks().map((talk) => [talk.id, talk]));
  const now = some.map((talk) => ({ ...old.get(talk.id), ...talk }));
  for (const { id } of some) old.delete(id);
  keep("talks", [...now, ...old.values()].filter(({ token }) => token));
}

/** Keeps a talk no longer. */
export const dropTalk = (id) => keep("talks", talks().filter((talk) => talk.id !== id));

/** Gives a talk's token, or null. */
export const talkToken = (id) => talks().find((talk) => talk.id === id)?.token ?? null;
