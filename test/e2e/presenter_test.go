package e2e

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// presenterCalls are the calls that need the presenter's token.
func presenterCalls(r *Room) []Request {
	var ids []string
	for _, q := range r.Polls {
		ids = append(ids, q.PollID)
	}
	return []Request{
		{Method: http.MethodPut, Path: r.Path("/polls/current")},
		{Method: http.MethodDelete, Path: r.Path("/polls/current")},
		{Method: http.MethodGet, Path: r.Path("/polls/" + r.Polls[0].PollID + "/votes")},
		{Method: http.MethodPatch, Path: r.Path(""), JSON: map[string]string{"title": "Other"}},
		{Method: http.MethodDelete, Path: r.Path("")},
		{Method: http.MethodGet, Path: r.Path("/export")},
		{Method: http.MethodPost, Path: r.Path("/polls"), JSON: choice("More?")},
		{Method: http.MethodPut, Path: r.Path("/polls/order"),
			JSON: map[string][]string{"poll_ids": ids}},
		{Method: http.MethodPatch, Path: r.Path("/polls/" + r.Polls[0].PollID),
			JSON: map[string]string{"question": "Other?"}},
		{Method: http.MethodDelete, Path: r.Path("/polls/" + r.Polls[0].PollID)},
		{Method: http.MethodPost, Path: r.Path("/polls/" + r.Polls[0].PollID + "/reset")},
		{Method: http.MethodPost, Path: r.Path("/token")},
		{Method: http.MethodPost, Path: r.Path("/remote")},
		{Method: http.MethodPost, Path: r.Path("/join_code")},
	}
}

func TestPresenterCallsNeedThePresentersOwnToken(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r, other := show(s.Client, choice("Mine"), choice("Too")),
			show(s.Client, choice("Another's"))
		for _, call := range presenterCalls(r) {
			for _, c := range []struct{ name, authorization, want string }{
				{"none", "", "401 unauthorized"},
				{"another scheme", "Basic dXNlcjpwYXNz", "401 unauthorized"},
				{"a scheme without a token", "Bearer ", "401 unauthorized"},
				{"another presentation's", "Bearer " + other.PresenterToken, "403 forbidden"},
				{"the right one and more", "Bearer " + r.PresenterToken + "x", "403 forbidden"},
				{"the right one but for its end",
					"Bearer " + r.PresenterToken[:len(r.PresenterToken)-1], "403 forbidden"},
			} {
				req := call
				req.Wrong = true
				if c.authorization != "" {
					req.Header = map[string]string{"Authorization": c.authorization}
				}
				require.Equal(t, c.want, s.Do(req).Code(), "%s %s with %s", call.Method,
					call.Path, c.name)
			}
			unknown := call
			unknown.Path, unknown.Wrong = Base+"/presentations/"+nobody+
				call.Path[len(r.Path("")):], true
			require.Equal(t, "404 not_found", s.Do(unknown).Code(),
				"an unknown presentation comes before the token")
		}
		p := r.Presentation(true)
		require.EqualValues(t, 1, p.Version, "a refused call moved the slide")
		require.Equal(t, "A test", p.Title, "a refused call edited")
		require.Equal(t, r.Polls, p.Polls, "a refused call edited")

		scheme := presenterCalls(r)[2]
		scheme.Header = map[string]string{"Authorization": "bearer " + r.PresenterToken}
		require.Equal(t, http.StatusOK, s.Do(scheme).Status, "a scheme's name has no case")
	})
}

func TestPollThatWasNeverDisplayedIsThePresentersOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Now"), choice("Later"))
		later := r.Polls[1].PollID
		results := Request{Method: http.MethodGet, Path: r.Path("/polls/" + later + "/results")}
		require.Equal(t, "404 not_found", s.Do(results).Code())
		require.Len(t, r.Presentation(false).Polls, 1)
		require.Len(t, r.Presentation(true).Polls, 2)
		res := r.Results(later)
		require.Equal(t, "pending", res.Status)
		require.Zero(t, res.Version)
		require.Zero(t, res.Total)
		require.Empty(t, r.Votes(later))

		r.Next()
		require.Equal(t, http.StatusOK, s.Do(results).Status)
		p := r.Presentation(false)
		require.Len(t, p.Polls, 2)
		require.Equal(t, 1, *p.CurrentPollIndex)
	})
}

func TestOpenServerAsksNobodyForAToken(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_OPEN=true"}})
	s.open = true
	create := func() *Room {
		return s.Create(NewPresentation{Polls: []NewPoll{choice("Who wins?"), choice("And then?")}})
	}
	for i := range presenterCalls(create()) {
		call := presenterCalls(create())[i]
		call.Wrong = true // the OpenAPI file wants a token
		require.Less(t, s.Do(call).Status, 300, "%s %s", call.Method, call.Path)
	}
}

