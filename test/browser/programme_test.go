package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// owns makes a visitor the owner of talks: their browser has the tokens.
func (v *visitor) owns(talks ...*lecture) *visitor {
	v.t.Helper()
	all := ""
	for _, l := range talks {
		all += fmt.Sprintf(`{"id":%s,"title":"","code":%s,"token":%s},`, js(l.TalkID), js(l.Code),
			js(l.Token))
	}
	v.open("/assets/0000000000000000/icon.svg") // of the same origin, and nothing else
	v.run(fmt.Sprintf(`localStorage.setItem("plenary.talks", %s)`,
		js("["+all[:max(0, len(all)-1)]+"]")))
	return v
}

// TestTheBoardIsWhereATalkIsAddedWatchedAndDeleted adds a talk on the page, and sees its ratings
// come. Its owner hides a comment, edits the talk, puts it on the wall, prints its sheet, has a
// presentation offer it, and deletes it.
func TestTheBoardIsWhereATalkIsAddedWatchedAndDeleted(t *testing.T) {
	r := create(t, "Its presentation", newPoll{question: "One", kind: "rating"})
	v := visit(t, "organiser", desktop).presents(r)
	v.open("/programme")
	v.until(`document.querySelector("#connection").dataset.state === "open"`)
	v.click("#add")
	v.sees("dialog[open]")
	v.click("dialog .primary")
	v.sees("dialog .wrong") // a title is missing
	v.types("Queues that last")
	v.click("dialog [type=datetime-local]")
	v.press("01")
	v.click("dialog .primary")
	v.shows("#starts_at-wrong", "A date and a time from 1970 on.") // and not a talk without any
	v.run(`document.querySelectorAll("dialog [type=datetime-local]")[0].value = "2026-01-02T09:30"`)
	v.click("dialog .primary")
	v.until(`!document.querySelector("dialog")`)
	v.until(`JSON.parse(localStorage["plenary.talks"]).length === 1`)
	held := value[struct{ ID, Code, Token string }](v,
		`JSON.parse(localStorage["plenary.talks"])[0]`)
	l := &lecture{api: &room{t: t, base: site(t).URL + "/api/v1", Token: held.Token},
		TalkID: held.ID, Code: held.Code, Token: held.Token}
	on := fmt.Sprintf(`[data-talk="%s"] `, l.TalkID)
	v.shows(on+".talk-title", "Queues that last")
	v.shows(on+".mean", "–")

	// The numbers move, and comments are moderated.
	l.api.ask("POST", "/ratings", map[string]any{"talk_id": l.TalkID, "value": 3,
		"comment": "Too fast", "client_id": l.api.voter()}, nil)
	l.rates(4, 5)
	v.shows(on+".mean", "4.0")
	v.shows(on+".talk-mean .soft", "3 ratings")
	v.click(on + `[data-do="comments"]`)
	v.shows("dialog .said", "Too fast")
	v.click("dialog li button")
	v.sees("dialog .is-hidden")
	v.click("dialog .primary")

	// An edit is seen by others who watch.
	other := v.tab("another organiser", desktop)
	other.open("/programme")
	other.shows(on+".talk-title", "Queues that last")
	v.click(on + `[data-do="edit"]`)
	v.fill("dialog input", "Queues that lasted")
	v.click("dialog .primary")
	for _, one := range []*visitor{v, other} {
		one.shows(on+".talk-title", "Queues that lasted")
	}
	v.until(`document.activeElement.matches(%s)`, js(on+`[data-do="edit"]`))

	v.keepsWhatIsSaid()
	v.click(on + `[data-do="present"]`)
	v.click("dialog .primary")
	v.sees(".toast")
	var p struct {
		TalkID string `json:"talk_id"`
	}
	r.ask("GET", r.path(""), nil, &p)
	require.Equal(t, l.TalkID, p.TalkID)

	// The wall and the sheet.
	other.open("/wall/" + l.TalkID)
	other.shows("#title", "Queues that lasted")
	other.bars(0, 0, 1, 1, 1)
	other.sees("#qr")
	l.rates(1)
	other.bars(1, 0, 1, 1, 1)
	other.open("/programme/print?talk=" + l.TalkID)
	other.sees(".talk-sheet .qr")
	lines, pages := other.prints()
	require.Equal(t, 1, pages)
	require.Equal(t, map[string][]int{l.Code: {1}}, pagesOf(lines, "/t/("+l.Code+")"))

	v.click(on + `[data-do="delete"]`)
	v.click("dialog .danger")
	v.until(`!document.querySelector(%s)`, js(on[:len(on)-1]))
	require.Equal(t, "[]", value[string](v, `localStorage["plenary.talks"]`))
	other.expect("404")
	other.open("/wall/" + l.TalkID)
	other.shows("#trouble", "There is no such talk")
}

// TestAProgrammeIsImportedOnceHoweverOftenItsFileIsTaken and this browser may edit its talks then.
// A file that is none changes nothing: the page says so.
func TestAProgrammeIsImportedOnceHoweverOftenItsFileIsTaken(t *testing.T) {
	v := visit(t, "organiser", desktop)
	v.open("/programme")
	v.until(`document.querySelector("#connection").dataset.state === "open"`)
	v.keepsWhatIsSaid()
	path := filepath.Join(t.TempDir(), "programme.json")
	require.NoError(t, os.WriteFile(path, []byte("GIF89a"), 0o600))
	v.upload("#import", path)
	v.shows(".toast-error", "This file is no JSON.")

	const held = `JSON.parse(localStorage["plenary.talks"]).map(({ id }) => id).sort().join()`
	file := filepath.Join(root(), "api", "internal", "talks", "testdata", "sessionize.json")
	v.upload("#import", file)
	v.shows(".toast-info", "3 talks were taken from the file.")
	first := value[string](v, held)
	require.Len(t, strings.Split(first, ","), 3)
	v.until(`document.querySelectorAll('[data-talk]:has([data-do="edit"])').length === 3`)
	v.run(`document.querySelector(".toast-info").remove()`)
	v.upload("#import", file)
	v.shows(".toast-info", "3 talks were taken from the file.")
	require.Equal(t, first, value[string](v, held))
	require.Equal(t, 3, value[int](v,
		`document.querySelectorAll('[data-talk]:has([data-do="edit"])').length`))
	v.click(`[data-talk]:has([data-do="edit"]) [data-do="delete"]`)
	v.click("dialog .danger")
	v.until(`document.querySelectorAll('[data-talk]:has([data-do="edit"])').length === 2`)
}
