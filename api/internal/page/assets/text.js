// Text in the reader's language. The server writes into a page the messages that its modules use: it finds the calls of t,
// so their keys are always written out.

const messages = JSON.parse(document.getElementById("messages").textContent);
const lang = document.documentElement.lang;
const plurals = new Intl.PluralRules(lang);
const numbers = new Intl.NumberFormat(lang);
const percents = new Intl.NumberFormat(lang, { style: "percent" });

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

/** Writes a number as people here do. */
export function number(n, digits) {
  if (digits === undefined) return numbers.format(n);
  return new Intl.NumberFormat(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n);
}

/** Writes a part of 1 in percent. */
export const percent = (part) => percents.format(part);
