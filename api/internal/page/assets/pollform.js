// One poll as a presenter writes it: a card with its question, kind and options. It knows nothing of the API but what a poll
// looks like there.

import { announce, enable, find, make, show, usable, write } from "./dom.js";
import { Decisions, deletedElsewhere } from "./elsewhere.js";
import { hasOptions, isText, merge, part, parts, same, shape, withPart } from "./merge.js";
import { t } from "./text.js";

const mostOptions = 100;
let made = 0; // for names that are unique in the page

/** Gives the n-th key that is made for an option: A to Z, AA, AB… */
export const keyOf = (n) => (n < 26 ? "" : String.fromCharCode(64 + Math.floor(n / 26))) + String.fromCharCode(65 + n % 26);

/** How a poll can be answered. */
export const kinds = ["choice", "multiple", "rating", "word_cloud", "open_text"];

/** Shows a text in a field, which may be able to show less of it: a field of one line has no line ends. */
function put(field, text, value = text) {
  field.value = text;
  field.given = { shown: field.value, value };
}

/** Gives what is in a field: what was given, as long as nobody has written there, else what read makes of the text. */
const taken = (field, read) => (field.given?.shown === field.value ? field.given.value : read(field.value.trim()));

const fold = (text) => text.normalize("NFKC").toLocaleLowerCase().replace(/\s+/gu, " ").trim();

/** A card for a poll. on has edited(form, now), and act(form, name) for what concerns more than the card itself. */
export class PollForm {
  id = null; // of the poll, once the API has it
  status = "pending";
  saved = {}; // what the API has of it, as far as this page knows and has taken it in; what is written here began with that
  #theirs = {}; // what the API has of it, as far as this page knows
  #lost = null; // the question what is to become of it, where it was deleted elsewhere
  #asked = new Decisions(); // what was changed here and elsewhere, by the part
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
    this.element.addEventListener("focusout", () => setTimeout(() => this.id && this.meet())); // what waited for that
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
    put(this.#field("question"), poll.question ?? "");
    this.#field("results_visibility").value = poll.results_visibility ?? "live";
    this.#putBanned(poll.banned_words ?? []);
    this.#putBallot(poll);
    if (poll.poll_id) {
      this.saved = this.#theirs = shape(poll);
      this.#decided();
    }
    this.setStatus(poll.status ?? this.status);
  }

  #putBanned(words) {
    put(this.#find('[data-field="banned_words"]'), words.join("\n"), words);
  }

  #putBallot(poll) {
    const kind = poll.kind ?? "choice";
    this.#find(`[value="${kind}"]`).checked = true;
    const options = hasOptions(kind) ? poll.options ?? [] : [];
    this.#ownKeys = options.some((option, i) => (option.key ?? keyOf(i)) !== keyOf(i));
    this.#options.replaceChildren();
    for (const option of options) this.#addOption(option.value, option.key);
    while (this.#options.childElementCount < 2) this.#addOption();
    this.#putMost(poll);
    this.#arrange();
  }

