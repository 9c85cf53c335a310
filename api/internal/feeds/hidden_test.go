package feeds

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

func TestNumbersAreShownToWhomAPollSays(t *testing.T) {
	s := newScene(t, usual, Config{})
	voter, skipper := uuid.New(), uuid.New()
	for results, want := range map[feed.Results][]bool{
		feed.Always: {true, true, true, true}, feed.AfterVote: {true, true, false, false},
		feed.AfterClose: {true, false, false, false},
	} {
		p := s.published(results, "")
		path := "/polls/" + p.String()
		s.voted(voter, p, "0")
		require.Equal(t, 204, s.by(skipper, "POST", path+"/skip").status)
		see := func(want []bool) {
			t.Helper()
			for i, who := range []uuid.UUID{s.ann, voter, skipper, uuid.Nil} {
				require.Equal(t, want[i], s.read(who, p).Stats != nil, "%s, %d", results, i)
				a := s.ask("GET", path+"/stats", tokenOf(who), "")
				if want[i] {
					stats := decoded[wireStats](t, a, 200)
					require.Equal(t, wireStats{ID: p, Votes: []wireCount{{"A", 1}, {"B", 0}},
						Total: 1, Skips: 1, Revision: 2}, stats)
				} else {
					require.Equal(t, "Forbidden results_hidden", a.code())
					require.Empty(t, a.header.Get("ETag"))
				}
			}
		}
		see(want)
		require.Equal(t, 200, s.by(s.ann, "POST", path+"/close").status)
		see([]bool{true, true, true, true})
	}
}

func TestNothingOfHiddenNumbersShows(t *testing.T) {
	s := newScene(t, usual, Config{})
	reader := uuid.New()
	for _, results := range []feed.Results{feed.AfterVote, feed.AfterClose} {
		p := s.published(results, "")
		path := "/polls/" + p.String()
		all := func() (answers [][]string) {
			for _, who := range []uuid.UUID{uuid.Nil, reader} {
				for _, path := range []string{path, path + "/stats", path + "/history"} {
					a := s.ask("GET", path, tokenOf(who), "", "X-Request-Id", "x")
					answers = append(answers, []string{
						a.code(), a.header.Get("ETag"), string(a.body),
					})
				}
			}
			return append(answers, []string{string(s.by(reader, "GET", "/polls").body)})
		}
		before := all()
		for range 3 {
			s.voted(uuid.New(), p, "0")
		}
		require.Equal(t, 204, s.by(uuid.New(), "POST", path+"/skip").status)
		require.EqualValues(t, 4, s.read(s.ann, p).Stats.Revision)
		require.Equal(t, before, all(), "not even that something changed")
	}
}

func TestAPollThatClosesByItselfIsOver(t *testing.T) {
	s := newScene(t, usual, Config{})
	closes := time.Now().Add(2 * time.Second).UTC()
	p := s.published(feed.AfterClose, `,"closes_at":"`+closes.Format(time.RFC3339Nano)+`"`)
	open := s.read(uuid.Nil, p)
	require.Equal(t, closes.Truncate(time.Millisecond), *open.ClosesAt)
	if time.Now().Before(closes) {
		require.Nil(t, open.Stats)
	}
	require.Eventually(t, func() bool { return s.read(uuid.Nil, p).Closed }, time.Minute,
		10*time.Millisecond)
	require.NotNil(t, s.read(uuid.Nil, p).Stats)
	require.Equal(t, "Conflict poll_closed", s.vote(uuid.New(), p, "0").code())
	require.Contains(t, string(s.by(uuid.New(), "GET", "/polls").body), `"items":[]`)
}

func TestWhatHasNotChangedIsNotSentAgain(t *testing.T) {
	s := newScene(t, usual, Config{})
	p, bob := s.published(feed.Always, ""), uuid.New()
	for _, path := range []string{"/polls/" + p.String(), "/polls/" + p.String() + "/stats"} {
		first := s.by(bob, "GET", path)
		tag := first.header.Get("ETag")
		require.NotEmpty(t, tag)
		require.Equal(t, "no-cache", first.header.Get("Cache-Control"))
		require.Contains(t, first.header.Get("Vary"), "Authorization")
		for _, seen := range []string{tag, `"x", ` + tag, "W/" + tag, "*"} {
			a := s.ask("GET", path, session(bob), "", "If-None-Match", seen)
			require.Equal(t, 304, a.status, seen)
			require.Empty(t, a.body)
			require.Equal(t, tag, a.header.Get("ETag"))
		}
		s.voted(uuid.New(), p, "0")
		a := s.ask("GET", path, session(bob), "", "If-None-Match", tag)
		require.Equal(t, 200, a.status)
		require.NotEqual(t, tag, a.header.Get("ETag"))
	}
	path := "/polls/" + p.String()
	tag := s.by(bob, "GET", path).header.Get("ETag")
	require.NotEqual(t, tag, s.by(s.ann, "GET", path).header.Get("ETag"), "it is mine")
	s.voted(bob, p, "1")
	require.Equal(t, 200, s.ask("GET", path, session(bob), "", "If-None-Match", tag).status)
}

func TestAnAuthorSeesWhenAPollWasVotedOn(t *testing.T) {
	s := newScene(t, usual, Config{})
	p := s.published(feed.AfterClose, "")
	path := "/polls/" + p.String() + "/history"
	require.JSONEq(t, `{"items":[]}`, string(s.by(s.ann, "GET", path).body))
	for range 2 {
		s.voted(uuid.New(), p, "0")
	}
	type hours struct {
		Items []struct {
			At    time.Time
			Votes int
		}
	}
	got, votes := decoded[hours](t, s.by(s.ann, "GET", path), 200), 0
	for _, h := range got.Items { // the hour may have changed between the two
		require.Equal(t, h.At.Truncate(time.Hour), h.At)
		votes += h.Votes
	}
	require.Equal(t, 2, votes)
}
