package feedpg

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/test/stack"
)

// answered gives where the answers of a store are: the partition's name by the poll.
func answered(t testing.TB, s *Store) map[uuid.UUID]string {
	var rows []struct {
		Poll uuid.UUID `db:"poll_id"`
		Part string    `db:"part"`
	}
	err := s.db.Write(t.Context(), "test", func(tx *sqlx.Tx) error {
		return tx.Select(&rows,
			`SELECT DISTINCT poll_id, tableoid::regclass::text AS part FROM feed_answers`)
	})
	require.NoError(t, err)
	parts := map[uuid.UUID]string{}
	for _, r := range rows {
		require.NotContains(t, parts, r.Poll, "the answers to a poll are in one partition")
		parts[r.Poll] = r.Part
	}
	return parts
}

func TestAnAnswerIsUniqueAcrossMonthsAndWholeMonthsGo(t *testing.T) {
	db := opened(t, stack.PostgresURL(t))
	s := New(db, db)
	at := func(months int) time.Time {
		return time.Date(2031, time.January, 15, 0, 0, 0, 0, time.UTC).AddDate(0, months, 0)
	}
	for _, months := range []int{0, 1} {
		require.NoError(t, s.Prepare(t.Context(), feed.MonthOf(at(months))))
	}
	who, polls := uuid.New(), []feed.Poll{}
	vote := func(p feed.Poll, option int) feed.Verdict {
		item := feed.Item{
			ID: commit.NewID(), Account: who, PollID: p.ID, Action: feed.Vote, Option: option,
			At: at(5).UnixMilli(),
		}
		o, err := s.Count(t.Context(), feed.Rules{}, []int{0},
			[]feed.Batch{{ID: commit.NewID(), Items: []feed.Item{item}}})
		require.NoError(t, err)
		return o.Results[0][0].Verdict
	}
	for months := range 3 {
		p := aPoll(t, "?")
		first := feed.MonthOf(at(months)).First()
		copy(p.ID[:6], first[:6])
		require.NoError(t, s.Create(t.Context(), p))
		require.Equal(t, feed.Done, vote(p, 1))
		polls = append(polls, p)
	}
	want := map[uuid.UUID]string{
		polls[0].ID: "feed_answers_203101", polls[1].ID: "feed_answers_203102",
		polls[2].ID: "feed_answers_rest",
	}
	require.Equal(t, want, answered(t, s))
	require.NoError(t, s.Prepare(t.Context(), feed.MonthOf(at(2))), "which came too late")
	require.Equal(t, want, answered(t, s))
	for _, p := range polls {
		require.Equal(t, feed.VotedBefore, vote(p, 0))
	}

	require.NoError(t, s.KeepFrom(t.Context(), feed.MonthOf(at(1))))
	delete(want, polls[0].ID)
	require.Equal(t, want, answered(t, s), "a month is dropped as a whole, before any Erase")
	require.NoError(t, s.KeepFrom(t.Context(), feed.MonthOf(at(3))))
	for n := 1; n > 0; {
		var err error
		n, err = s.Erase(t.Context(), at(5), 10)
		require.NoError(t, err)
	}
	require.Empty(t, answered(t, s))
	for _, p := range polls {
		require.Equal(t, feed.PollClosed, vote(p, 0))
		found, err := s.Polls(t.Context(), []uuid.UUID{p.ID})
		require.NoError(t, err)
		require.Equal(t, []int64{0, 1}, found[p.ID].Votes, "statistics outlive answers")
		hours, err := s.History(t.Context(), p.ID, feed.MaxHours)
		require.NoError(t, err)
		require.Equal(t, []feed.Hour{{At: at(5).UnixMilli(), Votes: 1}}, hours)
	}
}
