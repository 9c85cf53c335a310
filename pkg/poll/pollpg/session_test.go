package pollpg

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

// presented makes a presentation whose first poll is displayed.
func presented(t *testing.T, s *testStore) poll.Presentation {
	t.Helper()
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "?",
			Options: []question.Option{{Key: "A", Value: "a"}}}}})
	require.NoError(t, err)
	p.JoinCode = p.ID.String()
	require.NoError(t, p.Open(0))
	require.NoError(t, s.Partitions(t.Context(), 1))
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

func ballot(p poll.Presentation) []poll.Batch {
	v := poll.Vote{ID: uuid.New(), PollID: p.Polls[0].ID, VoterID: uuid.New(),
		Version: 1, Answer: "A"}
	return []poll.Batch{{ID: uuid.New(), Votes: []poll.Vote{v}}}
}

func TestWaitingForALockEndsWithTheContextAndLeavesNothing(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	tx, err := s.raw.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT FROM partitions FOR UPDATE`)
	require.NoError(t, err)
	batches := ballot(p)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = s.Count(ctx, batches)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NoError(t, tx.Rollback())
	o, err := s.Count(t.Context(), batches)
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, o.Verdicts)
}

func TestALockThatIsHeldTooLongIsUnavailable(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	tx, err := s.raw.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT FROM poll_states FOR UPDATE`)
	require.NoError(t, err)
	_, err = s.Count(t.Context(), ballot(p)) // no deadline of its own
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NoError(t, tx.Rollback())
}

func TestALostConnectionIsUnavailableAndTheNextCallWorks(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	for range 3 {
		_, err := s.Count(t.Context(), ballot(p))
		require.NoError(t, err)
	}
	db := s.raw
	err := s.Write(t.Context(), "lost", func(tx *sqlx.Tx) error {
		_, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'plenary'`)
		require.NoError(t, err)
		_, err = count(t.Context(), tx, ballot(p))
		return err
	})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.Eventually(t, func() bool {
		_, err := s.Count(t.Context(), ballot(p))
		require.Contains(t, []fault.Code{{}, fault.Unavailable}, fault.CodeOf(err))
		return err == nil
	}, 10*time.Second, time.Millisecond)
}

// After a restart of the server the pool is full of connections that it has ended. That costs
// nobody a call.
func TestTransactionsGoOnOverLostConnections(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	const conns, times = 10, 3
	for range times {
		results := make(chan error)
		for range conns {
			go func() {
				_, err := s.Count(t.Context(), ballot(p))
				results <- err
			}()
		}
		for range conns {
			require.NoError(t, <-results)
		}
		_, err := s.raw.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'plenary'`)
		require.NoError(t, err)
	}
	results, err := s.Results(t.Context(), p.ID, p.Polls[0].ID)
	require.NoError(t, err)
	require.EqualValues(t, conns*times, results.Voters)
}

func TestAFaultLeavesNothingBehind(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	db := s.raw
	// Another vote than the ledger saw: only possible when somebody writes without the lock.
	_, err := db.Exec(
		`CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	require.NoError(t, err)
	_, err = db.Exec(
		`CREATE TRIGGER skip BEFORE INSERT ON votes FOR EACH ROW EXECUTE FUNCTION skip()`)
	require.NoError(t, err)
	batches := ballot(p)
	_, err = s.Count(t.Context(), batches)
	require.ErrorContains(t, err, "wrote 0 votes, not 1")
	require.Empty(t, fault.CodeOf(err))
	_, err = db.Exec(`DROP TRIGGER skip ON votes`)
	require.NoError(t, err)
	o, err := s.Count(t.Context(), batches)
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, o.Verdicts)
}
