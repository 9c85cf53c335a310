package browser

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/stretchr/testify/require"
)

// TestWhatIsRefusedIsSaidInTheReadersLanguage makes the server refuse things on each page, to
// people who read German.
func TestWhatIsRefusedIsSaidInTheReadersLanguage(t *testing.T) {
	author := visit(t, "author", desktop)
	author.speaks("de")
	author.expect("400", "409", "403", "412")
	option := func(key, value string) map[string]string {
		return map[string]string{"key": key,
			"value": value}
	}
	long, two := strings.Repeat("x", 1001), []any{option("A", "Ja"), option("B", "Nein")}
	for says, file := range map[string]map[string]any{
		"Frage: Zwischen 1 und 1.000 Zeichen, von denen etwas zu sehen ist.":            {"question": long, "options": two},
		"Antwort A: Jede Antwort hat ihren eigenen Schlüssel mit höchstens 64 Zeichen.": {"question": "?", "options": []any{option("A", "Ja"), option("A", "Nein")}},
		"Antwort B: Zwischen 1 und 1.000 Zeichen, von denen etwas zu sehen ist.":        {"question": "?", "options": []any{option("A", "Ja"), option("B", long)}},
		"Antworten je Person, höchstens: Mindestens 1 und nicht mehr, als es Antworten gibt; bei " +
			"Wörtern höchstens 10.": {"question": "?", "kind": "multiple", "options": two,
			"max_choices": 7},
		"Verbotene Wörter: Höchstens 200 Wörter mit je höchstens 64 Zeichen.": {"question": "?",
			"kind": "open_text", "banned_words": []string{long}},
	} {
		author.imports(map[string]any{"title": "T", "polls": []any{file}})
		author.click("#save")
		author.shows("#polls .wrong", says)
		author.run(`localStorage.removeItem("plenary.draft"); dispatchEvent(new Event("pagehide"))`)
		require.Equal(t, "T", value[string](author,
			`JSON.parse(localStorage["plenary.draft"]).title`),
			"what was refused is kept as a draft")
	}
	author.imports(map[string]any{"title": long,
		"polls": []any{map[string]any{"question": "?", "options": two}}})
	author.click("#save")
	author.shows("#title-wrong", "Titel: Höchstens 1.000 Zeichen.")

	// What is edited later is refused in the same words.
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "rating"})
	author.presents(r)
	author.open("/edit/" + r.ID)
	author.shows("#state", "Alles ist gespeichert")
	author.run(`document.querySelector("[data-field=question]").value = "x".repeat(1001)`)
	author.click("#polls > :nth-child(1) [data-do=option]")
	author.types("Noch eine")
	author.shows("#polls .wrong",
		"Frage: Zwischen 1 und 1.000 Zeichen, von denen etwas zu sehen ist.")
	author.shows("#state", "Nicht gespeichert")
	author.fill("#polls > :nth-child(1) [data-field=question]", "One?")
	author.shows("#state", "Alles ist gespeichert")

	// On the stage and the remote.
	for _, path := range []string{"/stage/", "/remote/"} {
		author.open(path + r.ID)
		author.click("#previous")
		author.shows("#notice", "In dieser Richtung gibt es keine weitere Frage.")
	}
	stranger := visit(t, "stranger", phone)
	stranger.speaks("de")
	stranger.expect("401", "403")
	stranger.open("/remote/" + r.ID)
	stranger.until(
		`document.querySelector("#trouble").textContent.startsWith("Dieser Browser hat den ` +
			`Schlüssel dieser Präsentation nicht.")`)

	// In the room. What has a code that the pages do not know is said as the server says it, which
	// is better than nothing.
	r.show(0)
	voter := visit(t, "voter", phone)
	voter.speaks("de")
	voter.expect("400", "422")
	voter.open("/p/" + r.ID)
	voter.shows("#question", "One?")
	voter.refuse(400, map[string]any{"code": "invalid", "field": "key",
		"detail": `"A" is not an option of this poll`}, func() { voter.choose(1) })
	voter.shows(
		"#vote", "Diese Antwort wurde nicht angenommen: Sie passt nicht zur Frage, wie sie jetzt "+
			"ist. Bitte antworte noch einmal.")
	voter.refuse(422, map[string]any{"code": "of_tomorrow", "detail": "not today"},
		func() { voter.choose(2) })
	voter.shows("#vote", "Diese Antwort wurde nicht angenommen: not today")
	voter.choose(3)
	voter.counted()
	voter.refuse(422, map[string]any{"code": "of_tomorrow", "detail": "not today"},
		func() { voter.choose(2) })
	voter.shows(
		"#vote", "Diese Antwort wurde nicht angenommen: not today "+
			"Deine Antwort davor zählt weiter.")
	require.Equal(t, 1, r.results(0).Total)
}

// imports begins a new presentation and takes one from a file into it.
func (v *visitor) imports(presentation map[string]any) {
	v.t.Helper()
	raw, err := json.Marshal(presentation)
	require.NoError(v.t, err)
	path := filepath.Join(v.t.TempDir(), "presentation.json")
	require.NoError(v.t, os.WriteFile(path, raw, 0o600))
	v.open("/edit/new")
	v.sees("#edit")
	if value[bool](v, `!document.querySelector("#draft").hidden`) {
		v.click("#afresh")
	}
	v.upload("#import", path)
	v.until(`document.querySelector("#polls [data-field=question]").value !== ""`)
}

// refuse answers a vote in the server's place.
func (v *visitor) refuse(status int64, problem map[string]any, act func()) {
	v.t.Helper()
	raw, err := json.Marshal(problem)
	require.NoError(v.t, err)
	v.hold("*/votes")
	act()
	v.ok(call(v, fetch.FulfillRequest, fetch.FulfillRequestParams{
		RequestID: v.caught(), ResponseCode: status, Body: raw,
		ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type",
			Value: "application/problem+json"}},
	}), "refuse a vote")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
}
