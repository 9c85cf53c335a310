// Package polltest is the conformance suite of the store's port: what poll.Store promises, claim
// by claim. Every adapter passes it.
//
// The cases of a group share a store, since a fresh database of PostgreSQL takes as long as many
// cases. Each has presentations of its own and looks at these alone. A call may be about
// everything that a store holds. Then the case first does away with what others left, or opens a
// store of its own.
package polltest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Store is a store with the engine that keeps it, as far as the suite needs that.
type Store interface {
	poll.Store
	Partitions(ctx context.Context, n int) error
	CountPartitions(ctx context.Context) (int, error)
	OriginalPartitions(ctx context.Context) (int, error)
	Forget(ctx context.Context, age time.Duration, limit int) (int, error)
	Ping(ctx context.Context) error
	Close() error
}

// Partitions is how many partitions the suite sets its stores up for.
const Partitions = 4

// Capability is something that not every store can do; an adapter names those it has.
type Capability func(*suite)

// Shared says that several stores may be open on the same data at once, as those of several
// processes are. again opens another one on the data of s, which may be closed by then; the suite
// closes it.
func Shared(again func(t *testing.T, s Store) Store) Capability {
	return func(s *suite) { s.again = again }
}

type suite struct {
	open  func(t *testing.T) Store
	again func(t *testing.T, s Store) Store
	age   func(t *testing.T, s Store, id uuid.UUID, age time.Duration)
	rows  func(t *testing.T, s Store, table string, id uuid.UUID) int
	hold  func(t *testing.T, s Store, p poll.Poll) (waiting func(calls int), release func())
	date  func(t *testing.T, s Store, pollID uuid.UUID, word string, first uuid.UUID,
		spellings map[string]int64)

	before func(t *testing.T, s Store, id uuid.UUID)

	inside *Inside
	spoil  func(t *testing.T, s Store, statement string, pollID uuid.UUID)
}

// Run proves the port's promises on stores that open gives, each of them empty. The suite closes
// them.
func Run(t *testing.T, open func(t *testing.T) Store, capabilities ...Capability) {
	s := &suite{open: open}
	for _, c := range capabilities {
		c(s)
	}
	t.Run("presentations", s.presentations)
	t.Run("access", s.access)
	t.Run("transitions", s.transitions)
	t.Run("edits", s.edits)
	t.Run("the talk of a presentation", s.talks)
	t.Run("revisions", s.revisions)
	t.Run("mends", s.mends)
	t.Run("what is new", s.newest)
	t.Run("counting", s.counting)
	t.Run("batches of several partitions", s.together)
	t.Run("workers with partitions in common", func(t *testing.T) { overlap(t, s.store(t)) })
	t.Run("seals", s.seals)
	t.Run("words of free text", s.words)
	t.Run("answers in free text", s.answers)
	t.Run("votes list", s.votesList)
	t.Run("partitions", s.partitions)
	t.Run("presence", s.presence)
	t.Run("passes and who may vote", s.admission)
	t.Run("secrets", s.secrets)
	t.Run("a call whose context has ended is unavailable", s.contexts)
	t.Run("many at once", s.concurrency)
	t.Run("results equal a recount whatever happens", s.property)
	if s.age != nil {
		t.Run("what nobody uses expires", s.expiry)
	}
	if s.again != nil {
		t.Run("several stores on the same data", s.shared)
	}
	if s.inside != nil {
		t.Run("words are counted by one fold", s.folds)
	}
	if s.spoil != nil {
		t.Run("a recount finds what differs", s.recounts)
	}
	if s.hold != nil {
		t.Run("counting stands in nobody's way but in its partition and its polls", s.apart)
	}
}

// store opens a store, ready for counting, that is closed when the test ends.
func (s *suite) store(t *testing.T) Store {
	t.Helper()
	store := s.open(t)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.NoError(t, store.Partitions(t.Context(), Partitions))
	return store
}

// options makes options with these keys.
func options(keys ...string) []question.Option {
	list := make([]question.Option, len(keys))
	for i, key := range keys {
		list[i] = question.Option{Key: key, Value: "the answer " + key}
	}
	return list
}

// threePolls are a choice, a multiple and a rating.
func threePolls() []poll.Poll {
	return []poll.Poll{
		{Question: question.Question{Text: "Who wins?", Options: options("A", "B", "C")}},
		{Question: question.Question{Text: "What do you like?", Kind: question.Multiple,
			Options: options("A", "B", "C", "D")}},
		{Question: question.Question{Text: "How was it?", Kind: question.Rating}},
	}
}

// newPresentation makes a presentation that is written nowhere yet.
func newPresentation(t *testing.T, polls ...poll.Poll) poll.Presentation {
	t.Helper()
	if len(polls) == 0 {
		polls = threePolls()
	}
	p, err := poll.New("The title", polls)
	require.NoError(t, err)
	p.JoinCode = rand.Text()
	_, _ = rand.Read(p.TokenHash[:]) // never fails
	return p
}

// created makes a presentation and writes it; nothing is displayed.
func created(t *testing.T, s Store, polls ...poll.Poll) poll.Presentation {
	t.Helper()
	p := newPresentation(t, polls...)
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

// show displays the poll with that index and gives the version under which it is displayed.
func show(t *testing.T, s Store, p poll.Presentation, index int) int64 {
	t.Helper()
	turn, err := s.Transit(t.Context(), p.ID,
		poll.Move{To: poll.ToPoll, PollID: p.Polls[index].ID}, nil)
	require.NoError(t, err)
	require.True(t, turn.Changed)
	return turn.Version
}

// results reads the results of the poll with that index.
func results(t *testing.T, s Store, p poll.Presentation, index int) poll.Results {
	t.Helper()
	r, err := s.Results(t.Context(), p.ID, p.Polls[index].ID)
	require.NoError(t, err)
	return r
}

// list reads the votes list of the poll with that index.
func list(t *testing.T, s Store, p poll.Presentation, index int) []poll.VoterAnswer {
	t.Helper()
	return listAfter(t, s, p, index, uuid.Nil)
}

// listAfter is the part of the list behind a voter.
func listAfter(t *testing.T, s Store, p poll.Presentation, index int,
	after uuid.UUID) []poll.VoterAnswer {
	t.Helper()
	answers := []poll.VoterAnswer{}
	require.NoError(t, s.Votes(t.Context(), p.ID, p.Polls[index].ID, after,
		func(a poll.VoterAnswer) error {
			answers = append(answers, a)
			return nil
		}))
	return answers
}

func requireKind(t *testing.T, want fault.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.CodeOf(err), "%v", err)
}

// ended gives a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// said gives a votes list without the ids of its votes.
func said(list []poll.VoterAnswer) []poll.VoterAnswer {
	for i := range list {
		list[i].VoteID = uuid.Nil
	}
	return list
}
