package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

func TestATalksNumbersAreThoseOfItsRatingsForEveryReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		none := talk.Ratings("")
		require.Equal(t, Histogram(0, 0, 0, 0, 0), none.Histogram)
		require.Nil(t, none.Average)
		require.Nil(t, none.Median)
		talk.Rated("", 5)
		require.Equal(t, Histogram(0, 0, 0, 0, 1), talk.Ratings("").Histogram)
		for value := 1; value <= 5; value++ {
			replica := s.replicas[value%len(s.replicas)]
			talk.Through(replica).Rated("", value)
			for _, tells := range s.replicas {
				require.EqualValues(t, 1+value, *talk.Through(tells).Ratings("").Count,
					"it is there for all as soon as it is answered")
			}
		}
		now := talk.Ratings("")
		require.Equal(t, Histogram(1, 1, 1, 1, 2), now.Histogram)
		require.Equal(t, 20.0/6, *now.Average)
		require.Equal(t, 3.5, *now.Median)
		require.Equal(t, "client", now.Identity)

		other := s.AddTalk(nil)
		for _, value := range []int{2, 4, 4, 4, 5} {
			other.Rated(NewVoter(), value)
		}
		require.Equal(t, 3.8, *other.Ratings("").Average)
	})
}

func TestOfAPersonTheLastRatingStandsHoweverManyComeAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk, who := s.AddTalk(nil), NewVoter()
		concurrently(40, func(i int) {
			talk.Through(s.replicas[i%len(s.replicas)]).Rated(who, 1+i%5)
		})
		require.EqualValues(t, 1, *talk.Ratings("").Count)
		talk.Rated(who, 2)
		require.Equal(t, Histogram(0, 1, 0, 0, 0), talk.Ratings("").Histogram)
	})
}

func TestARatingThatIsSentAgainWithItsKeyCountsOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk, who := s.AddTalk(nil), NewVoter()
		key := map[string]string{"Idempotency-Key": NewVoter(), "Prefer": "wait=5"}
		concurrently(8, func(i int) {
			a := talk.Through(s.replicas[i%len(s.replicas)]).Rate(NewRating{Value: 3}, key)
			require.Equal(t, http.StatusNoContent, a.Status, "%v", a)
		})
		require.EqualValues(t, 1, *talk.Ratings("").Count, "it is one person")
		require.Equal(t, 204, talk.Rate(NewRating{Value: 4, ClientID: who}, key).Status)
		talk.Rated(who, 1)
		require.Equal(t, 204, talk.Rate(NewRating{Value: 4, ClientID: who}, key).Status)
		require.Equal(t, Histogram(1, 0, 1, 0, 0), talk.Ratings("").Histogram)
	})
}

func TestARatingThatNobodyWaitsForIsAcceptedAndCounted(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		a := talk.Rate(NewRating{Value: 4}, map[string]string{"Prefer": "respond-async"})
		require.Equal(t, "respond-async", a.Header.Get("Preference-Applied"))
		if a.Status == http.StatusAccepted {
			require.Equal(t, Base+"/ratings?talk_id="+talk.ID, a.Header.Get("Location"))
		} else { // embedded, it is durable when it is counted
			require.Equal(t, http.StatusNoContent, a.Status)
		}
		require.Eventually(t, func() bool { return *talk.Ratings("").Count == 1 }, wait, tick)
	})
}

