// One poll as a presenter writes it: a card with its question, kind and options. It knows nothing of the API but what a poll
// looks like there.

import { announce, enable, find, make, show, usable, write } from "./dom.js";
import { t } from "./text.js";

const mostOptions = 100;
let made = 0; // for names that are unique in the page

/** Gives the n-th key that is made for an option: A to Z, AA, AB… */
export const keyOf = (n) => (n < 26 ? "" : String.fromCharCode(64 + Math.floor(n / 26))) + String.fromCharCode(65 + n % 26);

/** How a poll can be answered. */
export const kinds = ["choice", "multiple", "rating", "word_cloud", "open_text"];

const isText = (kind) => kind === "word_cloud" || kind === "open_text";
const hasOptions = (kind) => kind === "choice" || kind === "multiple";

/** A card for a poll. on has edited(form, now), and act(form, name) for what concerns more than the card itself. */
export class PollForm {
  id = null; // of the poll, once the API has it
  status = "pending";
  saved = {}; // what the API has of it, as far as this page knows
  #number = ++made;
  #options;
  #ownKeys = false; // somebody chose them, in a file
  #on;

  constructor(poll, on) {
    this.#on = on;
    this.element = document.getElementById("poll").content.firstElementChild.cloneNode(true);
    this.element.setAttribute("aria-labelledby", `poll-${this.#number}`);
    this.#find(".poll-name").id = `poll-${this.#number}`;
    this.#options = this.#find(".choices ol");
    for (const radio of this.element.querySelectorAll("[type=radio]")) radio.name = `kind-${this.#number}`;
    this.element.addEventListener("input", (event) => this.#input(event));
    this.element.addEventListener("change", (event) => this.#change(event));
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("paste", (event) => this.#paste(event));
    this.fill(poll);
  }

  #find(selector) {
    return find(selector, this.element);
  }

  #field(name) {
    return [...this.element.querySelectorAll(`[data-field="${name}"]`)].find((field) => !field.closest("[hidden]"));
  }

  /** Writes a poll into the card, as the API gives it. */
  fill(poll) {
    this.id = poll.poll_id ?? this.id;
    const kind = poll.kind ?? "choice";
    this.#find(`[value="${kind}"]`).checked = true;
    this.#field("question").value = poll.question ?? "";
    this.#field("results_visibility").value = poll.results_visibility ?? "live";
    this.#find('[data-field="banned_words"]').value = (poll.banned_words ?? []).join("\n");
    const options = hasOptions(kind) ? poll.options ?? [] : [];
    this.#ownKeys = options.some((option, i) => (option.key ?? keyOf(i)) !== keyOf(i));
    this.#options.replaceChildren();
    for (const option of options) this.#addOption(option.value, option.key);
    while (this.#options.childElementCount < 2) this.#addOption();
    const all = kind === "multiple" ? options.length : kind === "word_cloud" ? 3 : 1;
    for (const field of this.element.querySelectorAll("[type=number]")) {
      field.value = poll.max_choices && poll.max_choices !== all ? poll.max_choices : "";
    }
    this.#arrange();
    if (poll.poll_id) this.saved = { banned_words: [], ...this.value() };
    this.setStatus(poll.status ?? this.status);
  }

  /** Says what may still be edited: a poll that people have seen keeps what they answered. */
  setStatus(status) {
    this.status = status;
    const locked = status !== "pending";
    const written = locked && this.#find(".poll-locked").contains(document.activeElement);
    this.#find(".poll-locked").disabled = locked;
    show(this.#find(".poll-shown"), locked);
    enable(this.#find("[data-do=reset]"), status === "final");
    write(this.#find(".poll-shown span"), status === "final" ? t("edit.has_been_shown") : t("edit.not_final"));
    if (written) this.#find(".poll-shown span").focus(); // it says why there is nothing to write any more
    enable(this.#find("[data-do=delete]"), !locked);
    const badge = this.#find(".poll-status");
    show(badge, locked);
    badge.className = `badge poll-status badge-${status}`;
    write(badge, { open: t("status.open"), closing: t("status.closing"), final: t("status.final") }[status] ?? "");
  }

  /** Says where the card stands. */
  place(index, count) {
    const n = index + 1;
    write(this.#find(".poll-name"), t("edit.number", { n }));
    const name = (act, text, possible = true) => {
      const button = this.#find(`[data-do=${act}]`);
      button.setAttribute("aria-label", text);
      button.title = text;
      enable(button, possible);
    };
    name("up", t("edit.up", { n }), index > 0);
    name("down", t("edit.down", { n }), index < count - 1);
    name("copy", t("edit.copy", { n }));
    name("delete", t("edit.delete_poll", { n }), this.status === "pending");
  }

  /** Says next to the card's name what became of it. */
  say(text) {
    write(this.#find(".poll-state"), text);
  }

  focus(field = "question") {
    this.#field(field)?.focus();
  }

  get kind() {
    return this.#find("[type=radio]:checked").value;
  }

  /** Whether nothing was written. */
  get empty() {
    return this.#field("question").value.trim() === "" && this.#written().length === 0;
  }

  #rows() {
    return [...this.#options.children];
  }

  /** The options that have a text. */
  #written() {
    return hasOptions(this.kind) ? this.#rows().filter((row) => find("input", row).value.trim() !== "") : [];
  }

  /** Gives the poll as the API takes it. */
  value() {
    const { kind } = this;
    const text = (name) => this.#field(name).value.trim();
    const poll = { question: text("question"), kind, results_visibility: text("results_visibility") };
    const option = (row) => ({ key: row.dataset.key, value: find("input", row).value.trim() });
    if (hasOptions(kind)) poll.options = this.#written().map(option);
    if (kind === "multiple") poll.max_choices = this.#most(poll.options.length);
    if (kind === "word_cloud") poll.max_choices = this.#most(3);
    if (isText(kind)) poll.banned_words = text("banned_words").split(/[\n,;]/).map((w) => w.trim()).filter(Boolean);
    return poll;
  }

  #most(otherwise) {
    const { value } = this.#field("max_choices");
    return value.trim() === "" ? otherwise : Number(value);
  }

  /** Says what is missing before the API is asked: {field, text}, or null. */
  missing() {
    const poll = this.value();
    if (poll.question === "") return { field: "question", text: t("edit.no_question") };
    if (poll.options?.length === 0) return { field: "options", text: t("edit.no_options") };
    if (!Number.isInteger(poll.max_choices ?? 1)) return { field: "max_choices", text: t("edit.no_number") };
    return null;
  }

  /** Shows what the API found wrong with a field, which it names as on the wire, under the name that the field has here. */
  refused(field, text) {
    const input = this.wrong(field, "");
    const name = input.getAttribute("aria-label") ?? find("span", input.closest("label")).textContent;
    write(document.getElementById(input.getAttribute("aria-describedby")), t("edit.wrong", { name, text }));
    return input;
  }

  /** Shows at a field, named as on the wire without the poll, what is wrong with it, and gives the field. */
  wrong(field, text) {
    const [, name, index] = /^(\w+)(?:\[(\d+)\])?/.exec(field) ?? [];
    const option = (index === undefined ? null : this.#written()[index]) ?? this.#rows()[0];
    const input = name === "options" ? find("input", option) : this.#field(name) ?? this.#field("question");
    const note = make("p", { class: "wrong", id: `wrong-${++made}` }, text);
    const row = input.closest(".choice");
    if (row) row.append(note); // the list of options holds options only
    else (input.closest("label") ?? input).after(note);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", note.id);
    return input;
  }

  /** Takes back what was shown as wrong. */
  right() {
    for (const note of this.element.querySelectorAll(".wrong")) note.remove();
    for (const input of this.element.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  }

  #addOption(value = "", key = "", before = null) {
    if (this.#options.childElementCount >= mostOptions) return null;
    const row = document.getElementById("option").content.firstElementChild.cloneNode(true);
    find("input", row).value = value;
    row.dataset.key = key;
    this.#options.insertBefore(row, before);
    return row;
  }

  /** Shows what belongs to the kind, and gives each option its key and its names. */
  #arrange() {
    const { kind } = this;
    show(this.#find(".choices"), hasOptions(kind));
    for (const part of this.element.querySelectorAll("[class*=for-]")) show(part, part.classList.contains(`for-${kind}`));
    const rows = this.#rows();
    // Keys that somebody chose are theirs; keys that were made follow the order.
    const taken = new Set(this.#ownKeys ? rows.map((row) => row.dataset.key) : []);
    let next = 0;
    rows.forEach((row, i) => {
      if (!this.#ownKeys || row.dataset.key === "") {
        while (taken.has(keyOf(next))) next++;
        row.dataset.key = keyOf(next++);
      }
      const { key } = row.dataset;
      write(find(".key", row), key);
      const input = find("input", row);
      input.setAttribute("aria-label", t("edit.option", { key }));
      input.placeholder = t("edit.option", { key });
      const name = (act, text, possible) => {
        const button = find(`[data-do=${act}]`, row);
        button.setAttribute("aria-label", text);
        button.title = text;
        enable(button, possible);
      };
      name("option-up", t("edit.option_up", { key }), i > 0);
      name("option-down", t("edit.option_down", { key }), i < rows.length - 1);
      name("option-delete", t("edit.option_delete", { key }), rows.length > 1);
    });
    enable(this.#find("[data-do=option]"), rows.length < mostOptions);
  }

  #input(event) {
    if (event.target.type === "radio" || event.target.tagName === "SELECT") return;
    this.#on.edited(this, false);
  }

  #change(event) {
    if (event.target.type === "radio") this.#arrange();
    this.#on.edited(this, true);
  }

  #click(event) {
    const button = event.target.closest("[data-do]");
    if (!button || !usable(button)) return;
    const row = button.closest(".choice");
    switch (button.dataset.do) {
      case "option":
        find("input", this.#grow(null))?.focus();
        break;
      case "option-up":
        row.previousElementSibling.before(row);
        this.#moved(row, button);
        break;
      case "option-down":
        row.nextElementSibling.after(row);
        this.#moved(row, button);
        break;
      case "option-delete":
        this.#shrink(row);
        break;
      default:
        this.#on.act(this, button.dataset.do);
    }
  }

  #grow(before) {
    const row = this.#addOption("", "", before);
    this.#arrange();
    return row ?? this.#rows().at(-1);
  }

  #shrink(row) {
    const near = row.previousElementSibling ?? row.nextElementSibling;
    row.remove();
    this.#arrange();
    find("input", near).focus();
    this.#on.edited(this, true);
  }

  #moved(row, button) {
    this.#arrange();
    button.focus();
    announce(t("edit.moved", { n: this.#rows().indexOf(row) + 1, of: this.#rows().length }));
    this.#on.edited(this, true);
  }

  /** Enter goes on to where the next thing is to be typed, Backspace takes out an empty option. */
  #key(event) {
    const { target, key } = event;
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = target.closest(".choice");
    if (key === "Enter" && target.dataset.field === "question" && !event.shiftKey) {
      event.preventDefault();
      if (hasOptions(this.kind)) find("input", this.#rows()[0]).focus();
      else this.#on.act(this, "next");
    } else if (key === "Enter" && row && target.tagName === "INPUT") {
      event.preventDefault();
      if (target.value.trim() === "" && row === this.#rows().at(-1)) this.#on.act(this, "next");
      else find("input", row.nextElementSibling ?? this.#grow(null)).focus();
    } else if (key === "Enter" && target.tagName === "INPUT") {
      event.preventDefault();
    } else if (key === "Backspace" && row && target.tagName === "INPUT" && target.value === "" && this.#rows().length > 1) {
      event.preventDefault();
      this.#shrink(row);
    }
  }

  /** Several lines that are pasted into an option become as many options. */
  #paste(event) {
    const row = event.target.closest(".choice");
    const texts = event.clipboardData?.getData("text/plain").split(/\r?\n/).map((line) => line.trim()).filter(Boolean) ?? [];
    if (!row || texts.length < 2) return;
    event.preventDefault();
    let at = row;
    for (const text of texts) {
      const free = at && find("input", at).value.trim() === "" ? at : this.#addOption("", "", at?.nextElementSibling ?? null);
      if (!free) break;
      find("input", free).value = text.slice(0, 1000);
      at = free.nextElementSibling ?? free;
    }
    this.#arrange();
    find("input", at).focus();
    this.#on.edited(this, true);
  }
}
