package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// edit sends a presenter's call about the presentation.
func (r *Room) edit(method, path string, body any) *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: method, Path: r.Path(path), Token: r.PresenterToken, JSON: body})
}

// object is a JSON object.
type object = map[string]any

func TestAPresentationIsEditedBeforeAnybodySeesIt(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Title: "A draft",
			Polls: []NewPoll{choice("One"), multiple("Two", 2)}})
		one, two := r.Polls[0].PollID, r.Polls[1].PollID
		var p Presentation
		a := r.edit(http.MethodPatch, "", object{"title": " The <b>talk</b> "})
		require.NoError(t, a.Decode(&p))
		require.Equal(t, "The <b>talk</b>", p.Title)
		require.Equal(t, p, r.Presentation(true))

		var added Poll
		a = r.edit(http.MethodPost, "/polls",
			object{"question": "Zero", "kind": "rating", "results_visibility": "after",
				"banned_words": []string{" no "}, "index": 0})
		require.Equal(t, "201", a.Code())
		require.NoError(t, a.Decode(&added))
		require.Equal(t, Poll{added.PollID, "Zero", "rating", 1,
			[]Option{{"1", "1"}, {"2", "2"}, {"3", "3"}, {"4", "4"}, {"5", "5"}},
			"after", "pending", []string{"no"}}, added)
		require.Equal(t, r.Path("/polls/"+added.PollID), a.Header.Get("Location"))

		var edited Poll
		a = r.edit(http.MethodPatch, "/polls/"+one,
			object{"question": "Uno", "options": []Option{{"X", "x"}, {"Y", "y"}, {"Z", "z"}},
				"kind": "multiple"})
		require.Equal(t, "200", a.Code())
		require.NoError(t, a.Decode(&edited))
		require.Equal(t, Poll{one, "Uno", "multiple", 3,
			[]Option{{"X", "x"}, {"Y", "y"}, {"Z", "z"}}, "live", "pending", []string{}}, edited)

		a = r.edit(http.MethodPut, "/polls/order",
			object{"poll_ids": []string{two, added.PollID, one}})
		require.NoError(t, a.Decode(&p))
		require.Equal(t, []string{two, added.PollID, one},
			[]string{p.Polls[0].PollID, p.Polls[1].PollID, p.Polls[2].PollID})
		require.Equal(t, "204", r.edit(http.MethodDelete, "/polls/"+two, nil).Code())
		require.Equal(t, "404 not_found", r.edit(http.MethodDelete, "/polls/"+two, nil).Code())
		require.Zero(t, r.Presentation(true).Version, "no edit is a transition")
		require.Empty(t, r.Presentation(false).Polls)

		require.Equal(t, added.PollID, r.Next().PollID)
		require.Equal(t, one, r.Next().PollID)
		r.Count(Ballot{PollID: one, ClientID: NewVoter(), Keys: []string{"Z", "X"}})
		require.Equal(t, map[string]int64{"X": 1, "Y": 0, "Z": 1}, r.Recount(one).Counts())
		require.Equal(t, "204", r.edit(http.MethodDelete, "", nil).Code())
		for _, replica := range s.replicas {
			require.Equal(t, "404 not_found",
				r.Through(replica).edit(http.MethodDelete, "", nil).Code())
			require.Equal(t, "404 not_found",
				replica.Do(Request{Method: http.MethodGet, Path: r.Path("")}).Code())
			require.Eventually(t, func() bool {
				return r.Through(replica).Cast(Ballot{PollID: one, ClientID: NewVoter(), Key: "X"}).
					Code() == "404 not_found"
			}, wait, tick)
		}
		require.Equal(t, "404 not_found",
			s.Do(Request{Method: http.MethodGet, Path: Base + "/join/" + r.JoinCode}).Code())
	})
}