  #putMost({ kind = "choice", max_choices: most, options = [] }) {
    const all = kind === "multiple" ? options.length : kind === "word_cloud" ? 3 : 1;
    for (const field of this.element.querySelectorAll("[type=number]")) field.value = most && most !== all ? most : "";
  }

  /** Whether people vote, or have just done so: then texts can be mended, and nothing else. */
  get runs() {
    return this.status === "open" || this.status === "closing";
  }

  /** Says what may still be edited: of a poll that people have seen what they answer with stays, and of one that is final all. */
  setStatus(status) {
    this.status = status;
    const locked = status !== "pending";
    const active = this.#find(".poll-locked").contains(document.activeElement) ? document.activeElement : null;
    this.element.classList.toggle("runs", this.runs);
    this.#find(".poll-locked").disabled = status === "final";
    this.#find(".kinds").disabled = this.runs;
    for (const field of this.element.querySelectorAll("[type=number]")) field.disabled = this.runs;
    show(this.#find(".poll-shown"), locked);
    enable(this.#find("[data-do=reset]"), status === "final");
    write(this.#find(".poll-shown span"), status === "final" ? t("edit.has_been_shown") : t("edit.mend"));
    const idle = active?.matches(":disabled") || (this.runs && active?.tagName === "BUTTON");
    if (idle) this.#find(".poll-shown span").focus(); // it says why there is nothing to write any more
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

  /** The options that have a text, and while people vote those that had one. */
  #written() {
    const there = this.runs ? (this.saved.options ?? []).map((option) => option.key) : [];
    const is = (row) => there.includes(row.dataset.key) || find("input", row).value.trim() !== "";
    return hasOptions(this.kind) ? this.#rows().filter(is) : [];
  }

  /** Gives the poll as the API takes it. */
  value() {
    const { kind } = this;
    const question = taken(this.#field("question"), String);
    const poll = { question, kind, results_visibility: this.#field("results_visibility").value };
    const option = (row) => ({ key: row.dataset.key, value: taken(find("input", row), String) });
    if (hasOptions(kind)) poll.options = this.#written().map(option);
    if (kind === "multiple") poll.max_choices = this.#most(poll.options.length);
    if (kind === "word_cloud") poll.max_choices = this.#most(3);
    const words = (text) => text.split(/[\n,;]/).map((w) => w.trim()).filter(Boolean);
    if (isText(kind)) poll.banned_words = taken(this.#find('[data-field="banned_words"]'), words);
    return poll;
  }

  /** Gives it with everything that a poll of its kind has. */
  get mine() {
    return { banned_words: [], ...this.value() };
  }

  // --- what is saved, and what others do meanwhile ---

  /** Takes in a poll as the API has it now, whoever changed it. Without one, what has waited for the hand to leave its field. */
  meet(poll) {
    if (poll) {
      this.#theirs = shape(poll);
      this.setStatus(poll.status);
    }
    this.#settle();
    const { take, both, ask } = merge(this.saved, this.mine, this.#theirs);
    for (const name of both) this.#take(name);
    for (const name of take.filter((name) => !this.#holds(name))) {
      this.#put(name);
      this.#take(name);
    }
    this.#ask(ask);
    this.#warn();
  }

  /** Takes over what can be changed no more: what people see, or have answered to, is what counts. */
  #settle() {
    const asked = (name) => name !== "results_visibility" && name !== "banned_words";
    const fixed = (name) => (this.status === "final" ? asked(name) : this.runs && (name === "ballot" || name === "max_choices"));
    for (const name of parts(this.mine, this.#theirs).filter(fixed)) {
      if (same(part(this.mine, name), part(this.#theirs, name))) continue;
      const here = this.#holds(name);
      this.#put(name);
      if (here && !this.element.contains(document.activeElement)) this.#find(".poll-shown span").focus();
    }
    if (this.status === "final") {
      const { results_visibility, banned_words } = this.saved;
      this.saved = { ...this.#theirs, results_visibility, banned_words };
    } else if (this.runs && parts(this.saved, this.#theirs).includes("ballot")) {
      this.saved = withPart(this.saved, "ballot", this.#theirs);
    }
  }

  #take(name) {
    this.saved = withPart(this.saved, name, this.#theirs);
  }

  /** Takes in the answer to what this page has sent: mine as it was then. The API may have cleaned it. */
  kept(poll, sent) {
    if (!this.id) {
      this.id = poll.poll_id;
      this.saved = sent;
    }
    this.#theirs = shape(poll);
    const now = this.mine;
    for (const name of parts(this.saved, sent, this.#theirs)) {
      const [before, then, there] = [this.saved, sent, this.#theirs].map((p) => part(p, name));
      if (this.#asked.has(name) || same(then, before)) continue; // it was not sent
      if (same(part(now, name), then) && !same(then, there) && !this.#holds(name)) this.#put(name);
      this.#take(name);
    }
    this.meet(poll);
  }

  /** Gives what was changed here, as the API takes it, but for what waits for a decision. */
  changes() {
    const { mine, saved } = this;
    let wanted = this.#theirs;
    for (const name of parts(saved, mine, wanted)) {
      if (!this.#asked.has(name) && !same(part(mine, name), part(saved, name))) wanted = withPart(wanted, name, mine);
    }
    const changed = (name) => !same(part(wanted, name), part(this.#theirs, name));
    const body = changed("ballot") ? part(wanted, "ballot") : {};
    for (const name of ["question", "results_visibility", "banned_words"]) if (changed(name)) body[name] = wanted[name];
    return body;
  }

  /** Whether something is written here that is not saved. */
  get dirty() {
    return !same(this.mine, { ...this.mine, ...this.saved });
  }

  /** What has to be decided first, if anything. */
  get undecided() {
    return this.#lost ?? this.#asked.first;
  }

  /** Says that the poll was deleted elsewhere. What is written here stays, to be added again. */
  lose() {
    this.#decided();
    this.id = null;
    this.saved = {};
    this.setStatus("pending");
    const decide = (act) => () => {
      this.#lost = null;
      this.#on.act(this, act);
    };
    this.#lost = deletedElsewhere({ add: decide("again"), remove: decide("drop") });
    this.#find(".poll-head").after(this.#lost);
  }

  #decided() {
    for (const name of this.#asked.keys) this.#asked.settle(name);
  }

  /** Asks of these parts whose stays. */
  #ask(names) {
    for (const name of this.#asked.keys.filter((name) => !names.includes(name))) this.#asked.settle(name);
    for (const name of names) {
      const decide = (put) => () => {
        if (parts(this.saved, this.mine, this.#theirs).includes(name)) {
          if (put) this.#put(name);
          this.#take(name);
        }
        (this.#control(name) ?? this.#field("question")).focus();
        this.meet();
        this.#on.edited(this, true);
      };
      const control = this.#control(name);
      const place = (question) => {
        const row = control.closest(".choice");
        if (row) row.append(question);
        else (control.closest("label.field") ?? control).after(question);
      };
      const text = this.#say(name, part(this.#theirs, name));
      this.#asked.ask(name, text, place, { keep: decide(false), take: decide(true) });
    }
  }

  /** Says in words what a part is. */
  #say(name, value) {
    if (name === "results_visibility") return find(`option[value=${value}]`, this.#field(name)).textContent;
    if (name === "banned_words") return value.join(", ");
    if (name !== "ballot") return String(value);
    const kind = this.#find(`[value="${value.kind}"]`).nextElementSibling.textContent;
    return [kind, ...(value.options ?? []).map((option) => option.value)].join(" · ");
  }

  /** Gives the field of a part. */
  #control(name) {
    if (name === "ballot") return this.#find(".kinds");
    if (!name.startsWith("options[")) return this.#field(name);
    const row = this.#rows().find((row) => `options[${row.dataset.key}]` === name);
    return row ? find("input", row) : null;
  }

  /** Whether the hand is in a part. */
  #holds(name) {
    const active = document.activeElement;
    if (name !== "ballot") return this.#control(name) === active;
    return [".kinds", ".choices"].some((group) => this.#find(group).contains(active)) || active === this.#field("max_choices");
  }

  /** Writes a part as it is elsewhere. */
  #put(name) {
    const poll = this.#theirs;
    if (name === "ballot") this.#putBallot(poll);
    else if (name === "banned_words") this.#putBanned(poll.banned_words);
    else if (name === "results_visibility") this.#field(name).value = poll.results_visibility;
    else if (name === "max_choices") this.#putMost(poll);
    else if (this.#control(name)) put(this.#control(name), part(poll, name));
  }

  // --- the card ---

  #most(otherwise) {
    const { value } = this.#field("max_choices");
    return value.trim() === "" ? otherwise : Number(value);
  }

  /** Says what is missing before the API is asked: {field, text}, or null. */
  missing() {
    const poll = this.value();
    if (poll.question.trim() === "") return { field: "question", text: t("edit.no_question") };
    if (poll.options?.length === 0) return { field: "options", text: t("edit.no_options") };
    const blank = (poll.options ?? []).findIndex((option) => option.value.trim() === "");
    if (blank >= 0) return { field: `options[${blank}].value`, text: t("edit.no_text") };
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
    put(find("input", row), value);
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
    this.#warn();
  }

  /** Says which options people cannot tell apart. That is no mistake: they may be meant so. */
  #warn() {
    const texts = new Map(this.#written().map((row) => [row, fold(find("input", row).value)]));
    const first = [...texts.values()].find((text, i, all) => all.indexOf(text) < i);
    const alike = [...texts.keys()].filter((row) => texts.get(row) === first);
    write(this.#find(".twins"), alike.length > 0 ? t("edit.twins", { keys: alike.map((row) => row.dataset.key).join(", ") }) : "");
  }

  #input(event) {
    if (event.target.type === "radio" || event.target.tagName === "SELECT") return;
    this.#warn();
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
      else find("input", row.nextElementSibling ?? (this.runs ? row : this.#grow(null))).focus();
    } else if (key === "Enter" && target.tagName === "INPUT") {
      event.preventDefault();
    } else if (key === "Backspace" && row && target.tagName === "INPUT" && target.value === "" && this.#rows().length > 1 && !this.runs) {
      event.preventDefault();
      this.#shrink(row);
    }
  }

  /** Several lines that are pasted into an option become as many options. */
  #paste(event) {
    const row = event.target.closest(".choice");
    const texts = event.clipboardData?.getData("text/plain").split(/\r?\n/).map((line) => line.trim()).filter(Boolean) ?? [];
    if (!row || texts.length < 2 || this.runs) return;
    event.preventDefault();
    let at = row;
    for (const text of texts) {
      const free = at && find("input", at).value.trim() === "" ? at : this.#addOption("", "", at?.nextElementSibling ?? null);
      if (!free) break;
      put(find("input", free), text.slice(0, 1000));
      at = free.nextElementSibling ?? free;
    }
    this.#arrange();
    find("input", at).focus();
    this.#on.edited(this, true);
  }
}
