package pollpg

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

// A counting transaction that waits for an edit reads the state that it leaves, but joins to it the
// options of before. What is under way to the poll is late then, and counted by neither.
func TestCountingThatWaitsForAnEditCountsNothingByTheOptionsOfBefore(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	require.NoError(t, s.Partitions(t.Context(), 1))
	p := talk(t, s)
	edited := p.Polls[0].ID
	first := votes(edited, "A", voters(3))
	_, err := s.Count(t.Context(), []poll.Batch{first})
	require.NoError(t, err)
	_, err = s.Transit(t.Context(), p.ID, poll.Move{}, nil)
	require.NoError(t, err)
	seal := poll.Batch{ID: uuid.New(), Seal: &poll.Seal{PollID: edited, Version: 1}}
	_, err = s.Count(t.Context(), []poll.Batch{seal})
	require.NoError(t, err)
	_, err = s.Edit(t.Context(), p.ID, poll.Reset{PollID: edited})
	require.NoError(t, err)

	for _, options := range [][]question.Option{{{Key: "A", Value: "only"}},
		{{Key: "X", Value: "x"}, {Key: "Y", Value: "y"}, {Key: "A", Value: "a"}}} {
		waiting, release := hold(t, s.raw, edited) // so that both wait: the edit first
		edit, count := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := s.Edit(t.Context(), p.ID, poll.EditPoll{PollID: edited, Options: &options})
			edit <- err
		}()
		waiting(1)
		again := poll.Batch{ID: uuid.New(), Votes: first.Votes}
		var outcome poll.Outcome
		go func() {
			var err error
			outcome, err = s.Count(t.Context(), []poll.Batch{again})
			count <- err
		}()
		waiting(2)
		release()
		require.NoError(t, <-edit)
		require.NoError(t, <-count)
		for _, v := range outcome.Verdicts[0] {
			require.Contains(t, []poll.Verdict{poll.Late, poll.Rejected}, v)
		}
		r, err := s.Results(t.Context(), p.ID, edited)
		require.NoError(t, err)
		require.Equal(t, options, r.Options)
		require.Equal(t, make([]int64, len(options)), r.Counts)
		require.Zero(t, r.Voters)
	}
}

// A replica of the version before, which does not know closed slides, sees an empty one. It takes
// no votes, and whatever it displays next is open.
func TestASlideThatIsClosedIsEmptyToAProgramOfBefore(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := talk(t, s)
	turn, err := s.Transit(t.Context(), p.ID, poll.Move{To: poll.ToClosed}, nil)
	require.NoError(t, err)
	require.True(t, turn.Closed)
	db := s.raw
	var displayed bool
	require.NoError(t, db.QueryRow(`SELECT displayed FROM presentations WHERE id = $1`, p.ID).
		Scan(&displayed))
	require.False(t, displayed)
	for version, displayed := range map[int64]bool{turn.Version + 1: true,
		turn.Version + 2: false} {
		_, err = db.Exec(`UPDATE presentations SET version = $2, displayed = $3 WHERE id = $1`,
			p.ID, version, displayed)
		require.NoError(t, err)
		d, err := s.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, poll.Slide{Version: version, Displayed: displayed}, d.Slide)
		require.Equal(t, displayed, d.Poll != nil)
	}
}
