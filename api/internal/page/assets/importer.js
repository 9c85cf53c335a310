// Taking questions in from elsewhere: from a file of ours, or, with a preview, from plain text or a
// table that is pasted or in a file.

import { open } from "./dialogs.js";
import { enable, make, show, usable, write } from "./dom.js";
import { maxOptions, maxPolls, maxSize, parseQuestions } from "./import.js";
import { kinds } from "./pollform.js";
import { t } from "./text.js";

/** Whether something in a file is a poll. What else is wrong with it the API says, at its field. */
function legible(poll) {
  const { question, kind = "choice", options = [], banned_words: banned = [] } = poll ?? {};
  return typeof question === "string" && kinds.includes(kind) && Array.isArray(options) && Array.isArray(banned)
    && options.every((o) => typeof o?.value === "string" && typeof (o.key ?? "") === "string");
}

/** Reads a presentation that was exported, or a list of polls. Throws an Error that says what is wrong. */
function readJSON(text) {
  let read = null;
  try {
    read = JSON.parse(text);
  } catch {
    throw new Error(t("edit.no_json"));
  }
  const polls = Array.isArray(read) ? read : read?.polls;
  if (!Array.isArray(polls) || polls.length === 0 || !polls.every(legible)) throw new Error(t("edit.no_polls"));
  return { ...(Array.isArray(read) ? {} : read), title: typeof read.title === "string" ? read.title : "", polls };
}

const isJSON = (file) => /\.json$/iu.test(file.name) || file.type === "application/json";

/**
 * Takes a file: {title, polls, …} of one of ours at once, of another one after a preview. null: nothing
 * was wanted. room is for how many polls there is room. Throws an Error that says what is wrong.
 */
export async function importFile(file, room) {
  if (isJSON(file)) return readJSON(await file.text());
  if (file.size > maxSize) throw new Error(t("import.size"));
  return chooseImport(room, { text: await textOf(file), format: formatOf(file) });
}

/** Gives a file's text. What is no UTF-8 is what spreadsheets write in the west. */
async function textOf(file) {
  const bytes = await file.arrayBuffer();
  const [a, b] = new Uint8Array(bytes);
  const wide = { "255 254": "utf-16le", "254 255": "utf-16be" }[`${a} ${b}`];
  if (wide) return new TextDecoder(wide).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

const formatOf = ({ name }) => (/\.(csv|tsv)$/iu.test(name) ? "csv" : /\.(txt|md)$/iu.test(name) ? "text" : "");

/** Says in words what is wrong in a line. */
function saying({ line, code, n }) {
  const what = {
    no_question: t("import.no_question"), nothing: t("edit.no_polls"), quote: t("import.quote"), size: t("import.size"),
    polls: t("import.polls", { n }), options: t("import.options", { n }), text: t("import.text", { n }),
  }[code];
  return line > 0 && code !== "nothing" ? t("import.line", { n: line, what }) : what;
}

/** Asks for questions, shows what they are read as, and gives them when they are wanted, else null. */
export function chooseImport(room, { text = "", format = "" } = {}) {
  const written = make("textarea", {
    id: "import-text", rows: "8", dir: "auto", spellcheck: "false", input: soon,
    "aria-describedby": "import-hint import-wrong",
  });
  const file = make("input", {
    type: "file", id: "import-file", class: "unseen", tabindex: "-1", "aria-label": t("import.file"),
    accept: ".txt,.md,.csv,.tsv,.json,text/plain,text/csv,application/json", change: readFile,
  });
  const option = (value, name) => make("option", { value, selected: value === format }, name);
  const chosen = make("select", { id: "import-format", change: read },
    option("", t("import.guess")), option("text", t("import.as_text")), option("csv", t("import.as_table")));
  const wrong = make("div", { id: "import-wrong", class: "wrong", role: "alert" });
  const count = make("p", { id: "import-count", role: "status" });
  const preview = make("ol", { class: "import-preview", "aria-labelledby": "import-count", tabindex: "0" });
  const add = make("button", {
    id: "import-add", class: "primary", value: "add", click: (event) => usable(add) || event.preventDefault(),
  });
  const dialog = make("dialog", { class: "import-dialog", "aria-labelledby": "import-name" },
    make("h2", { id: "import-name" }, t("import.name")),
    make("div", { id: "import-hint", class: "hint" },
      [t("import.hint_text"), t("import.hint_table"), t("import.hint_none")].map((hint) => make("p", {}, hint))),
    make("label", { for: "import-text" }, t("import.paste")), written,
    make("div", { class: "row" },
      make("button", { type: "button", id: "import-choose", click: () => file.click() }, t("import.file")), file,
      make("label", { for: "import-format" }, t("import.format")), chosen),
    wrong, count, preview,
    make("form", { method: "dialog", class: "row dialog-end" }, make("button", { value: "no" }, t("dialog.cancel")), add));
  let result = null;
  let timer = 0;

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(read, 250);
  }

  async function readFile() {
    const [chosenFile] = file.files;
    file.value = "";
    if (!chosenFile) return;
    if (chosenFile.size > maxSize) return tell([t("import.size")], []);
    chosen.value = formatOf(chosenFile);
    written.value = await textOf(chosenFile);
    read();
  }

  function read() {
    clearTimeout(timer);
    const said = written.value;
    if (said.trim() === "") return tell([], []);
    if (chosen.value === "" && /^\s*[{[]\s*["{\]}]/u.test(said)) {
      try {
        result = readJSON(said);
        return tell(result.polls.length > room ? [t("import.polls", { n: 500 })] : [], result.polls);
      } catch (problem) {
        return tell([problem.message], []);
      }
    }
    result = parseQuestions(said, { format: chosen.value, room });
    tell(result.errors.map(saying), result.polls);
  }

  function tell(mistakes, polls) {
    wrong.replaceChildren(make("ul", {}, mistakes.map((mistake) => make("li", {}, mistake))));
    show(wrong, mistakes.length > 0);
    if (mistakes.length > 0) written.setAttribute("aria-invalid", "true");
    else written.removeAttribute("aria-invalid");
    write(count, polls.length > 0 ? t("import.found", { n: polls.length }) : "");
    // More are a mistake, and too many to draw.
    preview.replaceChildren(...polls.slice(0, maxPolls).map(line));
    show(preview, polls.length > 0);
    write(add, polls.length > 0 ? t("import.add", { n: polls.length }) : t("import.add_none"));
    enable(add, polls.length > 0 && mistakes.length === 0);
  }

  written.value = text;
  read();
  return new Promise((resolve) => {
    open(dialog, () => resolve(dialog.returnValue === "add" ? result : null));
    written.focus();
  });
}

/** Shows a poll as it was read. */
function line({ question, kind = "choice", options = [] }) {
  const name = {
    choice: t("edit.choice"), multiple: t("edit.multiple"), rating: t("edit.rating"),
    word_cloud: t("edit.word_cloud"), open_text: t("edit.open_text"),
  }[kind];
  return make("li", {},
    make("span", { class: "said", dir: "auto" }, question), " ", make("span", { class: "badge" }, name),
    options.length > 0
      && make("ul", {}, options.slice(0, maxOptions).map(
        (option) => make("li", { class: "said", dir: "auto" }, option.value))));
}

