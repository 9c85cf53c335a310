package browser

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// TestAPresentationGoesIntoAFileAndBack takes a presentation of every kind out of one browser and
// into another one. There the copy is the presentation of the person who took it in.
func TestAPresentationGoesIntoAFileAndBack(t *testing.T) {
	r := create(t, "Städte & Züge",
		newPoll{question: plain.question, kind: "choice", options: plain.options},
		newPoll{question: "Which have you tried?", kind: "multiple",
			options: plain.options, most: 2},
		newPoll{question: "How was it?", kind: "rating"},
		newPoll{question: "One word?", kind: "word_cloud", most: 2},
		newPoll{question: "And why?", kind: "open_text"})
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
		map[string]any{"results_visibility": "after"}, nil)
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[4].PollID),
		map[string]any{"banned_words": []string{"parking"}}, nil)
	exported := func(r *room) (all map[string]any) {
		r.ask(http.MethodGet, r.path("/export"), nil, &all)
		return all
	}
	// that is of one evening, and stays here
	r.admit(map[string]any{"voters": "pass", "max_voters": 300, "passcode": "garden"})
	author := visit(t, "author", desktop).presents(r)
	author.open("/edit/" + r.ID)
	author.shows("#state", "Everything is saved")
	name, raw := author.download(func() { author.click("#export") })
	require.Equal(t, "Städte-Züge.json", name)
	var file map[string]any
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Equal(t, exported(r), file)
	require.NotContains(t, string(raw), r.Token)
	require.NotContains(t, string(raw), "GARDEN")

	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	friend := visit(t, "friend", desktop)
	friend.open("/edit/new")
	friend.sees("#edit")
	friend.upload("#import", path)
	friend.until(`document.querySelectorAll("#polls .poll").length === 5`)
	require.Equal(t, "Städte & Züge",
		value[string](friend, `document.querySelector("#title").value`))
	friend.click("#save")
	friend.until(`/^\/edit\/[0-9a-f-]{36}$/.test(location.pathname)`)
	friend.shows("#state", "Everything is saved")
	taken := value[room](friend,
		`(({ id, token }) => ({ presentation_id: id, presenter_token: token `+
			`}))(JSON.parse(localStorage["plenary.presentations"])[0])`)
	taken.t, taken.base = t, r.base
	require.NotEqual(t, r.ID, taken.ID)
	require.Equal(t, exported(r), exported(&taken), "the copy")

	// A file that says nothing of voters makes a presentation as every other is made here, one that
	// says it has its way.
	for says, want := range map[string]string{"": "pass", "anyone": "anyone", "everybody": "pass"} {
		delete(file, "max_voters")
		if file["voters"] = says; says == "" {
			delete(file, "voters")
		}
		friend.imports(file)
		friend.until(`document.querySelector("#voters :checked").value === %s`, js(want))
		friend.run(`localStorage.removeItem("plenary.draft")`)
	}
	friend.open("/edit/" + taken.ID)
	friend.shows("#state", "Everything is saved")

	// Into a presentation that is there, the polls come after its own.
	friend.upload("#import", path)
	friend.until(`document.querySelectorAll("#polls .poll").length === 10`)
	friend.shows("#state", "Everything is saved")
	polls, twice := exported(r)["polls"].([]any), exported(&taken)["polls"].([]any)
	require.Equal(t, append(polls[:5:5], polls...), twice)

	// What holds no polls changes nothing, and that is said.
	require.NoError(t, os.WriteFile(path, []byte(`{"polls":[{"question":7}]}`), 0o600))
	friend.upload("#import", path)
	friend.until(
		`document.querySelector(".toast-error")?.textContent === "This file holds no questions."`)
	require.Equal(t, 10, value[int](friend, `document.querySelectorAll("#polls .poll").length`))
}