func TestNumbersOfFewRatingsAreForTheOwnerAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(map[string]any{"settings": map[string]any{"min_ratings": 2}})
		talk.Rated("", 5)
		hidden := talk.Ratings("")
		require.True(t, hidden.Hidden)
		require.Nil(t, hidden.Count)
		require.Nil(t, hidden.Histogram)
		require.Nil(t, hidden.Average)
		require.Equal(t, hidden, talk.Ratings("not-a-token"))
		require.EqualValues(t, 1, *talk.Ratings(talk.Owner).Count)

		asked := Request{Method: http.MethodGet, Path: Base + "/ratings?talk_id=" + talk.ID}
		tag := s.Do(asked).Header.Get("ETag")
		owners := asked
		owners.Token = talk.Owner
		require.NotEqual(t, tag, s.Do(owners).Header.Get("ETag"))
		asked.Header = map[string]string{"If-None-Match": tag}
		require.Equal(t, http.StatusNotModified, s.Do(asked).Status)
		talk.Rated("", 1)
		a := s.Do(asked)
		require.Equal(t, http.StatusOK, a.Status)
		require.NotEqual(t, tag, a.Header.Get("ETag"))
		require.EqualValues(t, 2, *talk.Ratings("").Count)
	})
}

func TestATalkTakesRatingsWhenItsOwnerSays(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		talk := s.AddTalk(map[string]any{"starts_at": in(time.Hour)})
		require.Equal(t, "409 talk_not_open", talk.Rate(NewRating{Value: 5}, nil).Code())
		edit := func(body map[string]any, match string) *Answer {
			header := map[string]string{}
			if match != "" {
				header["If-Match"] = match
			}
			return s.Do(Request{Method: http.MethodPatch, Path: talk.Path(""), Token: talk.Owner,
				JSON: body, Header: header})
		}
		a := edit(map[string]any{"starts_at": in(-time.Hour)}, `"0"`)
		require.Equal(t, http.StatusOK, a.Status, "%v", a)
		require.Equal(t, `"1"`, a.Header.Get("ETag"))
		require.Equal(t, "412 stale", edit(map[string]any{"title": "Late"}, `"0"`).Code())
		require.Eventually(t, func() bool { // every replica knows it within a second
			return talk.Rate(NewRating{Value: 5, ClientID: aVoter}, patient).Status == 204
		}, wait, tick)
		a = edit(map[string]any{"settings": map[string]any{"closes_at": in(-time.Minute)}}, "")
		require.Equal(t, http.StatusOK, a.Status, "%v", a)
		require.Eventually(t, func() bool {
			return talk.Rate(NewRating{Value: 5, ClientID: aVoter}, patient).
				Code() ==
				"409 talk_closed"
		}, wait, tick)
		require.EqualValues(t, 1, *talk.Ratings("").Count)
		a = s.Do(
			Request{
				Method: http.MethodGet,
				Path:   Base + "/talks?code=" + strings.ToLower(talk.Code),
			},
		)
		require.Contains(t, string(a.Body), talk.ID)
	})
}

func TestACommentIsForTheOwnerWhoMayHideIt(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		for _, text := range []string{"First", "Second\nline", "Third"} {
			require.Equal(t, 204, talk.Rate(NewRating{Value: 4, Comment: text}, patient).Status)
		}
		type comments struct {
			Items []struct {
				ID     string    `json:"comment_id"`
				Text   string    `json:"text"`
				Value  int       `json:"value"`
				Hidden bool      `json:"hidden"`
				At     time.Time `json:"at"`
			} `json:"items"`
			Next string `json:"next"`
		}
		var page, rest comments
		s.read(
			Request{Method: "GET", Path: talk.Path("/comments?limit=2"), Token: talk.Owner},
			&page,
		)
		require.Len(t, page.Items, 2)
		require.Equal(t, "Third", page.Items[0].Text)
		require.WithinDuration(t, time.Now(), page.Items[0].At, time.Minute)
		s.read(
			Request{
				Method: "GET",
				Path:   talk.Path("/comments?cursor=" + page.Next),
				Token:  talk.Owner,
			},
			&rest,
		)
		require.Len(t, rest.Items, 1)
		require.Empty(t, rest.Next)
		hide := Request{Method: "PATCH", Path: talk.Path("/comments/" + page.Items[0].ID),
			JSON: map[string]any{"hidden": true}, Wrong: true}
		require.Equal(t, "401 unauthorized", s.Do(hide).Code())
		hide.Token, hide.Wrong = talk.Owner, false
		require.Equal(t, http.StatusOK, s.Do(hide).Status)
		s.read(Request{Method: "GET", Path: talk.Path("/comments"), Token: talk.Owner}, &page)
		require.True(t, page.Items[0].Hidden)
		require.EqualValues(t, 3, *talk.Ratings("").Count, "its rating counts on")
	})
}

