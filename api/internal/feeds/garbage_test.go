package feeds

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

func TestAnOptionIsAWholeNumberOfTheOnesThatThereAre(t *testing.T) {
	s := newScene(t, usual, Config{})
	p := s.published(feed.Always, "")
	for _, option := range []string{
		"-1", "2", "20", "1.5", "-0.5", "1e99", "1e400", "-1e99", "9223372036854775808", `"0"`,
		`"A"`, `""`, "null", "true", "false", "[]", "[0]", "{}", `{"option_index":0}`,
		strings.Repeat("9", 3000),
	} {
		a := s.vote(uuid.New(), p, option)
		require.Equal(t, "Bad Request invalid option_index", a.code(), option)
	}
	for body, want := range map[string]string{
		`{}`: "option_index", `{"option_index":null}`: "option_index", `null`: "body", ``: "body",
		`[]`: "body", `0`: "body", `"`: "body", `{"option_index":0`: "body",
		`{"option_index":0}{}`: "body", "{\"option_index\":\xff}": "body",
		`{"option_index":00}`: "body", `{"option_index":NaN}`: "body",
		`{"option_index":+1}`: "body",
	} {
		a := s.ask("POST", "/polls/"+p.String()+"/vote", session(uuid.New()), body,
			"Content-Type", "application/json")
		require.Equal(t, "Bad Request invalid "+want, a.code(), "%q", body)
	}
	a := s.ask("POST", "/polls/"+p.String()+"/vote", session(uuid.New()),
		`{"option_index":0,"x":"`+strings.Repeat("x", maxVote)+`"}`)
	require.Equal(t, 413, a.status)
	a = s.ask("POST", "/polls/"+p.String()+"/vote", session(uuid.New()), `{"option_index":0}`,
		"Content-Type", "text/plain")
	require.Equal(t, 415, a.status)
	a = s.vote(uuid.New(), p, "0", "Idempotency-Key", "x")
	require.Equal(t, "Bad Request invalid Idempotency-Key", a.code())
	require.Zero(t, s.read(uuid.Nil, p).Stats.Total, "nothing of it counts")
	for _, option := range []string{"0", "1", "1.0", "1e0", "-0"} {
		s.voted(uuid.New(), p, option)
	}
	require.Equal(t, []wireCount{{"A", 2}, {"B", 3}}, s.read(uuid.Nil, p).Stats.Votes)
}

func TestAnIDThatNamesNothingIsNotFoundAndTheNilOneIsAMistake(t *testing.T) {
	s := newScene(t, usual, Config{})
	for _, c := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"DELETE", "", ""}, {"POST", "/close", ""}, {"GET", "/stats", ""},
		{"POST", "/vote", `{"option_index":0}`}, {"PATCH", "/vote", `{"option_index":0}`},
		{"DELETE", "/vote", ""}, {"POST", "/skip", ""}, {"DELETE", "/skip", ""},
		{"GET", "/history", ""}, {"GET", "/events", ""},
	} {
		for id, want := range map[string]string{
			uuid.NewString(): "Not Found not_found", "x": "Not Found not_found",
			"%00": "Not Found not_found", "%FF": "Not Found not_found",
			"{" + uuid.NewString() + "}": "Not Found not_found",
			strings.Repeat("a", 3000):    "Not Found not_found",
			uuid.Nil.String():            "Bad Request invalid poll_id",
		} {
			a := s.ask(c.method, "/polls/"+id+c.path, session(s.ann), c.body)
			require.Equal(t, want, a.code(), "%s %q%s", c.method, id, c.path)
		}
	}
}

