// Reads questions that people have written elsewhere, as plain text or as a table (CSV). It knows no
// document: it gives { title, polls, errors }, and each error has the line that it is about and a code.

export const maxPolls = 500;
export const maxOptions = 100;
export const maxText = 1000; // characters of a question or an option
export const maxSize = 2 ** 20; // bytes of all

// What begins an option, in lines without white space at their ends: so each walks through a line once.
const bullet = /^\s*(?:[-*+•‣▪◦●○–—·]|\(?[A-Za-z]\)|[A-Za-z]\.)\s+(\S.*)$/u;
const box = /^\s*(?:[-*+•]\s+)?\[[ xX]?\]\s+(\S.*)$/u;
const numbered = /^\s*\(?\d{1,3}[.)]\s+(\S.*)$/u;

/** Gives the text of an option and whether it is a box to tick, or null. */
function optionOf(line) {
  const ticked = box.exec(line);
  if (ticked) return { text: ticked[1], many: true };
  const found = bullet.exec(line) ?? numbered.exec(line);
  return found && { text: found[1], many: false };
}

const lengthOf = (text) => [...text].length;

/** Collects polls, as long as there is room for them, and what is wrong. */
class Collection {
  polls = [];
  errors = [];
  #room;

  constructor(room) {
    this.#room = room;
  }

  wrong(line, code, n) {
    if (this.errors.length < 20) this.errors.push({ line, code, n });
  }

