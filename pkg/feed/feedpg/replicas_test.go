package feedpg

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/stack"
)

func opened(t testing.TB, url string) *postgres.DB {
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Partitions(t.Context(), 8))
	return db
}

func following(t testing.TB, primary *postgres.DB, url string) *postgres.Replicas {
	quiet := slog.New(slog.DiscardHandler)
	r, err := postgres.OpenReplicas(t.Context(), primary, []postgres.Config{{URL: url}}, quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func aPoll(t testing.TB, title string) feed.Poll {
	p := feed.Poll{
		ID: commit.NewID(), Author: uuid.New(), Title: title, Options: []string{"a", "b"},
		Tags: []string{"t"},
	}
	require.NoError(t, p.Check(time.Unix(0, 0)))
	return p
}

func unseen(t testing.TB, s *Store, l feed.Look) []uuid.UUID {
	l.Now, l.Limit = time.Now(), 5
	ids, _, err := s.Unseen(t.Context(), l)
	require.NoError(t, err)
	return ids
}

func TestTheFeedIsReadFromAReplica(t *testing.T) {
	url := stack.PostgresURL(t)
	db := opened(t, url)
	for name, reads := range map[string]postgres.Reader{
		"that is there": following(t, db, url),
		"that is away":  following(t, db, "postgres://u:p@127.0.0.1:1/nobody?sslmode=disable"),
	} {
		t.Run(name, func(t *testing.T) {
			s, p := New(db, reads), aPoll(t, name)
			require.NoError(t, s.Create(t.Context(), p))
			who := uuid.New()
			require.Contains(t, unseen(t, s, feed.Look{Account: who}), p.ID)
			require.Equal(t, []uuid.UUID{p.ID}, unseen(t, s, feed.Look{Account: who, Search: name}))
			vote := feed.Item{
				ID: commit.NewID(), Account: who, PollID: p.ID, Action: feed.Vote, Option: 1,
			}
			_, err := s.Count(t.Context(), feed.Rules{}, []int{0},
				[]feed.Batch{{ID: commit.NewID(), Items: []feed.Item{vote}}})
			require.NoError(t, err)
			require.NotContains(t, unseen(t, s, feed.Look{Account: who}), p.ID)
		})
	}
}

func TestAReplicaThatLagsShowsAPollAgainAndItsVoteIsNotCountedTwice(t *testing.T) {
	db, behind := opened(t, stack.PostgresURL(t)), stack.PostgresURL(t)
	replica := New(opened(t, behind), nil) // it has polls, and no answers yet
	s := New(db, following(t, db, behind))
	old, fresh := aPoll(t, "old"), aPoll(t, "new")
	for _, store := range []*Store{s, replica} {
		require.NoError(t, store.Create(t.Context(), old))
	}
	require.NoError(t, s.Create(t.Context(), fresh))
	who := uuid.New()
	for _, want := range []feed.Verdict{feed.Done, feed.VotedBefore, feed.VotedBefore} {
		require.Equal(t, []uuid.UUID{old.ID}, unseen(t, s, feed.Look{Account: who}))
		vote := feed.Item{ID: commit.NewID(), Account: who, PollID: old.ID, Action: feed.Vote}
		o, err := s.Count(t.Context(), feed.Rules{}, []int{0},
			[]feed.Batch{{ID: commit.NewID(), Items: []feed.Item{vote}}})
		require.NoError(t, err)
		require.Equal(t, want, o.Results[0][0].Verdict)
	}
	found, err := s.Polls(t.Context(), []uuid.UUID{old.ID, fresh.ID})
	require.NoError(t, err)
	require.Len(t, found, 2, "all but the feed is read from the primary")
	require.Equal(t, []int64{1, 0}, found[old.ID].Votes)
	answers, err := s.Answers(t.Context(), who, []uuid.UUID{old.ID})
	require.NoError(t, err)
	require.Contains(t, answers, old.ID)
	m, err := s.Member(t.Context(), who)
	require.NoError(t, err)
	require.Equal(t, 1, m.Used)
}