func TestWhatIsNoPollIsRefusedWithAllThatIsWrong(t *testing.T) {
	s := newScene(t, usual, Config{CreateLimit: 1})
	const rest = `"options":["A","B"],"tags":["a"]`
	for body, want := range map[string]string{
		`{}`: "title options tags", `[]`: "body", `null`: "body",
		`{"title":7,"options":"A","tags":{},"closes_at":7,"results":7}`: "title options tags " +
			"closes_at results",
		`{"title":"?","options":["A"],"tags":["a"]}`:                            "options",
		`{"title":"?","options":["A","A"],"tags":["a"]}`:                        "options[1]",
		`{"title":"?","options":["A",null],"tags":["a"]}`:                       "options[1]",
		`{"title":"?","options":["A","B"],"tags":[]}`:                           "tags",
		`{"title":"?","options":["A","B"],"tags":[" "]}`:                        "tags[0]",
		`{"title":"\u0000",` + rest + `}`:                                       "title",
		`{"title":"?",` + rest + `,"closes_at":"soon"}`:                         "closes_at",
		`{"title":"?",` + rest + `,"closes_at":""}`:                             "closes_at",
		`{"title":"?",` + rest + `,"closes_at":"2020-01-01T00:00:00Z"}`:         "closes_at",
		`{"title":"?",` + rest + `,"results":""}`:                               "results",
		`{"title":"?",` + rest + `,"results":"never"}`:                          "results",
		`{"title":"` + strings.Repeat("x", feed.MaxTitle+1) + `",` + rest + `}`: "title",
	} {
		a := s.ask("POST", "/polls", session(s.ann), body)
		require.Equal(t, 400, a.status, "%s: %s", body, a.body)
		var p struct {
			Field  string
			Errors []struct{ Field string }
		}
		require.NoError(t, json.Unmarshal(a.body, &p))
		fields := []string{}
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
		}
		if len(fields) == 0 {
			fields = append(fields, p.Field)
		}
		for _, field := range strings.Fields(want) {
			require.Contains(t, fields, field, "%s: %s", body, a.body)
		}
	}
	a := s.ask("POST", "/polls", session(s.ann), `{"title":"`+strings.Repeat("x", maxPoll)+`"}`)
	require.Equal(t, 413, a.status)
	s.published(feed.Always, "") // what is no poll takes nothing of the limit
	a = s.ask("POST", "/polls", session(s.ann), `{"title":"?","options":["A","B"],"tags":["a"]}`)
	require.Equal(t, "Too Many Requests too_many_requests", a.code())
	require.NotEmpty(t, a.header.Get("Retry-After"))
	a = s.ask("POST", "/polls", session(uuid.New()),
		`{"title":"?","options":["A","B"],"tags":["a"]}`)
	require.Equal(t, 201, a.status, "the limit is an account's")
}

func TestAListTakesNoGarbage(t *testing.T) {
	s := newScene(t, usual, Config{})
	for query, want := range map[string]string{
		"limit=0": "limit", "limit=101": "limit", "limit=-1": "limit", "limit=x": "limit",
		"limit=": "limit", "limit=1.5": "limit", "limit=99999999999999999999": "limit",
		"cursor=": "cursor", "cursor=x": "cursor", "cursor=%00": "cursor", "cursor=%FF": "cursor",
		"cursor=" + strings.Repeat("A", 3000): "cursor",
		"cursor=" + uuid.NewString():          "cursor",
		"cursor=AAAAAAAAAAAAAAAAAAAAAA%3D%3D": "cursor",
	} {
		for _, path := range []string{"/polls", "/users/me/polls", "/users/me/votes"} {
			a := s.by(s.ann, "GET", path+"?"+query)
			require.Equal(t, "Bad Request invalid "+want, a.code(), "%s?%s", path, query)
		}
	}
	for query, want := range map[string]string{
		"tag=" + strings.Repeat("x", feed.MaxTag+1):       "tag",
		"search=" + strings.Repeat("x", feed.MaxSearch+1): "search",
		"tag=%FF": "tag", "search=%FF": "search", "tag=+": "tag", "search=%00": "search",
		"tag=%00": "tag", "search=%E2%80%8B": "search",
		"search=" + strings.Repeat("%EF%B7%BA", 20): "search", // each stands for eighteen
	} {
		a := s.by(s.ann, "GET", "/polls?"+query)
		require.Equal(t, "Bad Request invalid "+want, a.code(), query)
	}
	a := s.by(s.ann, "GET", "/polls?tag=%FF&search=%FF&limit=0")
	for _, field := range []string{"tag", "search", "limit"} {
		require.Contains(t, string(a.body), `"field":"`+field+`"`, "all of it is named")
	}
}

func TestASearchTakesSignsForWhatTheyAre(t *testing.T) {
	s := newScene(t, usual, Config{})
	titles := []string{
		"100 % sure?", "snake_case or not?", `back\slash?`, "plain", "quo'te\"d; DROP TABLE x",
		"هل تحب القهوة؟", "Straße", "*", "a AND b NOT c",
	}
	for _, title := range titles {
		body, err := json.Marshal(map[string]any{
			"title": title, "options": []string{"Yes", "No"}, "tags": []string{"a"},
		})
		require.NoError(t, err)
		require.Equal(t, 201, s.ask("POST", "/polls", session(s.ann), string(body)).status)
	}
	for search, want := range map[string][]string{
		"%": {titles[0]}, "_": {titles[1]}, `\`: {titles[2]}, "0 %": {titles[0]},
		"e_c": {titles[1]}, `k\s`: {titles[2]}, "'te\"": {titles[4]}, "القهوة": {titles[5]},
		"STRASSE": {}, "straße": {titles[6]}, "*": {titles[7]}, "a and b": {titles[8]},
		"ain": {titles[3]}, "PLAIN": {titles[3]}, "%%": {}, "nothing": {},
		"drop table": {titles[4]},
	} {
		found := decoded[page](t,
			s.by(s.ann, "GET", "/polls?search="+url.QueryEscape(search)), 200)
		got := []string{}
		for _, p := range found.Items {
			got = append(got, p.Title)
		}
		require.Equal(t, want, got, "%q", search)
	}
}
