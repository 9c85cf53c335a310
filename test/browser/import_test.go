package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// imported is what the page reads of a text.
type imported struct {
	Title string
	Polls []struct {
		Question, Kind string
		Options        []struct{ Value string }
	}
	Errors []struct {
		Line int
		Code string
	}
}

// said writes it in lines: the kind and the question, then the options, and each error with its
// line.
func (i imported) said() (all []string) {
	if i.Title != "" {
		all = append(all, "# "+i.Title)
	}
	for _, q := range i.Polls {
		line := q.Kind + ": " + q.Question
		for _, o := range q.Options {
			line += " | " + o.Value
		}
		all = append(all, line)
	}
	for _, e := range i.Errors {
		all = append(all, fmt.Sprintf("%d %s", e.Line, e.Code))
	}
	return all
}

// TestQuestionsAreReadAsPeopleWriteThem has the page read questions in many a form.
func TestQuestionsAreReadAsPeopleWriteThem(t *testing.T) {
	v := visit(t, "author", desktop)
	v.open("/edit/new")
	v.run(`import(new URL("import.js", ` +
		`document.querySelector("script[type=module][src*=edit]").src)).then((m) => { ` +
		`window.reader = m; })`)
	v.until(`window.reader`)
	read := func(text, format string) []string {
		t.Helper()
		raw, err := json.Marshal(text)
		require.NoError(t, err)
		return value[imported](v,
			fmt.Sprintf(`window.reader.parseQuestions(%s, { format: %s })`, raw, js(format))).said()
	}
	long := strings.Repeat("x", 1001)
	many := strings.Repeat("- a\n", 101)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"dashes": {"Who wins?\n- Red\n- Blue",
			[]string{"choice: Who wins? | Red | Blue"}},
		"stars, bullets, plus": {"Q?\n* a\n• b\n+ c\n– d\n▪ e",
			[]string{"choice: Q? | a | b | c | d | e"}},
		"letters": {"Q?\nA) a\nb) b\nC. c\n(d) d",
			[]string{"choice: Q? | a | b | c | d"}},
		"numbers": {"Q?\n1. a\n2) b\n(3) c",
			[]string{"choice: Q? | a | b | c"}},
		"boxes are several": {"Q?\n[ ] a\n[x] b\n- [ ] c",
			[]string{"multiple: Q? | a | b | c"}},
		"no options is free text": {"Why?\n\nHow?",
			[]string{"open_text: Why?", "open_text: How?"}},
		"several, a blank line between": {"One?\n- a\n- b\n\n\nTwo?\n- c\n",
			[]string{"choice: One? | a | b", "choice: Two? | c"}},
		"several, none between": {"One?\n- a\n- b\nTwo?\n- c",
			[]string{"choice: One? | a | b", "choice: Two? | c"}},
		"a blank line before options": {"One?\n\n- a\n- b\n\nTwo?\n\n1. c\n2. d",
			[]string{"choice: One? | a | b", "choice: Two? | c | d"}},
		"blank lines between options": {"One?\n- a\n\n- b\n\nTwo?",
			[]string{"choice: One? | a | b", "open_text: Two?"}},
		"a question of several lines": {"What does this say?\n  if x {\n    y\n  }\n- 1\n- 2",
			[]string{"choice: What does this say?\n  if x {\n    y\n  } | 1 | 2"}},
		"an option that goes on": {"Q?\n- a long\n  option\n- b",
			[]string{"choice: Q? | a long option | b"}},
		"numbered questions": {"1. One?\n- a\n- b\n\n2. Two?\n- c",
			[]string{"choice: One? | a | b", "choice: Two? | c"}},
		"numbered questions and numbers": {"1. One?\n1. a\n2. b\n\n2. Two?\n1. c",
			[]string{"choice: One? | a | b", "choice: Two? | c"}},
		"a list of numbered questions": {"1. One?\n2. Two?\n3. Three?",
			[]string{"open_text: One?", "open_text: Two?", "open_text: Three?"}},
		"a title": {"# The talk\n\nOne?\n- a",
			[]string{"# The talk", "choice: One? | a"}},
		"a byte order mark, CRLF": {"\ufeffOne?\r\n- a\r\n- b\r\n\r\nTwo?\r\n",
			[]string{"choice: One? | a | b", "open_text: Two?"}},
		"old Macs' line ends": {"One?\r- a\r- b", []string{"choice: One? | a | b"}},
		"Arabic": {"من يفوز؟\n- الأحمر\n- الأزرق",
			[]string{"choice: من يفوز؟ | الأحمر | الأزرق"}},
		"no mark without a space": {"-5 or 5?\n- -5\n- 5",
			[]string{"choice: -5 or 5? | -5 | 5"}},
		"commas in a question": {"Well, who, if anybody, wins?\n- a, b\n- c",
			[]string{"choice: Well, who, if anybody, wins? | a, b | c"}},
		"one line with a comma": {"Well, who wins?",
			[]string{"open_text: Well, who wins?"}},
		"options before any question": {"- a\n- b", []string{"1 no_question", "2 no_question"}},
		"nothing":                     {" \n\t\n", []string{"1 nothing"}},
		"a long option": {"Q?\n- a\n- " + long,
			[]string{"choice: Q? | a | " + long, "3 text"}},
		"a long question": {"A?\n\n" + long,
			[]string{"open_text: A?", "open_text: " + long, "3 text"}},
		"as long as may be": {long[1:] + "\n- " + long[1:],
			[]string{"choice: " + long[1:] + " | " + long[1:]}},
		"semicolons": {"Who wins?;Red;Blue\nWhy?;;\nHow?;a;b;c",
			[]string{"choice: Who wins? | Red | Blue", "open_text: Why?",
				"choice: How? | a | b | c"}},
		"commas": {"Who wins?,Red,Blue\nHow?,a,b",
			[]string{"choice: Who wins? | Red | Blue", "choice: How? | a | b"}},
		"tabs": {"Who wins?\tRed, or so\tBlue\nHow?\ta",
			[]string{"choice: Who wins? | Red, or so | Blue", "choice: How? | a"}},
		"quotes": {`"Who ""wins""; really?";"Red` + "\n" + `or so";Blue`,
			[]string{`choice: Who "wins"; really? | Red` + "\nor so | Blue"}},
		"a header": {"question;option 1;option 2\nQ?;a;b",
			[]string{"choice: Q? | a | b"}},
		"a German header": {"Frage;Antwort 1;Antwort 2\nQ?;a;b",
			[]string{"choice: Q? | a | b"}},
		"a spreadsheet's sep": {"sep=;\r\nQ?;a, b;c\r\n",
			[]string{"choice: Q? | a, b | c"}},
		"a table's byte order mark": {"\ufeffQ?;a;b\r\n", []string{"choice: Q? | a | b"}},
	} {
		require.Equal(t, c.want, read(c.text, ""), name)
	}
	require.Equal(t, "102 options", read("Q?\n"+many, "")[1])
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one column": {"Why?\nHow?", []string{"open_text: Why?", "open_text: How?"}},
		"blank rows": {"Q?,a,b\n,,\n\nR?,c,d",
			[]string{"choice: Q? | a | b", "choice: R? | c | d"}},
		"a row without a question": {"Q?,a,b\n,c,d",
			[]string{"choice: Q? | a | b", "2 no_question"}},
		"an open quote": {"Q?,a\n\"R?,b\nS?,c",
			[]string{"choice: Q? | a", "open_text: R?,b\nS?,c", "2 quote"}},
		"a quote within": {`Q "x"?,a "b" c,d`, []string{`choice: Q "x"? | a "b" c | d`}},
		"spaces around":  {` "Q?" , a , b `, []string{"choice: Q? | a | b"}},
		"lines within fields": {"\"Q\r\n?\",a\r\n,b",
			[]string{"choice: Q\n? | a", "3 no_question"}},
		"nothing": {"", []string{"1 nothing"}},
		"many options": {"Q?" + strings.Repeat(",a", 101),
			[]string{"choice: Q?" + strings.Repeat(" | a", 101), "1 options"}},
	} {
		require.Equal(t, c.want, read(c.text, "csv"), name)
	}
	require.Equal(t, []string{"open_text: a;b;c"}, read("a;b;c", "text"), "as it was asked for")
	tooMany := read(strings.Repeat("Q?\n\n", 501), "")
	require.Equal(t, "1001 polls", tooMany[len(tooMany)-1])
	require.Equal(t, []string{"0 size"}, read(strings.Repeat("Q?\n\n", 1<<20/4+1), ""))
	require.LessOrEqual(t, value[int](v,
		`window.reader.parseQuestions("- a\n".repeat(1000)).errors.length`), 20,
		"nobody reads a thousand mistakes")
	for name, text := range map[string]string{
		"white space":   `"- x\n- " + " ".repeat(2 ** 20 - 9)`,
		"numbers":       `"1. " + " ".repeat(2 ** 20 - 9)`,
		"boxes":         `"- [ ] " + " ".repeat(2 ** 20 - 9)`,
		"a title":       `"# " + " ".repeat(2 ** 20 - 9)`,
		"between words": `"- " + "x ".repeat(2 ** 19 - 9) + "x"`,
	} {
		took := value[float64](v, `(() => {
			const before = performance.now();
			window.reader.parseQuestions(`+text+`);
			return performance.now() - before;
		})()`)
		require.Less(t, took, 10_000.0,
			"%s: each line is read once, be it as long as a text may be", name)
	}
	require.True(t, value[bool](v, `(() => { // whatever comes, it is read
		for (let i = 0; i < 3000; i++) {
			const text = Array.from({ length: 60 }, () => 'a1-. \n\t;,"[]()#\r•'[Math.floor(Math.random() * 17)]).join("");
			for (const format of ["", "text", "csv"]) {
				const { polls, errors } = window.reader.parseQuestions(text, { format });
				if (polls.length + errors.length === 0 || polls.some((p) => p.question === "" || p.options?.length === 0)) throw new Error(JSON.stringify(text) + format);
			}
		}
		return true;
	})()`))
}

