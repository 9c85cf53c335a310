// Merges what is written here with what was written elsewhere, by what both began with, part by part.
// It knows no document.

export const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

export const hasOptions = (kind) => kind === "choice" || kind === "multiple";
export const isText = (kind) => kind === "word_cloud" || kind === "open_text";

/** Gives a poll of the API as the page writes it: what its kind has no use for is left out. */
export function shape({ question, kind, options, max_choices: most, results_visibility, banned_words: banned }) {
  const poll = { question, kind, results_visibility, banned_words: isText(kind) ? banned ?? [] : [] };
  if (hasOptions(kind)) poll.options = options.map(({ key, value }) => ({ key, value }));
  if (kind === "multiple" || kind === "word_cloud") poll.max_choices = most;
  return poll;
}

const keys = (poll) => (poll.options ?? []).map((option) => option.key);

/**
 * Names the parts of polls that are merged by themselves: each option's text where all have the same ones,
 * else the ballot as a whole.
 */
export function parts(first, ...others) {
  const alike = others.every((poll) => poll.kind === first.kind && same(keys(poll), keys(first)));
  const ballot = alike ? [...keys(first).map((key) => `options[${key}]`), "max_choices"] : ["ballot"];
  return ["question", ...ballot, "results_visibility", "banned_words"];
}

const keyOf = (name) => (name.startsWith("options[") ? name.slice("options[".length, -1) : null);

/** Gives a part of a poll. */
export function part(poll, name) {
  if (name === "ballot") return { kind: poll.kind, options: poll.options, max_choices: poll.max_choices };
  const key = keyOf(name);
  return key === null ? poll[name] : poll.options?.find((option) => option.key === key)?.value;
}

/** Gives a poll with a part of another one. */
export function withPart(poll, name, other) {
  if (name === "ballot") return { ...poll, ...part(other, name) };
  const key = keyOf(name);
  if (key === null) return { ...poll, [name]: other[name] };
  const value = part(other, name);
  return { ...poll, options: poll.options.map((option) => (option.key === key ? { key, value } : option)) };
}

/** Names the parts that were changed elsewhere only (take), there and here alike (both) or otherwise (ask). */
export function merge(base, mine, theirs) {
  const found = { take: [], both: [], ask: [] };
  for (const name of parts(base, mine, theirs)) {
    const [before, here, there] = [base, mine, theirs].map((poll) => part(poll, name));
    if (same(there, before)) continue;
    if (same(here, there)) found.both.push(name);
    else if (same(here, before)) found.take.push(name);
    else found.ask.push(name);
  }
  return found;
}

/**
 * Merges the orders of what is there. null: it was put into another order here and there. What is new
 * stands where it stands there.
 */
export function mergeOrder(base, mine, theirs) {
  const common = (list) => list.filter((id) => [base, mine, theirs].every((order) => order.includes(id)));
  const [before, here, there] = [base, mine, theirs].map(common);
  if (same(here, before) || same(here, there)) return theirs;
  return same(there, before) ? insertNew(mine, theirs) : null;
}

/** Puts what only the second order has into the first, each behind what it stands behind there. */
export function insertNew(order, theirs) {
  const merged = order.filter((id) => theirs.includes(id));
  theirs.forEach((id, i) => {
    if (!merged.includes(id)) merged.splice(i === 0 ? 0 : merged.indexOf(theirs[i - 1]) + 1, 0, id);
  });
  return merged;
}
