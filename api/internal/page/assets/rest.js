// What an event had no room for: it says that there is more, and a page that needs the rest reads it.

import { at, get, Problem } from "./api.js";

const jitter = 500; // ms: a room does not read in the same instant
const again = 2000; // ms between two reads of a poll's results

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Gives what to do with an event "displayed": tell() is called with one that is whole. One for which that comes too late, since
 * another one has come meanwhile, is left out.
 */
export function whole(id, tell) {
  let newest = 0;
  return (event) => {
    const mine = ++newest;
    if (event.more) read(event, () => mine === newest);
    else tell(event);
  };

  async function read(event, wanted) {
    for (let wait = jitter; ; wait = again) {
      await pause(Math.random() * wait);
      if (!wanted()) return;
      try {
        const { version, voting, talk_id, ...poll } = await get(at(id, "polls", "current"));
        if (!wanted()) return;
        if (version >= event.version) return tell({ version, poll, voting, talk_id, join_code: event.join_code }); // else that replica has not heard of it
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.status === 404) return; // nor is there a stream
      }
    }
  }
}

/** Gives a function that has a poll's results read and tells of them: soon, but not too often, and once more if they changed meanwhile. */
export function reader(id, token, tell) {
  const reading = new Map(); // by poll: whether it is to be read again
  return async function read(pollID) {
    if (reading.has(pollID)) return reading.set(pollID, true);
    reading.set(pollID, false);
    try {
      tell(await get(at(id, "polls", pollID, "results"), { token }));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.passes) reading.set(pollID, true);
    }
    await pause(again);
    const changed = reading.get(pollID);
    reading.delete(pollID);
    if (changed) read(pollID);
  };
}

/**
 * Gives an event's results with what is known of the rest from an earlier moment. They say still that there is more. A word that
 * was hidden since may be among those that are known: where there are fewer words than there should be, the rest is left out.
 */
export function filled(event, known) {
  if (!event.more || !known || known.poll_id !== event.poll_id || known.version !== event.version) return event;
  const words = known.words || [];
  const rest = (now, before, name) => {
    const there = new Set(now.map((one) => one[name]));
    return [...now, ...before.filter((one) => !there.has(one[name]))];
  };
  const all = event.words && rest(event.words, words, "text");
  const fresh = all && words.length === known.words_total ? all.length - words.length : 0;
  if (event.words_total < known.words_total + fresh) return event;
  const results = { ...event, options: rest(event.options, known.options, "key") };
  if (all) results.words = all.slice(0, 100);
  return results;
}

/** Gives results that were read, or the newer ones that an event brought meanwhile, filled with them. */
export const completed = (now, read) => (now && now.more && now.poll_id === read.poll_id && now.revision > read.revision ? filled(now, read) : read);
