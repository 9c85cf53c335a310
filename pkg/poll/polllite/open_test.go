package polllite

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Tests that need another process run this binary again, with the name of what it is to do in this
// variable.
const helper = "PLENARY_TEST_SQLITE_HELPER"

func TestHelper(t *testing.T) {
	path := os.Getenv("PLENARY_TEST_SQLITE_PATH")
	switch os.Getenv(helper) {
	case "":
		t.Skip("for other tests")
	case "open":
		s := open(t, path)
		require.NoError(t, s.Partitions(t.Context(), 2))
		require.NoError(t, s.Close())
	case "count and die":
		s := open(t, path)
		p := presented(t, s)
		o, err := s.Count(t.Context(), ballot(p, 100))
		require.NoError(t, err)
		require.Len(t, o.Verdicts[0], 100)
		require.NoError(t, os.WriteFile(path+".id", p.ID[:], 0o600))
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		require.NoError(t, self.Kill())
		select {}
	}
}

func help(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelper$")
	cmd.Env = append(os.Environ(), helper+"="+what, "PLENARY_TEST_SQLITE_PATH="+path)
	return cmd
}

// presented makes a presentation whose first poll is displayed.
func presented(t *testing.T, s *testStore) poll.Presentation {
	t.Helper()
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "?",
			Options: []question.Option{{Key: "A", Value: "a"}}}}})
	require.NoError(t, err)
	p.JoinCode = p.ID.String()
	require.NoError(t, p.Open(0))
	require.NoError(t, s.Partitions(t.Context(), 2))
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

func ballot(p poll.Presentation, n int) []poll.Batch {
	b := poll.Batch{ID: uuid.New()}
	for range n {
		b.Votes = append(b.Votes,
			poll.Vote{ID: uuid.New(), PollID: p.Polls[0].ID, VoterID: uuid.New(),
				Version: 1, Answer: "A"})
	}
	return []poll.Batch{b}
}

func TestManyProcessesMayStartAtOnceOnTheSameNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	var group errgroup.Group
	for range 3 {
		cmd := help(t, "open", path)
		group.Go(func() error {
			out, err := cmd.CombinedOutput()
			if err != nil {
				return errors.New(string(out))
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	s := open(t, path)
	require.NoError(t, s.Partitions(t.Context(), 2))
	require.NoError(t, s.Close())
}

func TestWhatWasCountedSurvivesTheDeathOfTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	out, err := help(t, "count and die", path).CombinedOutput()
	require.Error(t, err)
	require.NotContains(t, string(out), "FAIL")
	id, err := os.ReadFile(path + ".id")
	require.NoError(t, err)
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	_, states, err := s.Presentation(t.Context(), uuid.UUID(id))
	require.NoError(t, err)
	require.EqualValues(t, 100, states[0].Voters)
}

func TestAFullDiskIsUnavailableAndTheNextCallWorks(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	p := presented(t, s)
	batches := ballot(p, 3000)
	s.exec(t, "PRAGMA max_page_count = 30") // what SQLite says of a disk, said of the file
	_, err := s.Count(t.Context(), batches)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	r, err := s.Results(t.Context(), p.ID, p.Polls[0].ID)
	require.NoError(t, err)
	require.Zero(t, r.Voters)
	s.exec(t, "PRAGMA max_page_count = 1000000")
	_, err = s.Count(t.Context(), batches)
	require.NoError(t, err)
	r, err = s.Results(t.Context(), p.ID, p.Polls[0].ID)
	require.NoError(t, err)
	require.EqualValues(t, 3000, r.Voters)
}

func TestWaitingForAnotherWriterEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	one, other := open(t, path), open(t, path)
	t.Cleanup(func() { require.NoError(t, errors.Join(one.Close(), other.Close())) })
	p := presented(t, one)
	batches := ballot(p, 1)
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- other.Write(context.Background(), "other", func(*sqlx.Tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	for _, s := range []*testStore{one, other} { // in another process, and in this one
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		_, err := s.Count(ctx, batches)
		cancel()
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
		require.Less(t, time.Since(began), 3*time.Second)
	}
	_, err := one.Results(t.Context(), p.ID, p.Polls[0].ID)
	require.NoError(t, err, "readers do not wait for a writer")
	close(end)
	require.NoError(t, <-ended)
	o, err := one.Count(t.Context(), batches)
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, o.Verdicts)
}