func TestAnExportedPresentationIsCreatedAnewFromItsExport(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		hidden := choice(`"Quoted" & <odd>`)
		hidden.Visibility, hidden.Banned = "presenter", []string{"no", "never"}
		r := show(s.Client, hidden, multiple("Two", 2), rating("Three"))
		a := r.edit(http.MethodGet, "/export", nil)
		require.Equal(t, fmt.Sprintf(`attachment; filename="plenary-%s.json"`, r.JoinCode),
			a.Header.Get("Content-Disposition"))
		again := &Room{Client: s.Client}
		s.read(Request{Method: http.MethodPost, Path: Base + "/presentations", Body: string(a.Body),
			Header: map[string]string{"Content-Type": jsonEnc}}, &again.Created)
		require.NotEqual(t, r.PresentationID, again.PresentationID)
		want, got := r.Presentation(true), again.Presentation(true)
		require.Equal(t, want.Title, got.Title)
		require.Nil(t, got.CurrentPollIndex)
		require.Len(t, got.Polls, 3)
		for i := range got.Polls {
			require.Equal(t, "pending", got.Polls[i].Status)
			got.Polls[i].PollID, got.Polls[i].Status = want.Polls[i].PollID, want.Polls[i].Status
		}
		require.Equal(t, want.Polls, got.Polls)
		require.JSONEq(t, string(a.Body), string(again.edit(http.MethodGet, "/export", nil).Body))
	})
}

func TestAClosedPollStaysOnTheSlideAndIsFinalThere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		one := r.Polls[0].PollID
		v := r.watch(t, "")
		r.Vote(one, NewVoter(), "A")
		d := r.moved(object{"move": "close"})
		require.Equal(t, Displayed{one, "One", "choice", 1, options2(), "live", 2, "closed"}, d)
		require.Equal(t, d, r.moved(object{"move": "close"}),
			"closing what is closed changes nothing")
		for _, replica := range s.replicas {
			through := r.Through(replica)
			refuses(t, through, one, "B")
			require.Eventually(t, func() bool {
				var d Displayed
				a := through.Current()
				return a.Decode(&d) == nil && d.Voting == "closed" && d.Version == 2
			}, wait, tick)
		}
		final := finalOf(t, r, one)
		require.EqualValues(t, 1, final.Version, "the version that ended")
		require.Equal(t, final, r.Recount(one))
		v.until(t, "closed", func(e event) bool {
			return e.shown != nil &&
				e.shown.Voting == "closed" && e.shown.Poll.PollID == one
		})
		v.until(t, "final", func(e event) bool {
			return e.tallies != nil && e.tallies.Status == "final" && e.tallies.Total == final.Total
		})

		require.Equal(t, "open", r.moved(object{"move": "open"}).Voting)
		require.Equal(t, "open", r.Results(one).Status)
		for _, replica := range s.replicas {
			// at once: what a replica knew of before refuses nobody
			r.Through(replica).Vote(one, NewVoter(), "B")
		}
		v.until(t, "open", func(e event) bool { return e.shown != nil && e.shown.Voting == "open" })
		r.moved(object{"move": "close"})
		require.Equal(t, "open", r.Show(one).Voting, "and so does naming it")
		r.moved(object{"move": "close"})
		require.Equal(t, r.Polls[1].PollID, r.Next().PollID)
		require.EqualValues(t, 7, r.Presentation(true).Version)
		r.Clear()
		require.Equal(t, "409 not_displayed", r.Move(object{"move": "close"}, nil).Code())
		require.Equal(t, "409 not_displayed", r.Move(object{"move": "open"}, nil).Code())
		require.Equal(t, "412 stale",
			r.Move(object{"move": "close"}, map[string]string{"If-Match": `"3"`}).Code())
	})
}