func TestATalkForPassesTakesOneRatingOfEach(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(map[string]any{"settings": map[string]any{"voters": "pass"}})
		require.Equal(
			t,
			"401 pass_required",
			talk.Rate(NewRating{Value: 5, ClientID: aVoter}, nil).Code(),
		)
		key := map[string]string{"Idempotency-Key": NewVoter()}
		var pass, again, renewed Pass
		s.read(Request{Method: "POST", Path: talk.Path("/voters"), Header: key}, &pass)
		s.read(Request{Method: "POST", Path: talk.Path("/voters"), Header: key}, &again)
		s.read(
			Request{
				Method: "POST",
				Path:   talk.Path("/voters"),
				JSON:   map[string]any{"pass": pass.Pass},
			},
			&renewed,
		)
		for i, p := range []Pass{pass, again, renewed} {
			require.Equal(t, 204, talk.Rate(NewRating{Value: 1 + i, Pass: p.Pass}, patient).Status)
		}
		now := talk.Ratings("")
		require.Equal(t, Histogram(0, 0, 1, 0, 0), now.Histogram, "they are one person's")
		require.Equal(t, "pass", now.Identity)
		other := s.AddTalk(map[string]any{"settings": map[string]any{"voters": "pass"}})
		require.Equal(
			t,
			"401 invalid_pass",
			other.Rate(NewRating{Value: 5, Pass: pass.Pass}, nil).Code(),
		)
		require.Equal(t, "409 no_passes",
			s.Do(Request{Method: "POST", Path: s.AddTalk(nil).Path("/voters")}).Code())
	})
}

// talkEvents reads a stream until an event's data is right.
func talkEvents(
	t *testing.T,
	s *Client,
	path, token string,
) (until func(what string, right func(name, data string) bool)) {
	t.Helper()
	lines, _ := talkStream(t, s, path, token)
	return func(what string, right func(name, data string) bool) {
		t.Helper()
		untilEvent(t, lines, what, right)
	}
}

// talkStream opens a stream, whose lines end when it does.
func talkStream(
	t *testing.T, s *Client, path, token string,
) (lines *bufio.Scanner, hangUp func()) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+path, nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	hangUp = func() { _ = res.Body.Close() }
	t.Cleanup(hangUp)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	return bufio.NewScanner(res.Body), hangUp
}

func untilEvent(
	t *testing.T, lines *bufio.Scanner, what string, right func(name, data string) bool,
) {
	t.Helper()
	name := ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		if field == "event" {
			name = value
		}
		if field == "data" && right(name, value) {
			return
		}
	}
	t.Fatalf("the stream ended before %s: %v", what, lines.Err())
}

