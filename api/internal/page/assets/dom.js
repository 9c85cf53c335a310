// The document. What people wrote gets into it as text only: nothing here reads HTML.

/** Finds one element. */
export const find = (selector, root = document) => root.querySelector(selector);

/**
 * Makes an element. Properties are attributes; those that are functions listen to the event of that name ("click"), false, null
 * and undefined are left out, true stands alone. Children are elements or text.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Shows an element or hides it, from everybody. */
export function show(element, yes = true) {
  element.hidden = !yes;
}

/** Writes text into an element, if it is not there already: a live region speaks of every change. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says whether a control is of use now. One that is not keeps the focus, which `disabled` would drop; its handler asks usable. */
export function enable(control, yes) {
  control.setAttribute("aria-disabled", String(!yes));
}

export const usable = (control) => control.getAttribute("aria-disabled") !== "true";

/** Gives where what is said must stand: all that is outside of an open dialog is covered, and not spoken. */
export const front = () => [...document.querySelectorAll("dialog[open]")].pop() || document.body;

/** Puts something to the front, if it is not there already. */
function bring(region) {
  if (region.parentElement !== front()) front().append(region);
}

/** Takes out of a dialog that closes what was said in it. */
export function leave(dialog) {
  for (const region of dialog.querySelectorAll("#announcer, .toasts")) bring(region);
}

/** Tells users of screen readers something that others see. */
export function announce(text) {
  const region = document.getElementById("announcer");
  bring(region);
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50); // the same text twice is said twice
}

let toasts;

/** Shows a short notice at the bottom and says it. An error stays longer. kind: "info" or "error". */
export function notify(text, kind = "info") {
  if (!toasts) toasts = make("div", { class: "toasts" });
  bring(toasts);
  const toast = make("p", { class: `toast toast-${kind}`, role: kind === "error" ? "alert" : "status" });
  toasts.append(toast);
  toast.textContent = text; // after it is in the document, so that it is spoken
  setTimeout(() => toast.remove(), kind === "error" ? 9000 : 4000);
}

// The page's own module and all that it needs have been read, and run in a moment. Where none fails, the page says no
// more that this browser may be too old for it.
const works = setTimeout(() => {
  const old = document.getElementById("old");
  if (old) old.remove();
});
addEventListener("error", () => clearTimeout(works), { once: true });
