package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// editIf is edit of who has seen what the tag stands for.
func (r *Room) editIf(tag, method, path string, body any) *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: method, Path: r.Path(path), Token: r.PresenterToken, JSON: body,
		Header: map[string]string{"If-Match": tag}})
}

// revision gives the tag of the presentation.
func (r *Room) revision() string {
	r.tb.Helper()
	return r.edit(http.MethodGet, "", nil).Header.Get("ETag")
}

// editCalls are all edits, each of which changes something.
func editCalls(r *Room) []accessCall {
	first, second := r.Polls[0].PollID, r.Polls[1].PollID
	call := func(method, path string, body any) accessCall {
		return accessCall{Request: Request{Method: method, Path: path, JSON: body}}
	}
	return []accessCall{
		call("PATCH", "", object{"title": "Other"}),
		call("POST", "/polls", choice("More?")),
		call("PATCH", "/polls/"+second, object{"question": "Other?"}),
		call("PUT", "/polls/order", object{"poll_ids": []string{second, first}}),
		call("POST", "/polls/"+first+"/reset", nil),
		call("DELETE", "/polls/"+second, nil),
		call("DELETE", "", nil),
	}
}

func TestNoEditTakesBackWhatItsPresenterHasNotSeen(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for i, call := range editCalls(&Room{Polls: make([]Poll, 2)}) {
			t.Run(call.Method+" "+call.Path, func(t *testing.T) {
				t.Parallel() // each waits for a poll to be final, in a presentation of its own
				requireNothingIsTakenBack(t, s, i)
			})
		}
	})
}

// requireNothingIsTakenBack makes the edit with that number, with what another presenter did
// unseen, and seen.
func requireNothingIsTakenBack(t *testing.T, s site, i int) {
	t.Helper()
	r := show(s.Client, choice("One"), choice("Two"))
	r.moved(object{"move": "close"})
	finalOf(t, r, r.Polls[0].PollID)
	c := editCalls(r)[i]
	seen := r.revision()
	other := r.editIf(seen, http.MethodPatch, "", object{"title": "Somebody else's"})
	require.Equal(t, "200", other.Code(), "%v", other)
	before := r.Presentation(true)
	for _, stale := range []string{seen, `W/` + other.Header.Get("ETag"), `"2-presenter"`,
		seen + ", " + seen} {
		a := r.editIf(stale, c.Method, c.Path, c.JSON)
		require.Equal(t, "412 stale", a.Code(), "%s %s: %s: %v", c.Method, c.Path, stale, a)
	}
	require.Equal(t, before, r.Presentation(true))
	for _, garbage := range []string{"3", "x", `"x"`, `"1-B"`, `"1-b`, "*, *",
		strings.Repeat("*", 3000)} {
		a := r.Do(Request{Method: c.Method, Path: r.Path(c.Path), Token: r.PresenterToken,
			JSON: c.JSON, Wrong: true,
			Header: map[string]string{"If-Match": garbage}})
		require.Equal(t, "400 invalid If-Match", a.Code(), "%s %s: %s", c.Method, c.Path, garbage)
	}
	r.moved(object{"move": "open"}) // which is no edit
	r.moved(object{"move": "close"})
	if strings.HasSuffix(c.Path, "/reset") {
		finalOf(t, r, r.Polls[0].PollID)
	}
	a := r.editIf(seen+`, `+other.Header.Get("ETag"), c.Method, c.Path, c.JSON)
	require.Less(t, a.Status, 300, "%s %s: %v", c.Method, c.Path, a)
	if c.Path == "" && c.Method == http.MethodDelete {
		require.Equal(t, "404 not_found", r.edit(http.MethodDelete, "", nil).Code())
		return
	}
	require.Equal(t, r.revision(), a.Header.Get("ETag"),
		"a client goes on with what it is answered")
	require.NotEqual(t, other.Header.Get("ETag"), a.Header.Get("ETag"))
	for _, fine := range []string{a.Header.Get("ETag"), "*", ""} {
		require.Equal(t, "200", r.Do(Request{Method: http.MethodPatch, Path: r.Path(""),
			Token: r.PresenterToken,
			JSON:  object{"title": "fine " + fine}, Wrong: fine == "",
			Header: map[string]string{"If-Match": fine}}).Code())
	}
	require.Equal(t, "200", r.Move(object{"move": "open"},
		map[string]string{"If-Match": r.revision()}).Code(), "a transition takes it, too")
}