// TestResultsAreTakenAwayAsFiles downloads the results in each format, as the presenter and as
// somebody of the room. The presenter sees what is hidden from the room, and the other does not.
func TestResultsAreTakenAwayAsFiles(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options},
		newPoll{question: "=2+2", kind: "rating"})
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[1].PollID),
		map[string]any{"results_visibility": "presenter"}, nil)
	r.show(0)
	r.votes(0, 3, 1, 2)
	r.show(1)
	r.votes(1, 0, 0, 0, 1, 1)
	r.final(0)
	presenter, guest := visit(t, "presenter", desktop).presents(r), visit(t, "guest", phone)
	for _, v := range []*visitor{presenter, guest} {
		v.open("/results/" + r.ID)
		v.until(`document.querySelectorAll("#polls .poll").length === 2`)
		hidden := v == guest

		name, raw := v.download(func() { v.click("#csv") })
		require.True(t, strings.HasSuffix(name, ".csv"), name)
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(raw),
			"\uFEFF"))).ReadAll()
		require.NoError(t, err)
		require.Equal(t, []string{"poll", "question", "kind", "status", "total", "mean", "median",
			"key", "value", "count", "identity",
			"first_at", "hidden", "exported_at"}, rows[0])
		require.Equal(t, []string{"1", plain.question, "choice", "final", "6", "", "", "A",
			plain.options[0], "3", "client"}, rows[1][:11])
		last := rows[len(rows)-1]
		require.Equal(t, "2", last[4], "how many voted is no secret")
		require.Equal(t, hidden, last[9] != "1", "%q", last)
		require.NotEqual(t, '=', rune(last[1][0]), "a spreadsheet must not reckon it")

		name, raw = v.download(func() { v.click("#xlsx") })
		require.True(t, strings.HasSuffix(name, ".xlsx"), name)
		book, err := excelize.OpenReader(strings.NewReader(string(raw)))
		require.NoError(t, err)
		found := false
		for _, sheet := range book.GetSheetList() {
			cells, err := book.GetRows(sheet)
			require.NoError(t, err)
			for _, row := range cells {
				found = found || strings.Contains(strings.Join(row, "|"), plain.options[0]+"|3")
			}
		}
		require.True(t, found, "the workbook has no row with the votes for %q", plain.options[0])
		require.NoError(t, book.Close())

		name, raw = v.download(func() { v.click("#json") })
		require.True(t, strings.HasSuffix(name, ".json"), name)
		var all struct {
			Polls []struct {
				Question string
				Total    int
				Mean     *float64
				Options  []struct{ Count int }
			}
		}
		require.NoError(t, json.Unmarshal(raw, &all), "%s", raw)
		require.Equal(t, plain.question, all.Polls[0].Question)
		require.Equal(t, 3, all.Polls[0].Options[0].Count)
		require.Equal(t, 2, all.Polls[1].Total)
		require.Equal(t, hidden, all.Polls[1].Mean == nil)
	}
}

// download does something that makes the browser keep a file, and gives the file's name and what is
// in it.
func (v *visitor) download(act func()) (name string, content []byte) {
	v.t.Helper()
	dir := v.t.TempDir()
	yes := true
	_, err := chromedp.CallBrowser(v.ctx, browser.SetDownloadBehavior,
		browser.SetDownloadBehaviorParams{
			Behavior:         browser.SetDownloadBehaviorBehaviorAllowAndName,
			BrowserContextID: chromedp.FromContext(v.ctx).BrowserContextID,
			DownloadPath:     dir, EventsEnabled: &yes,
		})
	v.ok(err, "allow downloads")
	// one channel: what began is known when it is done
	events := make(chan any, 8)
	v.ok(chromedp.ListenBrowser(v.ctx, func(event any) { // visitors download one after the other
		switch e := event.(type) {
		case *browser.EventDownloadWillBegin:
		case *browser.EventDownloadProgress:
			if e.State != browser.DownloadProgressStateCompleted {
				return
			}
		default:
			return
		}
		select {
		case events <- event:
		default:
		}
	}), "listen for downloads")
	act()
	var file *browser.EventDownloadWillBegin
	late := time.After(patience)
	for {
		select {
		case event := <-events:
			if e, ok := event.(*browser.EventDownloadWillBegin); ok {
				file = e
				continue
			}
			id := event.(*browser.EventDownloadProgress).GUID
			require.NotNil(v.t, file)
			require.Equal(v.t, file.GUID, id)
			content, err := os.ReadFile(filepath.Join(dir, id))
			v.ok(err, "read the file")
			require.NotEmpty(v.t, content)
			return file.SuggestedFilename, content
		case <-late:
			v.ok(os.ErrDeadlineExceeded, "wait for a file")
		}
	}
}

// upload clicks what opens the browser's dialog for files, and chooses one there.
func (v *visitor) upload(selector, path string) {
	v.t.Helper()
	v.ok(call(v, page.SetInterceptFileChooserDialog,
		page.SetInterceptFileChooserDialogParams{Enabled: true}), "open no dialog")
	asked := make(chan *page.EventFileChooserOpened, 1)
	v.ok(chromedp.Listen(v.ctx, func(event any) {
		if e, ok := event.(*page.EventFileChooserOpened); ok {
			select {
			case asked <- e:
			default:
			}
		}
	}), "listen for the dialog")
	v.click(selector)
	select {
	case e := <-asked:
		v.ok(call(v, dom.SetFileInputFiles,
			dom.SetFileInputFilesParams{Files: []string{path}, BackendNodeID: e.BackendNodeID}),
			"choose %s", path)
	case <-time.After(patience):
		v.ok(os.ErrDeadlineExceeded, "wait for the dialog for files")
	}
}
