package stage

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polllite"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

var (
	talk   = uuid.UUID{15: 1}
	pollID = uuid.UUID{15: 7}
)

// slide displays the first poll under a version.
func slide(version int64) poll.Slide { return poll.Slide{Version: version, Displayed: true} }

// openStore opens a store with a presentation: talk, whose first poll is pollID.
func openStore(t *testing.T, s poll.Slide) *polllite.Store {
	t.Helper()
	return openStoreIn(t, queue.Partition(talk, 4), s)
}

// openStoreIn opens a store whose presentation lies in a partition.
func openStoreIn(t *testing.T, partition int, s poll.Slide) *polllite.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Partitions(t.Context(), 4))
	store := polllite.New(db)
	create(t, store, talk, partition, "ABC234", s)
	return store
}

// create writes a presentation whose first poll takes words.
func create(
	t *testing.T, store *polllite.Store, id uuid.UUID, partition int, code string, s poll.Slide,
) {
	t.Helper()
	p, err := poll.New("A talk", []poll.Poll{
		{Question: question.Question{Text: "Where?", Kind: question.WordCloud}},
		{Question: question.Question{Text: "How was it?", Kind: question.Rating}},
	})
	require.NoError(t, err)
	p.ID, p.Partition, p.JoinCode, p.Slide = id, partition, code, s
	p.Tokens = access.Tokens{TokenHash: [32]byte{1}}
	if id == talk {
		p.Polls[0].ID = pollID
	}
	for i := range p.Polls {
		p.Polls[i].PresentationID = id
	}
	require.NoError(t, store.Create(t.Context(), p))
}

// turnTo has talk moved until it is at a version, and gives the last move.
func turnTo(t *testing.T, store *polllite.Store, version int64) (turn poll.Turn) {
	t.Helper()
	p, _, err := store.Presentation(t.Context(), talk)
	require.NoError(t, err)
	for turn.Slide = p.Slide; turn.Version < version; {
		m := poll.Move{To: poll.ToPoll, PollID: pollID}
		if turn.Displayed {
			m.To = poll.ToNothing
		}
		turn, err = store.Transit(t.Context(), talk, m, nil)
		require.NoError(t, err)
	}
	require.Equal(t, version, turn.Version)
	return turn
}

// faulty is a store whose writes fail, if their test wants it.
type faulty struct {
	*polllite.Store
	err error
}

func (s faulty) Edit(ctx context.Context, id uuid.UUID, e poll.Edit) (poll.Edited, error) {
	if s.err != nil {
		return poll.Edited{}, s.err
	}
	return s.Store.Edit(ctx, id, e)
}

func (s faulty) Delete(ctx context.Context, id uuid.UUID, seen poll.Seen) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Delete(ctx, id, seen)
}

func (s faulty) SetAccess(
	ctx context.Context, id uuid.UUID, presenter [32]byte, a access.Tokens,
) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.SetAccess(ctx, id, presenter, a)
}

func (s faulty) SetJoinCode(ctx context.Context, id uuid.UUID, code string) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.SetJoinCode(ctx, id, code)
}

func (s faulty) Transit(
	ctx context.Context, id uuid.UUID, m poll.Move, ifMatch *int64,
) (poll.Turn, error) {
	if s.err != nil {
		return poll.Turn{}, s.err
	}
	return s.Store.Transit(ctx, id, m, ifMatch)
}

// watched is a store whose reads of what is displayed its test counts, holds up, and has fail.
type watched struct {
	*polllite.Store
	reads   atomic.Int64
	err     atomic.Pointer[error]
	begun   chan struct{} // a token per read that began, if not nil
	proceed chan struct{} // a token lets a read go on, if not nil
}

func (s *watched) Display(ctx context.Context, id uuid.UUID) (poll.Display, error) {
	s.reads.Add(1)
	d, err := s.Store.Display(ctx, id)
	if s.begun != nil {
		s.begun <- struct{}{}
		select {
		case <-s.proceed:
		case <-ctx.Done():
			return poll.Display{}, ctx.Err()
		}
	}
	if err := s.err.Load(); err != nil {
		return poll.Display{}, *err
	}
	return d, err
}