func TestOfManyEditorsWithTheSameRevisionOneWins(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Title: "Many hands",
			Polls: []NewPoll{choice("One"), choice("Two")}})
		for round := range 5 {
			seen := r.revision()
			var won, stale atomic.Int64
			concurrently(6, func(i int) {
				through := r.Through(s.replicas[i%len(s.replicas)])
				a := through.editIf(seen, http.MethodPatch, "/polls/"+r.Polls[i%2].PollID,
					object{"question": fmt.Sprint("By ", i, " in ", round)})
				switch a.Code() {
				case "200":
					won.Add(1)
				case "412 stale":
					stale.Add(1)
				}
			})
			require.EqualValues(t, 1, won.Load())
			require.EqualValues(t, 5, stale.Load())
		}
	})
}

// history is what was mended of a presentation.
type history struct {
	Items []struct {
		PollID   string    `json:"poll_id"`
		At       time.Time `json:"at"`
		Revision int64     `json:"revision"`
		Field    string    `json:"field"`
		Before   string    `json:"before"`
		After    string    `json:"after"`
	} `json:"items"`
	Next string `json:"next"`
}

func (r *Room) history(t *testing.T, query string) (h history) {
	t.Helper()
	a := r.read(Request{Method: http.MethodGet, Path: r.Path("/history" + query)}, &h)
	require.Equal(t, "200", a.Code())
	return h
}

func TestATypoInARunningQuestionIsMendedAndNoVoteIsLost(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wnis?"), choice("Two"))
		one, path := r.Polls[0].PollID, "/polls/"+r.Polls[0].PollID
		v := r.watch(t, "")
		ann := NewVoter()
		r.Vote(one, ann, "A")
		r.Vote(one, NewVoter(), "B")
		known := r.Current().Header.Get("ETag")
		require.Empty(t, r.history(t, "").Items)
		require.Zero(t, r.Results(one).Mended)

		began := time.Now()
		options := options2()
		options[1].Value = "Blue\n  (the dark one)"
		a := r.editIf(r.revision(), http.MethodPatch, path,
			object{"question": "Who wins?", "options": options})
		require.Equal(t, "200", a.Code(), "%v", a)
		e := v.until(t, "the new text", func(e event) bool {
			return e.shown != nil && e.shown.Poll != nil && e.shown.Poll.Question == "Who wins?"
		})
		require.Equal(t, options, e.shown.Poll.Options)
		require.EqualValues(t, 1, e.shown.Version, "it is no transition")
		for _, replica := range s.replicas {
			through := r.Through(replica)
			require.Eventually(t, func() bool {
				a := through.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/current"),
					Header: conditional(known)})
				return a.Status == http.StatusOK && strings.Contains(string(a.Body), "Who wins?")
			}, wait, tick, "who has the text of before is told of the new one")
			through.Vote(one, NewVoter(), "B")
		}
		r.Vote(one, ann, "B")
		res := r.Recount(one)
		require.Equal(t, map[string]int64{"A": 0, "B": int64(2 + len(s.replicas))}, res.Counts())
		require.Equal(t, 2, res.Mended)

		h := r.history(t, "")
		require.Len(t, h.Items, 2)
		require.Empty(t, h.Next)
		for i, want := range [][3]string{{"question", "Who wnis?", "Who wins?"},
			{"options[B]", options2()[1].Value, options[1].Value}} {
			require.Equal(t, one, h.Items[i].PollID)
			require.Equal(t, want, [3]string{h.Items[i].Field, h.Items[i].Before, h.Items[i].After})
			require.WithinRange(t, h.Items[i].At, began.Add(-time.Minute),
				time.Now().Add(time.Minute))
			require.LessOrEqual(t, h.Items[i].Revision, res.Revision)
		}
		first := r.history(t, "?limit=1")
		require.Equal(t, h.Items[:1], first.Items)
		rest := r.history(t, "?limit=100&cursor="+first.Next)
		require.Equal(t, h.Items[1:], rest.Items)
		require.Empty(t, rest.Next)
		require.Equal(t, []any{}, r.emptyHistory(t), "a list is always a list")

		r.Next() // voting has ended, and votes may still be under way
		require.Equal(t, "200", r.edit(http.MethodPatch, path,
			object{"question": "Who wins it?"}).Code())
		finalOf(t, r, one)
		require.Equal(t, "409 poll_has_been_shown",
			r.edit(http.MethodPatch, path, object{"question": "Who lost?"}).Code())
		require.Len(t, r.history(t, "").Items, 3)
		require.Equal(t, "204", r.edit(http.MethodPost, path+"/reset", nil).Code())
		require.Empty(t, r.history(t, "").Items)
	})
}