// TestQuestionsAreImportedAfterAPreview pastes questions, sees what they are read as, mends a
// mistake, and adds them.
func TestQuestionsAreImportedAfterAPreview(t *testing.T) {
	v := visit(t, "author", desktop)
	v.open("/edit/new")
	v.click("#paste")
	v.until(`document.activeElement.id === "import-text"`)
	require.Equal(t, "true", value[string](v, `document.querySelector("#import-add").ariaDisabled`))
	v.types("- lost\n\nWho wins?\n- Red\n- Blue\n\nWhy?")
	v.shows("#import-wrong li", "Line 1: There is no question before this option.")
	v.shows("#import-count", "2 questions")
	v.until(`document.querySelector("#import-add").ariaDisabled === "true"`)
	v.fill("#import-text", "# The talk\n\nWho wins?\n- Red\n- Blue\n\nWhy?\n\nWhich?\n[ ] a\n[ ] b")
	v.shows("#import-count", "3 questions")
	v.shows(".import-preview li:nth-child(1) .said", "Who wins?")
	v.shows(".import-preview > li:nth-child(3) .badge", "Several")
	require.Equal(t, 1, value[int](v, `document.querySelectorAll("#polls > *").length`),
		"nothing is added before")
	v.shows("#import-add", "Add 3 questions")
	v.until(inSight, js("#import-add"))
	require.True(t, value[bool](v, `(() => {
		const { left, right, top } = document.querySelector("#import-format").getBoundingClientRect();
		const label = document.querySelector("label[for=import-format]").getBoundingClientRect();
		return label.right <= left && top < label.bottom && right <= document.querySelector("#import-text").getBoundingClientRect().right + 1;
	})()`), "a field stands beside its name")
	require.Greater(t, value[float64](v,
		`(({ left }) => left - document.querySelector(".import-preview > `+
			`li").getBoundingClientRect().left)(document.querySelector(".import-preview ul `+
			`li").getBoundingClientRect())`),
		10.0, "options stand below their question")
	v.shoot("import-preview")
	v.click("#import-add")
	v.until(`document.querySelectorAll("#polls > *").length === 3`)
	v.reads("#title", "The talk")
	v.reads(question(1), "Who wins?")
	v.reads(card(1, `[aria-label="Option B"]`), "Blue")
	require.Equal(t, "open_text",
		value[string](v, `document.querySelector("#polls > :nth-child(2) `+
			`[type=radio]:checked").value`))
	v.click("#save")
	v.until(`/^\/edit\/[0-9a-f-]{36}$/.test(location.pathname)`)
	v.shows("#state", "Everything is saved")

	// From a file, into a presentation that is there. Whoever thinks better of it adds nothing.
	path := filepath.Join(t.TempDir(), "questions.csv")
	// as spreadsheets write it
	require.NoError(t, os.WriteFile(path,
		[]byte("Frage;Antwort 1;Antwort 2\nGr\xfc\xdfe?;\"Ja; gern\";Nein\n"), 0o600))
	v.upload("#import", path)
	v.shows("#import-count", "1 question")
	v.shows(".import-preview .said", "Grüße?")
	v.click(`dialog[open] [value=no]`)
	v.until(`!document.querySelector("dialog")`)
	require.Equal(t, 3, value[int](v, `document.querySelectorAll("#polls > *").length`))
	v.click("#paste")
	v.upload("#import-choose", path)
	v.shows("#import-add", "Add 1 question")
	v.click("#import-add")
	v.until(`document.querySelectorAll("#polls > *").length === 4`)
	v.shows("#state", "Everything is saved")
	v.reads(card(4, `[aria-label="Option A"]`), "Ja; gern")
	v.reload()
	v.reads(question(4), "Grüße?")

	// Also what was exported, and nothing that is too large.
	v.click("#paste")
	v.fill("#import-text", `{"title":"x","polls":[{"question":"From JSON?","kind":"rating"}]}`)
	v.shows("#import-count", "1 question")
	v.fill("#import-text", `{"polls":[{"question":7}]}`)
	v.shows("#import-wrong li", "This file holds no questions.")
	v.click(`dialog[open] [value=no]`)
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20+1), 0o600))
	v.upload("#import", path)
	v.until(`document.querySelector(".toast-error")?.textContent === "This is more than 1 MiB."`)
}