func TestWhoWatchesATalkOrTheProgrammeSeesItsRatingsMove(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		early := time.Now().Add(-30 * 365 * 24 * time.Hour).UTC().Format(time.RFC3339)
		talk := s.AddTalk(map[string]any{ // early: the programme's stream has the first 500 talks
			"starts_at": early, "settings": map[string]any{"min_ratings": 2},
		})
		counts := func(n int64) func(string, string) bool {
			return func(name, data string) bool {
				var r Ratings
				if name != "ratings" {
					return false
				}
				require.NoError(t, json.Unmarshal([]byte(data), &r))
				if r.TalkID != talk.ID {
					return false
				}
				return n < 0 && r.Hidden && r.Count == nil || r.Count != nil && *r.Count == n
			}
		}
		last := s.replicas[len(s.replicas)-1]
		anybody := talkEvents(t, s.replicas[0], talk.Path("/events"), "")
		owner := talkEvents(t, last, talk.Path("/events"), talk.Owner)
		programme := talkEvents(t, last, Base+"/talks/events", "")
		anybody("the talk", func(name, data string) bool {
			return name == "talk" && strings.Contains(data, `"title":"Why queues"`)
		})
		anybody("hidden numbers", counts(-1))
		owner("no ratings", counts(0))
		programme("how many talks there are", func(name, data string) bool {
			return name == "programme" && strings.Contains(data, `"talks":`)
		})
		talk.Rated("", 5)
		owner("one rating", counts(1))
		programme("hidden numbers", counts(-1))
		talk.Rated("", 4)
		anybody("two ratings", counts(2))
		owner("two ratings", counts(2))
		programme("two ratings", counts(2))
		s.Do(
			Request{
				Method: "PATCH",
				Path:   talk.Path(""),
				Token:  talk.Owner,
				JSON:   map[string]any{"title": "Renamed"},
			},
		)
		anybody("its new title", func(name, data string) bool {
			return name == "talk" && strings.Contains(data, `"title":"Renamed"`)
		})
	})
}

func TestWithoutItsDatabaseATalkIsUnknownToNobodyAndComesBack(t *testing.T) {
	t.Parallel()
	s, st := own(
		t,
		stack.Config{Parts: stack.Servers | stack.API | stack.Worker, APIs: 1, Workers: 1},
	)
	talk := s.AddTalk(nil)
	talk.Rated(aVoter, 4)
	require.NoError(t, st.Postgres.Stop())
	for _, id := range []string{talk.ID, nobody} {
		for _, r := range []Request{
			{Method: "GET", Path: Base + "/ratings?talk_id=" + id},
			{Method: "GET", Path: Base + "/talks/" + id},
			{Method: "GET", Path: Base + "/talks"},
			{Method: "GET", Path: Base + "/talks/" + id + "/comments", Token: talk.Owner},
			{Method: "GET", Path: Base + "/talks/" + id + "/export", Token: talk.Owner},
			{Method: "GET", Path: Base + "/talks/export", Token: talk.Owner},
			{Method: "POST", Path: Base + "/talks/import", Token: drawnToken(), Body: aFile,
				Header: map[string]string{"Content-Type": jsonEnc}},
		} {
			require.Equal(t, "503 unavailable", s.Do(r).Code(), r.Path)
		}
	}
	unknown := &Talk{s.Client, nobody, "", ""}
	require.Equal(t, "503 unavailable", unknown.Rate(NewRating{Value: 5}, nil).Code())
	require.NoError(t, st.Postgres.Start(t.Context()))
	require.Eventually(t, func() bool {
		return talk.Rate(NewRating{Value: 5, ClientID: aVoter}, patient).Status == 204
	}, wait, tick)
	require.Equal(t, Histogram(0, 0, 0, 0, 1), talk.Ratings("").Histogram)
	require.Equal(t, "404 not_found", unknown.Rate(NewRating{Value: 5}, nil).Code())
	requireRecounted(t, st)
}

// requireRecounted has a worker compare all tallies of a system with their rows.
func requireRecounted(t *testing.T, st *stack.Stack) {
	t.Helper()
	dir, err := binaries.build()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "worker"), "recount")
	cmd.Env = []string{"PLENARY_DATABASE_URL=" + st.DatabaseURL}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "talks: 1 compared, 0 differed, 0 mended")
}