// emptyHistory gives the items of a presentation of which nothing was mended.
func (r *Room) emptyHistory(t *testing.T) any {
	t.Helper()
	var body map[string]any
	other := show(r.Client, choice("One"))
	other.read(Request{Method: http.MethodGet, Path: other.Path("/history")}, &body)
	return body["items"]
}

func TestAPollIsMendedAsOftenAsItMayBe(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		many := NewPoll{Question: "Many?", Kind: "choice"}
		for i := range 100 {
			many.Options = append(many.Options,
				Option{Key: strconv.Itoa(i), Value: fmt.Sprint("option ", i)})
		}
		r := show(s.Client, many)
		path := "/polls/" + r.Polls[0].PollID
		for i := range many.Options {
			many.Options[i].Value = fmt.Sprint("mended ", i)
		}
		too := r.edit(http.MethodPatch, path, object{"question": "More?", "options": many.Options})
		require.Equal(t, "409 poll_has_been_shown", too.Code())
		require.Contains(t, string(too.Body), "100")
		require.Equal(t, "200", r.edit(http.MethodPatch, path,
			object{"options": many.Options}).Code())
		require.Equal(t, "409 poll_has_been_shown",
			r.edit(http.MethodPatch, path, object{"question": "More?"}).Code())
		require.Len(t, r.history(t, "").Items, 100)
		require.Equal(t, "200", r.edit(http.MethodPatch, path,
			object{"results_visibility": "after"}).Code(), "what is no text goes on")
	})
}

func TestAWrongPartOfTheHistoryIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"))
		for query, want := range map[string]string{
			"?limit=0": "limit", "?limit=101": "limit", "?limit=x": "limit", "?limit=": "limit",
			"?limit=-1": "limit", "?limit=1e1": "limit",
			"?limit=9999999999999999999999": "limit", "?cursor=": "cursor", "?cursor=0": "cursor",
			"?cursor=-1": "cursor", "?cursor=01": "cursor",
			"?cursor=x": "cursor", "?cursor=%00": "cursor", "?cursor=1%20": "cursor",
			"?cursor=99999999999999999999": "cursor",
		} {
			a := s.Do(Request{Method: http.MethodGet,
				Path: r.Path("/history" + query), Wrong: true})
			require.Equal(t, "400 invalid "+want, a.Code(), query)
		}
		require.Empty(t, r.history(t, "?cursor=9223372036854775807").Items)
		require.Equal(t, "404 not_found",
			s.Do(Request{Method: http.MethodGet,
				Path: Base + "/presentations/" + nobody + "/history"}).Code())
		require.Equal(t, "400 invalid presentation_id",
			s.Do(Request{Method: http.MethodGet,
				Path: Base + "/presentations/" + nilUUID + "/history", Wrong: true}).Code())
	})
}