  question(line, text) {
    if (this.polls.length === this.#room) this.wrong(line, "polls", maxPolls);
    this.polls.push({ line, question: text, kind: "open_text", options: [] });
  }

  option(line, text, many = false) {
    const poll = this.polls.at(-1);
    if (!poll) return this.wrong(line, "no_question");
    if (poll.options.length === maxOptions) this.wrong(line, "options", maxOptions);
    if (lengthOf(text) > maxText) this.wrong(line, "text", maxText);
    poll.options.push({ value: text });
    if (poll.kind !== "multiple") poll.kind = many ? "multiple" : "choice";
  }

  result(title) {
    for (const { line, question } of this.polls) {
      if (lengthOf(question) > maxText) this.wrong(line, "text", maxText);
    }
    if (this.polls.length === 0 && this.errors.length === 0) this.wrong(1, "nothing");
    const polls = this.polls.map(({ question, kind, options }) => (
      options.length > 0 ? { question, kind, options } : { question, kind }
    ));
    this.errors.sort((a, b) => a.line - b.line);
    return { title, polls, errors: this.errors };
  }
}

/** Gives the lines, without white space at their ends. */
const linesOf = (text) => (
  text.replace(/^\uFEFF/u, "").split(/\r\n|\n|\r/u).map((line) => line.trimEnd())
);

/** Gives the text as blocks of lines between which there are blank ones: [[line, text], …]. */
function blocksOf(lines) {
  const blocks = [];
  let open = false;
  lines.forEach((text, i) => {
    if (text.trim() === "") open = false;
    else if (open) blocks.at(-1).push([i + 1, text]);
    else {
      blocks.push([[i + 1, text]]);
      open = true;
    }
  });
  return blocks;
}

/**
 * Reads plain text: a question, which may have several lines, then its options, each behind "-", "*", "•",
 * "A)" or "1."; boxes, "[ ]", are for several answers. A question without options is one for free text.
 * A first line behind "#" is the title.
 */
export function parseText(text, room = maxPolls) {
  const found = new Collection(room);
  const lines = linesOf(text);
  const first = lines.findIndex((line) => line.trim() !== "");
  const title = /^#\s+(\S.*)$/u.exec(lines[first] ?? "")?.[1];
  if (title !== undefined) lines[first] = "";
  const blocks = blocksOf(lines);
  const counted = blocks.length > 1 && blocks.every(([[, line]]) => numbered.test(line)); // the questions
  const plain = (line) => (counted ? numbered.exec(line)[1] : line.trim());
  for (const block of blocks) {
    const all = block.every(([, line]) => numbered.test(line));
    const free = found.polls.at(-1)?.options.length === 0;
    if (all && !counted && block.length > 1 && !free) { // a list of nothing but questions
      for (const [line, text] of block) found.question(line, numbered.exec(text)[1]);
      continue;
    }
    const first = block[0][1];
    const goesOn = !counted && optionOf(first) && (!numbered.test(first) || (all && (free || block.length === 1)));
    readBlock(found, block, goesOn, plain);
  }
  return found.result(title);
}

/** Reads lines of which the first begins a question, or goes on with the options of the one before. */
function readBlock(found, block, goesOn, plain) {
  let state = goesOn ? "options" : "none";
  for (const [line, text] of block) {
    const option = state === "none" ? null : optionOf(text);
    if (option) {
      found.option(line, option.text, option.many);
      state = "options";
    } else if (state === "question") {
      found.polls.at(-1).question += `\n${text}`;
    } else if (state === "options" && /^\s/u.test(text) && found.polls.length > 0) {
      const last = found.polls.at(-1).options.at(-1);
      last.value += ` ${text.trim()}`;
      if (lengthOf(last.value) > maxText) found.wrong(line, "text", maxText);
    } else {
      found.question(line, state === "none" ? plain(text) : text.trim());
      state = "question";
    }
  }
}

/** Reads records of fields (RFC 4180): [{ line, fields }], and the line of a quote that is not closed. */
export function parseRecords(text, separator) {
  const records = [];
  let fields = [], field = "", quoted = false, was = false, line = 1, from = 1, opened = 0;
  const endField = () => {
    fields.push(was ? field : field.trim());
    field = "";
    was = false;
  };
  const endRecord = () => {
    endField();
    records.push({ line: from, fields });
    fields = [];
    from = line;
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    const lineEnds = c === "\n" || (c === "\r" && text[i + 1] !== "\n");
    if (lineEnds) line++;
    if (quoted) {
      if (c !== '"') field += c === "\r" ? (lineEnds ? "\n" : "") : c;
      else if (text[i + 1] === '"') field += text[i++];
      else quoted = false;
    } else if (c === '"' && !was && field.trim() === "") {
      [quoted, was, field, opened] = [true, true, "", line];
    } else if (c === separator) {
      endField();
    } else if (lineEnds) {
      endRecord();
    } else if (c !== "\r" && !(was && c.trim() === "")) {
      field += c;
    }
  }
  if (field !== "" || was || fields.length > 0) endRecord();
  return { records, unclosed: quoted ? opened : 0 };
}

const separators = [";", "\t", ","];

/** Finds what separates the fields: what makes the most of them in the first records. */
function separatorOf(text) {
  const count = (separator) => {
    const { records } = parseRecords(text.slice(0, 10_000), separator);
    return Math.max(0, ...records.slice(0, 5).map(({ fields }) => fields.length - 1));
  };
  return separators.reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

const optionName = /^(options?|answers?|choices?|antwort(en)?|optionen)\s*([A-Z]|\d+)?$/iu;

const isHeader = (fields) => /^(questions?|fragen?|polls?|prompt|سؤال|السؤال)$/iu.test(fields[0])
  || (fields.length > 1 && fields.slice(1).every((field) => optionName.test(field)));

/** Reads a table: a question and its options in each row. A first row of names is left out. */
export function parseCSV(text, room = maxPolls) {
  const found = new Collection(room);
  let plain = text.replace(/^\uFEFF/u, "");
  const said = /^sep=(.)(\r\n|\n|\r)/iu.exec(plain); // a spreadsheet says so
  if (said) plain = plain.slice(said[0].length);
  const { records, unclosed } = parseRecords(plain, said?.[1] ?? separatorOf(plain));
  const lines = said ? 1 : 0;
  if (unclosed) found.wrong(unclosed + lines, "quote");
  records.forEach(({ line, fields }, i) => {
    const [question, ...options] = fields.map((field) => field.trim());
    if (i === 0 && isHeader(fields)) return;
    if (question !== "") found.question(line + lines, question);
    else if (options.some(Boolean)) return found.wrong(line + lines, "no_question");
    for (const option of options.filter(Boolean)) found.option(line + lines, option);
  });
  return found.result();
}

/** Guesses whether a text is a table: each of its rows has fields, and none is an option of plain text. */
export function looksLikeCSV(text) {
  if (/^\uFEFF?sep=/iu.test(text)) return true;
  if (linesOf(text).some((line) => bullet.test(line) || box.test(line))) return false;
  const separator = separatorOf(text);
  const { records } = parseRecords(text.replace(/^\uFEFF/u, ""), separator);
  const rows = records.filter(({ fields }) => fields.some(Boolean));
  const least = separator === "," && !text.includes('"') ? 3 : 2; // a comma stands in many a question
  return rows.length > 0 && rows.every(({ fields }) => fields.length >= least);
}

/** Reads what is pasted or in a file. format: "text", "csv", or "" to find that out by itself. */
export function parseQuestions(text, { format = "", room = maxPolls } = {}) {
  if (new TextEncoder().encode(text).length > maxSize) return { polls: [], errors: [{ line: 0, code: "size" }] };
  const isTable = format === "csv" || (format === "" && looksLikeCSV(text));
  return isTable ? parseCSV(text, room) : parseText(text, room);
}