func TestIfMatchLetsAPresenterMoveOnlyFromWhatTheySaw(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{choice("1"), choice("2"),
			choice("3"), choice("4")}})
		move := func(ifMatch string) string {
			return r.Move(nil,
				map[string]string{"If-Match": ifMatch}).Code()
		}
		require.Equal(t, http.StatusOK, r.Move(nil, map[string]string{"If-Match": `"0"`}).Status)
		require.Equal(t, "412 stale", move(`"0"`), "the same call again")
		require.Equal(t, "412 stale", move(`"7"`))
		require.Equal(t, http.StatusOK, r.Move(nil, map[string]string{"If-Match": "1"}).Status,
			"a bare number")
		require.Equal(t, http.StatusOK, r.Move(nil, map[string]string{"If-Match": "*"}).Status)
		for _, wrong := range []string{"three", `"3`, `"-3"`, `"3.0"`,
			`"99999999999999999999999"`} {
			a := r.Do(Request{Method: http.MethodPut, Path: r.Path("/polls/current"),
				Token:  r.PresenterToken,
				Header: map[string]string{"If-Match": wrong}, Wrong: true})
			require.Equal(t, "400 invalid If-Match", a.Code(), wrong)
		}
		clear := func(ifMatch string) *Answer {
			return r.Do(Request{Method: http.MethodDelete, Path: r.Path("/polls/current"),
				Token:  r.PresenterToken,
				Header: map[string]string{"If-Match": ifMatch}})
		}
		require.Equal(t, "412 stale", clear(`"2"`).Code())
		require.Equal(t, r.Polls[2].PollID, r.Show(r.Polls[2].PollID).PollID,
			"a refused call moved the slide")
		require.Equal(t, "412 stale", clear(`W/"3"`).Code(), "a weak tag matches nothing")
		require.Equal(t, "412 stale", clear(`"1", "2", W/"3"`).Code())
		require.Equal(t, "204", clear(`"1", "3"`).Code(), "one of several is the present one")
	})
}

func TestOfTwoPresentersWhoMoveFromTheSameVersionOneIsToldThatItIsStale(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		polls := make([]NewPoll, 20)
		for i := range polls {
			polls[i] = choice("Question " + strconv.Itoa(i))
		}
		r := show(s.Client, polls...)
		for round := 1; round < len(polls); round++ {
			var moved, stale atomic.Int32
			concurrently(4, func(i int) {
				a := r.Through(s.replicas[i%len(s.replicas)]).
					Move(nil, map[string]string{"If-Match": strconv.Quote(strconv.Itoa(round))})
				switch a.Status {
				case http.StatusOK:
					moved.Add(1)
				case http.StatusPreconditionFailed:
					stale.Add(1)
				default:
					t.Errorf("%v", a)
				}
			})
			require.EqualValues(t, 1, moved.Load())
			require.EqualValues(t, 3, stale.Load())
		}
		require.EqualValues(t, len(polls), r.Presentation(true).Version)
	})
}

func TestMoveWithAWrongBodyIsRefusedAndMovesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("1"), choice("2"))
		put := func(body, typ string) string {
			req := Request{Method: http.MethodPut, Path: r.Path("/polls/current"),
				Token: r.PresenterToken, Body: body, Wrong: true}
			if typ != "" {
				req.Header = map[string]string{"Content-Type": typ}
			}
			return r.Do(req).Code()
		}
		require.Equal(t, "404 not_found", put(`{"poll_id":"`+nobody+`"}`, jsonEnc))
		require.Equal(t, "404 not_found", put(`{"poll_id":"`+noUUID+`"}`, jsonEnc))
		require.Equal(t, "400 invalid poll_id", put(`{"poll_id":"`+nilUUID+`"}`, jsonEnc))
		require.Equal(t, "400 invalid move", put(`{"move":"sideways"}`, jsonEnc))
		require.Contains(t, put(`{"move":"next","poll_id":"`+r.Polls[1].PollID+`"}`,
			jsonEnc), "400 invalid")
		require.Contains(t, put(`{"move":`, jsonEnc), "400 invalid")
		require.Contains(t, put(`[]`, jsonEnc), "400 invalid")
		require.Equal(t, "415 unsupported_media_type", put(`{"move":"next"}`, "text/plain"))
		require.Equal(t, "415 unsupported_media_type", put(`{"move":"next"}`, ""))
		require.EqualValues(t, 1, r.Presentation(true).Version)
		require.EqualValues(t, 1, r.Show(r.Polls[0].PollID).Version,
			"displaying what is displayed is no transition")
	})
}

func TestCurrentPollThatHasNotChangedIsNotSentAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("1"), choice("2"))
		get := func(etag string) *Answer {
			return r.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/current"),
				Header: map[string]string{"If-None-Match": etag}})
		}
		require.Equal(t, http.StatusNotModified, get(`"1"`).Status)
		require.Empty(t, get(`"1"`).Body)
		require.Equal(t, http.StatusNotModified, get(`"0", W/"1"`).Status,
			"a list, and compared weakly")
		require.Equal(t, http.StatusOK, get(`"0"`).Status)
		r.Next()
		displays(t, r, r.Polls[1].PollID)
		for _, replica := range s.replicas {
			displays(t, r.Through(replica), r.Polls[1].PollID)
		}
		require.Equal(t, http.StatusOK, get(`"1"`).Status)
	})
}
