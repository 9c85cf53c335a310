// The whole programme, page by page.

import { get } from "./api.js";

const page = 200;

/** Reads all talks by their start. With an account's session they say which are its own. Throws a Problem. */
export async function programme(token) {
  const all = new Map(); // a talk that moves meanwhile may come twice
  let next = "";
  do {
    const query = new URLSearchParams({ limit: page });
    if (next) query.set("cursor", next);
    const answer = await get(`/talks?${query}`, { token });
    for (const talk of answer.items) all.set(talk.talk_id, talk);
    next = answer.next;
  } while (next);
  return [...all.values()];
}