func TestWhatIsNoRatingIsRefusedAndSaysWhere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		with := func(more string) string { return `{"talk_id":"` + talk.ID + `"` + more + `}` }
		for _, c := range append(malformed(with(`,"value":5`)), []refusal{
			{"no talk", `{"value":5}`, "400 invalid talk_id"},
			{"no value", with(""), "400 invalid value"},
			{"null", with(`,"value":null`), "400 invalid value"},
			{"nothing", with(`,"value":0`), "400 invalid value"},
			{"too much", with(`,"value":6`), "400 invalid value"},
			{"less than nothing", with(`,"value":-1`), "400 invalid value"},
			{"a half", with(`,"value":4.5`), "400 invalid value"},
			{"a number that no integer holds", with(`,"value":1e300`), "400 invalid value"},
			{"a number that is none", with(`,"value":1e999`), "400 invalid value"},
			{"a text", with(`,"value":"5"`), "400 invalid value"},
			{"a list", with(`,"value":[5]`), "400 invalid value"},
			{"a comment of nothing", with(`,"value":5,"comment":" "`), "400 invalid comment"},
			{"a comment with a NUL", with(`,"value":5,"comment":"\u0000"`), "400 invalid comment"},
			{"half a character", with(`,"value":5,"comment":"\ud800"`), "400 invalid comment"},
			{"a comment that is too long", with(`,"value":5,"comment":"` + strings.Repeat("é",
				1001) + `"`), "400 invalid comment"},
			{"a comment that is a number", with(`,"value":5,"comment":7`), "400 invalid comment"},
			{"a client_id that is no UUID", with(`,"value":5,"client_id":"x"`),
				"400 invalid client_id"},
			{"the nil client_id", with(`,"value":5,"client_id":"` + nilUUID + `"`),
				"400 invalid client_id"},
			{"two ways to be somebody", with(`,"value":5,"client_id":"` + aVoter +
				`","pass":"x"`), "400 invalid pass"},
			{"no pass at all", with(`,"value":5,"pass":""`), "401 invalid_pass"},
			{"a talk that is no UUID", `{"talk_id":"x","value":5}`, "404 not_found"},
			{"the nil talk", `{"talk_id":"` + nilUUID + `","value":5}`, "400 invalid talk_id"},
			{"an unknown talk", `{"talk_id":"` + nobody + `","value":5}`, "404 not_found"},
			{"an unknown talk and a wrong value", `{"talk_id":"` + nobody + `","value":9}`,
				"400 invalid value"},
		}...) {
			c.check(
				t,
				s.Do(Request{Method: "POST", Path: Base + "/ratings", Body: c.body, Wrong: true,
					Header: map[string]string{"Content-Type": jsonEnc}}),
			)
		}
		send := func(header map[string]string) *Answer {
			return s.Do(
				Request{
					Method: "POST",
					Path:   Base + "/ratings",
					Body:   with(`,"value":5`),
					Wrong:  true,
					Header: header,
				},
			)
		}
		require.Equal(t, "415 unsupported_media_type", send(nil).Code())
		require.Equal(
			t,
			"400 invalid Idempotency-Key",
			send(map[string]string{"Content-Type": jsonEnc, "Idempotency-Key": "x"}).Code(),
		)
		large := with(`,"value":5,"comment":"` + strings.Repeat("a", 17<<10) + `"`)
		require.Equal(
			t,
			"413 payload_too_large",
			s.Do(Request{Method: "POST", Path: Base + "/ratings", Body: large, Wrong: true,
				Header: map[string]string{"Content-Type": jsonEnc}}).Code(),
		)
		require.Zero(t, *talk.Ratings("").Count, "nothing of that counts")
	})
}