func TestAPollWithVotesIsResetAndNotChangedUnderItsVotersFeet(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		one, path := r.Polls[0].PollID, "/polls/"+r.Polls[0].PollID
		ann := NewVoter()
		r.Vote(one, ann, "A")
		question, shown := object{"question": "Other?"}, "409 poll_has_been_shown"
		for _, other := range []object{{"kind": "open_text"}, {"options": options2()[:1]},
			{"kind": "multiple", "question": "Other?"}} {
			require.Equal(t, shown, r.edit(http.MethodPatch, path, other).Code())
		}
		require.Equal(t, shown, r.edit(http.MethodDelete, path, nil).Code())
		require.Equal(t, "409 poll_not_final", r.edit(http.MethodPost, path+"/reset", nil).Code())
		r.moved(object{"move": "close"})
		require.Equal(t, "409 poll_not_final", r.edit(http.MethodPost, path+"/reset", nil).Code(),
			"votes may be under way")
		finalOf(t, r, one)
		require.Equal(t, shown, r.edit(http.MethodPatch, path, question).Code())

		v := r.watch(t, "")
		require.Equal(t, "204", r.edit(http.MethodPost, path+"/reset", nil).Code())
		res := r.Recount(one)
		require.Zero(t, res.Total)
		require.Equal(t, "pending", res.Status)
		v.until(t, "empty", func(e event) bool {
			return e.tallies != nil && e.tallies.Total == 0 &&
				e.tallies.Status == "pending"
		})
		require.Equal(t, http.StatusOK, s.Do(r.resultsRequest(one, "")).Status,
			"it is on the slide: no secret")
		require.Len(t, r.Presentation(false).Polls, 1)
		require.Equal(t, shown, r.edit(http.MethodPatch, path, question).Code(),
			"and people look at it")

		r.moved(object{"move": "open"})
		r.Vote(one, ann, "B")
		require.Equal(t, map[string]int64{"A": 0, "B": 1}, r.Recount(one).Counts())
		r.Next()
		finalOf(t, r, one)
		require.Equal(t, "204", r.edit(http.MethodPost, path+"/reset", nil).Code())
		require.Equal(t, "404 not_found", s.Do(r.resultsRequest(one, "")).Code(),
			"as if it had never been displayed")
		require.Equal(t, "200", r.edit(http.MethodPatch, path, question).Code())
		require.Equal(t, "204", r.edit(http.MethodDelete, path, nil).Code())
		require.Equal(t, 0, *r.Presentation(true).CurrentPollIndex, "the slide follows its poll")
		require.Equal(t, shown, r.edit(http.MethodDelete, "/polls/"+r.Polls[1].PollID, nil).Code())
		r.Clear()
		finalOf(t, r, r.Polls[1].PollID)
		require.Equal(t, "204", r.edit(http.MethodPost,
			"/polls/"+r.Polls[1].PollID+"/reset", nil).Code())
		require.Equal(t, "409 last_poll",
			r.edit(http.MethodDelete, "/polls/"+r.Polls[1].PollID, nil).Code())
	})
}

func TestHiddenResultsAreForThePresenterOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		after := rating("After?")
		after.Visibility = "after"
		r := show(s.Client, after, choice("Two"))
		one := r.Polls[0].PollID
		room, presenter := r.watch(t, ""), r.watchAs(t, "", r.PresenterToken)
		r.Vote(one, NewVoter(), "4")
		read := func(c *Client, token string) (res Results, tag string) {
			req := r.resultsRequest(one, "")
			req.Token = token
			a := c.read(req, &res)
			return res, a.Header.Get("ETag")
		}
		for _, replica := range s.replicas {
			hidden, hiddenTag := read(replica, "")
			require.Equal(t, Results{PollID: one, Status: "open", Version: 1,
				Revision: hidden.Revision, Total: 1, Options: []Tally{}, Hidden: true,
				Identity: "client"}, hidden)
			all, tag := read(replica, r.PresenterToken)
			require.Equal(t, map[string]int64{"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}, all.Counts())
			require.NotNil(t, all.Mean)
			require.NotEqual(t, tag, hiddenTag)
			unlessKnown(t, replica, r.resultsRequest(one, ""), hiddenTag)
			forged, _ := read(replica, "x"+r.PresenterToken)
			require.Equal(t, hidden, forged)
		}
		e := room.until(t, "one vote", total(one, 1))
		require.True(t, e.tallies.Hidden)
		require.Empty(t, e.tallies.Options)
		require.Nil(t, e.tallies.Mean)
		e = presenter.until(t, "one vote", total(one, 1))
		require.False(t, e.tallies.Hidden)
		require.Len(t, e.tallies.Options, 5)

		r.moved(object{"move": "close"})
		seen := func(e event) bool {
			return e.tallies != nil && !e.tallies.Hidden &&
				e.tallies.Total == 1
		}
		room.until(t, "after", seen)
		res, _ := read(s.Client, "")
		require.EqualValues(t, 4, *res.Mean)

		finalOf(t, r, one)
		require.Equal(t, "200", r.edit(http.MethodPatch, "/polls/"+one,
			object{"results_visibility": "presenter"}).Code())
		room.until(t, "hidden", func(e event) bool { return e.tallies != nil && e.tallies.Hidden })
		res, _ = read(s.Client, "")
		require.True(t, res.Hidden)
		require.Equal(t, "final", res.Status)
		for _, replica := range s.replicas {
			require.Eventually(t, func() bool {
				return strings.Contains(string(r.Through(replica).Current().Body),
					`"results_visibility":"presenter"`)
			}, wait, tick)
		}
		require.Equal(t, `"2-b"`, r.Current().Header.Get("ETag"))
		require.Equal(t, "200", r.Move(nil, map[string]string{"If-Match": `"2-b"`}).Code(),
			"it stands for its version")
		require.Equal(t, "412 stale",
			r.Move(nil, map[string]string{"If-Match": `"2-presenter"`}).Code(),
			"as did a tag of before")
	})
}

func TestBannedWordsAreThePresentersOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		q := choice("One")
		q.Banned = []string{"confidential"}
		r := show(s.Client, q)
		require.Equal(t, q.Banned, r.Presentation(true).Polls[0].Banned)
		for _, req := range []Request{
			{Method: http.MethodGet, Path: r.Path("")},
			{Method: http.MethodGet, Path: r.Path("/polls/current")},
			r.resultsRequest(r.Polls[0].PollID, ""),
		} {
			require.NotContains(t, string(s.Do(req).Body), "confidential", req.Path)
		}
	})
}

func TestAnEditWithAWrongBodyIsRefusedAndChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Title: "A test",
			Polls: []NewPoll{choice("One"), choice("Two")}})
		one, two := r.Polls[0].PollID, r.Polls[1].PollID
		before := r.Presentation(true)
		asJSON := map[string]string{"Content-Type": jsonEnc}
		long := `"` + strings.Repeat("é", 1001) + `"`
		option := func(key string) string { return `"options":[{"key":` + key + `,"value":"v"}]` }
		polls := []refusal{
			{"a number for a question", `{"question":7}`, "400 invalid question"},
			{"an empty question", `{"question":" "}`, "400 invalid question"},
			{"a long question", `{"question":` + long + `}`, "400 invalid question"},
			{"NUL", `{"question":"\u0000","options":[{"key":"A","value":"a"}]}`,
				"400 invalid question"},
			{"an unknown kind", `{"question":"Q","kind":"essay"}`, "400 invalid kind"},
			{"a choice of two", `{"question":"Q","max_choices":2,` + option(`"A"`) + `}`,
				"400 invalid max_choices"},
			{"no options", `{"question":"Q","options":[]}`, "400 invalid options"},
			{"an empty key", `{"question":"Q",` + option(`""`) + `}`, "400 invalid options[0].key"},
			{"a key with a line's end", `{"question":"Q",` + option(`"a\nb"`) + `}`,
				"400 invalid options[0].key"},
			{"options of a rating", `{"question":"Q","kind":"rating",` + option(`"A"`) + `}`,
				"400 invalid options"},
			{"an unknown visibility",
				`{"question":"Q",` + option(`"A"`) + `,"results_visibility":"never"}`,
				"400 invalid results_visibility"},
			{"an empty word", `{"question":"Q",` + option(`"A"`) + `,"banned_words":["a"," "]}`,
				"400 invalid banned_words[1]"},
			{"words that are no list", `{"question":"Q","banned_words":"a"}`,
				"400 invalid banned_words"},
			{"too many words", `{"question":"Q",` + option(`"A"`) + `,"banned_words":[` +
				strings.Repeat(`"a",`, 200) + `"a"]}`, "400 invalid banned_words"},
		}
		add := append([]refusal{
			{"an empty object", `{}`, "400 invalid question"},
			{"an index beyond", `{"question":"Q",` + option(`"A"`) + `,"index":3}`,
				"400 invalid index"},
			{"a negative index", `{"question":"Q",` + option(`"A"`) + `,"index":-1}`,
				"400 invalid index"},
			{"an index that is text", `{"question":"Q",` + option(`"A"`) + `,"index":"0"}`,
				"400 invalid index"},
		}, polls...)
		order := []refusal{
			{"no ids", `{}`, "400 invalid poll_ids"},
			{"one id of two", `{"poll_ids":["` + one + `"]}`, "400 invalid poll_ids"},
			{"an id twice", `{"poll_ids":["` + one + `","` + one + `"]}`, "400 invalid poll_ids"},
			{"an id of nobody", `{"poll_ids":["` + one + `","` + nobody + `"]}`,
				"400 invalid poll_ids"},
			{"the nil UUID", `{"poll_ids":["` + one + `","` + nilUUID + `"]}`,
				"400 invalid poll_ids"},
			{"no UUID", `{"poll_ids":["` + one + `","x"]}`, "400 invalid poll_ids"},
			{"three of two", `{"poll_ids":["` + one + `","` + two + `","` + one + `"]}`,
				"400 invalid poll_ids"},
			{"numbers", `{"poll_ids":[1,2]}`, "400 invalid poll_ids[0]"},
		}
		title := []refusal{
			{"no title", `{}`, "400 invalid title"},
			{"null for a title", `{"title":null}`, "400 invalid title"},
			{"a number for a title", `{"title":1}`, "400 invalid title"},
			{"a long title", `{"title":` + long + `}`, "400 invalid title"},
			{"NUL", `{"title":"\u0000"}`, "400 invalid title"},
		}
		for _, call := range []struct {
			method, path, good string
			refusals           []refusal
		}{
			{http.MethodPatch, "", `{"title":"Other"}`, title},
			{http.MethodPost, "/polls", `{"question":"Q","kind":"rating"}`, add},
			{http.MethodPatch, "/polls/" + one, `{"question":"Other?"}`, polls},
			{http.MethodPut, "/polls/order", `{"poll_ids":["` + two + `","` + one + `"]}`, order},
		} {
			send := func(path, body string, header map[string]string) *Answer {
				return r.Do(Request{Method: call.method, Path: path, Token: r.PresenterToken,
					Body: body, Header: header, Wrong: true})
			}
			for _, c := range append(call.refusals, malformed(call.good)...) {
				if call.method == http.MethodPatch && call.path != "" && c.body == "null" {
					continue // nothing to edit, as {} says too
				}
				c.name = call.method + " " + call.path + ": " + c.name
				t.Run(c.name, func(t *testing.T) {
					c.check(t,
						send(r.Path(call.path), c.body, asJSON))
				})
			}
			require.Equal(t, "415 unsupported_media_type",
				send(r.Path(call.path), call.good,
					map[string]string{"Content-Type": "text/plain"}).Code())
			large := call.good[:len(call.good)-1] + strings.Repeat(" ", 1<<20) + "}"
			require.Equal(t, "413 payload_too_large", send(r.Path(call.path), large, asJSON).Code())
			for id, want := range map[string]string{noUUID: "404 not_found",
				nobody: "404 not_found", nilUUID: "400 invalid presentation_id"} {
				path := Base + "/presentations/" + id + call.path
				require.Equal(t, want, send(path, call.good, asJSON).Code(), path)
			}
		}
		for _, call := range []struct{ method, rest string }{{http.MethodPatch, ""},
			{http.MethodDelete, ""}, {http.MethodPost, "/reset"}} {
			for id, want := range map[string]string{noUUID: "404 not_found",
				nobody: "404 not_found", nilUUID: "400 invalid poll_id"} {
				a := r.Do(Request{Method: call.method, Path: r.Path("/polls/" + id + call.rest),
					Token: r.PresenterToken, JSON: object{"question": "Q"}, Wrong: true})
				require.Equal(t, want, a.Code(), "%s %s", call.method, id)
			}
		}
		require.Equal(t, before, r.Presentation(true))
	})
}
