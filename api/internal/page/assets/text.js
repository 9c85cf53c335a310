// Text in the reader's language. The server writes into a page the messages that its modules use: it finds the calls of t,
// so their keys are always written out.

const messages = JSON.parse(document.getElementById("messages").textContent);
const spoken = document.documentElement.lang;
const regions = (navigator.languages || []).filter((tag) => tag.split("-")[0] === spoken);
const lang = regions[0] || spoken; // people of Cairo and of Rabat read the same words and other digits
const plurals = new Intl.PluralRules(lang);
const numbers = new Intl.NumberFormat(lang);
const percents = new Intl.NumberFormat(lang, { style: "percent" });

// For numbers that a stylesheet counts.
document.documentElement.dataset.digits = numbers.resolvedOptions().numberingSystem;

/** Gives a message with {names} replaced by values. One with plural forms goes by the value n. */
export function t(key, values = {}) {
  let text = messages[key];
  if (text === undefined) throw new Error(`there is no message ${key}`);
  if (typeof text !== "string") text = text[plurals.select(values.n)] || text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : value;
  });
}

/** Writes a moment as people here do, as far as the hall needs it. */
export function moment(at) {
  const parts = { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(lang, parts).format(at);
}

/** Writes a number as people here do. */
export function number(n, digits) {
  if (digits === undefined) return numbers.format(n);
  return new Intl.NumberFormat(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n);
}

/**
 * Writes a count as a part of a total, in percent. Rounding hides nobody: only a count of none is
 * "0 %", and only a count of all is "100 %". Counts next to these are "<1 %" and ">99 %".
 */
export function percent(count, total) {
  const part = total > 0 ? count / total : 0;
  if (part > 0 && part < 0.005) return `<${percents.format(0.01)}`;
  if (part < 1 && part >= 0.995) return `>${percents.format(0.99)}`;
  return percents.format(part);
}