func TestWhatIsNoTalkIsRefusedAndSaysWhere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		for _, c := range append(malformed(`{"title":"A"}`), []refusal{
			{"no title", `{}`, "400 invalid title"},
			{"a title that is a number", `{"title":7}`, "400 invalid title"},
			{"a long title", `{"title":"` + strings.Repeat("a", 301) + `"}`, "400 invalid title"},
			{"a long speaker", `{"title":"A","speaker":"` + strings.Repeat("a", 301) + `"}`,
				"400 invalid speaker"},
			{"a day", `{"title":"A","starts_at":"2030-01-01"}`, "400 invalid starts_at"},
			{"no time", `{"title":"A","starts_at":""}`, "400 invalid starts_at"},
			{"the first time", `{"title":"A","starts_at":"0001-01-01T00:00:00Z"}`,
				"400 invalid starts_at"},
			{"a time that is a number", `{"title":"A","ends_at":1}`, "400 invalid ends_at"},
			{"an end before its start",
				`{"title":"A","starts_at":"2030-01-01T00:00:00Z","ends_at":"2029-01-01T00:00:00Z"}`,
				"400 invalid ends_at"},
			{"settings that are a list", `{"title":"A","settings":[]}`, "400 invalid settings"},
			{"a bad opening", `{"title":"A","settings":{"opens_at":"now"}}`,
				"400 invalid settings.opens_at"},
			{"too many ratings", `{"title":"A","settings":{"min_ratings":1000001}}`,
				"400 invalid settings.min_ratings"},
			{"fewer than none", `{"title":"A","settings":{"min_ratings":-1}}`,
				"400 invalid settings.min_ratings"},
			{"half a rating", `{"title":"A","settings":{"min_ratings":0.5}}`,
				"400 invalid settings.min_ratings"},
			{"other comments", `{"title":"A","settings":{"comments":"loud"}}`,
				"400 invalid settings.comments"},
			{"no comments", `{"title":"A","settings":{"comments":""}}`,
				"400 invalid settings.comments"},
			{"other voters", `{"title":"A","settings":{"voters":"friends"}}`,
				"400 invalid settings.voters"},
			{"no voters", `{"title":"A","settings":{"voters":""}}`, "400 invalid settings.voters"},
		}...) {
			r := Request{Method: "POST", Path: Base + "/talks", Body: c.body, Wrong: true,
				Token: talk.Owner, Header: map[string]string{"Content-Type": jsonEnc}}
			c.check(t, s.Do(r))
			if r.Method, r.Path = "PATCH", talk.Path(""); c.body != `{}` { // which changes nothing
				c.check(t, s.Do(r))
			}
		}
		for _, path := range []string{"/talks?limit=0", "/talks?limit=1001", "/talks?limit=x",
			"/talks?limit=",
			"/talks?cursor=", "/talks?cursor=AA", "/talks?cursor=%00", "/talks?cursor=" +
				strings.Repeat("A", 4000)} {
			require.Equal(
				t,
				400,
				s.Do(Request{Method: "GET", Path: Base + path, Wrong: true}).Status,
				path,
			)
		}
		for path, want := range map[string]string{
			"/ratings": "400 invalid talk_id", "/ratings?talk_id=": "404 not_found",
			"/ratings?talk_id=x":          "404 not_found",
			"/ratings?talk_id=" + nilUUID: "400 invalid talk_id", "/ratings?talk_id=" +
				nobody: "404 not_found",
			"/talks/" + nobody: "404 not_found", "/talks/x": "404 not_found", "/talks/" +
				nilUUID: "400 invalid talk_id",
			"/talks/" + nobody + "/events": "404 not_found", "/talks/" + nobody +
				"/comments": "404 not_found",
			"/talks/" + talk.ID + "/comments?cursor=x": "400 invalid cursor", "/talks/" +
				talk.ID + "/comments": "401 unauthorized",
			"/talks?code=": "200", "/talks?code=%00": "200", "/talks?code=" + strings.Repeat("A",
				4000): "200",
		} {
			require.Equal(
				t,
				want,
				s.Do(Request{Method: "GET", Path: Base + path, Wrong: true}).Code(),
				path,
			)
		}
		for _, body := range []string{`{}`, `{"hidden":null}`, `{"hidden":1}`, `{"hidden":"yes"}`,
			`[]`, ``} {
			a := s.Do(
				Request{
					Method: "PATCH",
					Path:   talk.Path("/comments/" + nobody),
					Body:   body,
					Wrong:  true,
					Token:  talk.Owner,
					Header: map[string]string{"Content-Type": jsonEnc},
				},
			)
			require.Equal(t, "400 invalid", a.Kind(), body)
		}
		for _, body := range []string{`{"pass":"x"}`, `{"pass":""}`} {
			a := s.Do(
				Request{
					Method: "POST",
					Path:   talk.Path("/voters"),
					Body:   body,
					Wrong:  true,
					Header: map[string]string{"Content-Type": jsonEnc},
				},
			)
			require.Equal(t, "401 invalid_pass", a.Code(), body)
		}
	})
}

// wrongFields gives all fields that a problem names.
func (a *Answer) wrongFields() (fields []string) {
	for _, e := range a.Problem().Errors {
		fields = append(fields, e.Field)
	}
	return fields
}

func TestAllFieldsThatAreWrongAreNamedInOneAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		send := func(method, path, body string) *Answer {
			return s.Do(Request{Method: method, Path: path, Body: body, Wrong: true,
				Token: talk.Owner, Header: map[string]string{"Content-Type": jsonEnc}})
		}
		a := send("POST", Base+"/ratings",
			`{"talk_id":7,"value":"5","comment":" ","client_id":"x"}`)
		require.Equal(t, "400 invalid talk_id", a.Code())
		require.Equal(t, []string{"talk_id", "value", "comment", "client_id"}, a.wrongFields())
		wrong := `{"title":" ","speaker":7,"starts_at":"soon","settings":{"voters":"friends",` +
			`"min_ratings":-1,"comments":""}}`
		want := []string{"speaker", "starts_at", "settings.comments", "title",
			"settings.min_ratings", "settings.voters"}
		for method, path := range map[string]string{
			"POST": Base + "/talks", "PATCH": talk.Path(""),
		} {
			a := send(method, path, wrong)
			require.Equal(t, "400 invalid speaker", a.Code())
			require.Equal(t, want, a.wrongFields(), method)
			require.Equal(t, a.Problem().Detail, a.Problem().Errors[0].Detail)
		}
		one := send("POST", Base+"/talks", `{"title":" "}`)
		require.Equal(t, "400 invalid title", one.Code())
		require.NotContains(t, string(one.Body), "errors", "one alone is said as it always was")
		var now map[string]any
		s.read(Request{Method: "GET", Path: talk.Path("")}, &now)
		require.Equal(t, "Why queues", now["title"], "a refused edit changes nothing")
	})
}

func TestWhatIsTheOwnersIsTheOwnersAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk, other := s.AddTalk(nil), s.AddTalk(nil)
		require.Equal(t, 204, talk.Rate(NewRating{Value: 1, Comment: "Well"}, patient).Status)
		calls := []Request{
			{Method: "PATCH", JSON: map[string]any{"title": "Mine"}},
			{Method: "DELETE"},
			{Method: "GET", Path: "/comments"},
			{Method: "GET", Path: "/export"},
			{Method: "PATCH", Path: "/comments/" + nobody, JSON: map[string]any{"hidden": true}},
		}
		for _, call := range calls {
			below := call.Path
			for token, want := range map[string]string{
				"": "401 unauthorized", other.Owner: "403 forbidden", strings.Repeat("x",
					43): "403 forbidden",
				strings.Repeat("x", 4000): "403 forbidden",
			} {
				call.Path, call.Token, call.Wrong = talk.Path(below), token, token == ""
				require.Equal(t, want, s.Do(call).Code(), "%s %s", call.Method, call.Path)
				call.Path = Base + "/talks/" + uuid.NewString() + below
				require.Equal(t, "404 not_found", s.Do(call).Code(), "an unknown talk comes first")
			}
		}
		s.read(Request{Method: "GET", Path: talk.Path(""), Token: talk.Owner}, &map[string]any{})
		require.Equal(
			t,
			204,
			s.Do(Request{Method: "DELETE", Path: talk.Path(""), Token: talk.Owner}).Status,
		)
		require.Equal(t, "404 not_found", s.Do(Request{Method: "GET", Path: talk.Path("")}).Code())
		require.Eventually(t, func() bool {
			return talk.Rate(NewRating{Value: 5}, patient).Code() == "404 not_found"
		}, wait, tick)
	})
}
