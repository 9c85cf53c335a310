package stage

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polllite"
	"github.com/plenary-live/plenary/pkg/queue"
)

var errStuck = errors.New("stuck")

// seals is a stream in memory of which a worker acknowledges all. It says what is published and
// when.
type seals struct {
	queue.Stream
	published chan published
	mu        sync.Mutex
	// by partition, what becomes of the next publishes; errStuck: nothing, until ctx ends
	trouble map[int][]error
}

type published struct {
	partition int
	batch     poll.Batch
	at        time.Time
}

func (l *seals) Publish(ctx context.Context, partition int, e queue.Entry,
	confirmed func(error)) error {
	b, decodeErr := poll.DecodeBatch(e)
	if decodeErr != nil {
		return decodeErr
	}
	l.mu.Lock()
	var err error
	if errs := l.trouble[partition]; len(errs) > 0 {
		err = errs[0]
		l.trouble[partition] = errs[1:]
	}
	l.mu.Unlock()
	l.published <- published{partition, b, time.Now()}
	switch {
	case errors.Is(err, errStuck):
		<-ctx.Done()
		return queue.ErrUnknown
	case errors.Is(err, queue.ErrRefused):
		return err
	}
	return l.Stream.Publish(ctx, partition, e, func(lost error) { confirmed(cmp.Or(err, lost)) })
}

// openLog opens a log whose worker acknowledges whatever it gets.
func openLog(t *testing.T) *seals {
	t.Helper()
	const partitions = 4
	log, err := inproc.Open(inproc.Config{Streams: []string{poll.Stream}, Partitions: partitions})
	require.NoError(t, err)
	stream, err := log.Stream(poll.Stream)
	require.NoError(t, err)
	var working sync.WaitGroup
	for n := range partitions {
		sub, err := stream.Subscribe(t.Context(), n)
		require.NoError(t, err)
		working.Go(func() {
			for d := range sub.Deliveries() {
				_ = sub.Ack(d.Tag) // fails when the log is closed
			}
		})
	}
	t.Cleanup(func() {
		require.NoError(t, log.Close())
		working.Wait()
	})
	return &seals{
		Stream: stream, published: make(chan published, 99), trouble: map[int][]error{},
	}
}

// newTestStage makes a stage with a bus of this process, and gives what is announced there.
func newTestStage(t *testing.T, store store) (*Stage, <-chan bus.Change, *seals) {
	t.Helper()
	b := inproc.NewBus()
	announced := b.Subscribe(t.Context())
	s, log := newTestStageWith(t, store, b)
	return s, announced, log
}

// store is what a stage and its cache need of one.
type store interface {
	writer
	reader
}

func newTestStageWith(t *testing.T, store store, b bus.Bus) (*Stage, *seals) {
	log := openLog(t)
	return New(store, b, log, NewCache(store, time.Now), slog.New(slog.DiscardHandler)), log
}

// displaying opens a store that displays pollID under version 4.
func displaying(t *testing.T) store { return openStore(t, slide(4)) }

// ended is the seal that the next move there makes due.
var ended = &poll.Seal{PollID: pollID, Version: 4}

func TestThePollThatLeftIsSealedNoSoonerThanItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, announced, log := newTestStage(t, displaying(t))
		requireMovedAndSealed(t, s, log)
		require.Equal(t, bus.Change{Thing: talk, Version: 5}, <-announced)
		require.Equal(t, bus.Change{Thing: talk, Part: pollID, Version: 4}, <-announced)
	})
}

func TestALostAnnouncementFailsNoTransition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := inproc.NewBus()
		require.NoError(t, closed.Close())
		require.Error(t, closed.Announce(t.Context(), bus.Change{Thing: talk}))
		s, log := newTestStageWith(t, displaying(t), closed)
		requireMovedAndSealed(t, s, log)
	})
}

// requireMovedAndSealed moves a stage and closes it.
func requireMovedAndSealed(t *testing.T, s *Stage, log *seals) {
	t.Helper()
	begun := time.Now()
	d, err := s.Move(t.Context(), talk, poll.Move{}, nil)
	require.NoError(t, err, "a lost announcement fails nothing: the lease covers it")
	require.Equal(t, int64(5), d.Version)
	p := <-log.published
	require.Equal(t, poll.SealDelay, p.at.Sub(begun))
	require.Equal(t, &poll.Seal{PollID: pollID, Version: 4}, p.batch.Seal)
	require.Equal(t, queue.Partition(talk, 4), p.partition)
	require.NoError(t, s.Stop(t.Context()))
}

func TestASealGoesWhereThePresentationLiesWhateverItsIDSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := openStoreIn(t, 200, slide(4))
		s, _, log := newTestStage(t, far)
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		require.Equal(t, 200, (<-log.published).partition)
		require.NoError(t, s.Stop(t.Context()))
	})
}

func TestOtherTokensAndAnotherJoinCodeAreAnnouncedAsAnEdit(t *testing.T) {
	s, announced, _ := newTestStage(t, displaying(t))
	require.NoError(t, s.SetAccess(t.Context(), talk, [32]byte{1}, access.Tokens{}))
	require.Equal(t, bus.Change{Thing: talk}, <-announced)
	require.NoError(t, s.SetJoinCode(t.Context(), talk, "BCD234"))
	require.Equal(t, bus.Change{Thing: talk}, <-announced)
	require.NoError(t, s.Stop(t.Context()))

	stale := fault.Errorf(fault.Stale, "no")
	s, announced, _ = newTestStage(t, faulty{openStore(t, slide(4)), stale})
	require.Equal(t, stale, s.SetAccess(t.Context(), talk, [32]byte{1}, access.Tokens{}))
	require.Equal(t, stale, s.SetJoinCode(t.Context(), talk, "BCD234"))
	require.Empty(t, announced)
	require.NoError(t, s.Stop(t.Context()))
}

func TestWhatChangesNothingIsNotAnnouncedOrSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range []error{nil, fault.Errorf(fault.Stale, "no")} {
			store := faulty{openStore(t, slide(3)), err}
			s, announced, log := newTestStage(t, store)
			_, err := s.Move(t.Context(), talk, poll.Move{To: poll.ToOpen}, nil)
			require.Equal(t, store.err, err)
			time.Sleep(2 * poll.SealDelay)
			require.Empty(t, announced)
			require.Empty(t, log.published)
			require.NoError(t, s.Stop(t.Context()))
		}
	})
}

func TestWhateverAPresenterChangesIsAnnouncedAndForgotten(t *testing.T) {
	away := fault.Errorf(fault.Unavailable, "away")
	for name, c := range map[string]struct {
		err  error
		do   func(t *testing.T, s *Stage) error
		want []bus.Change
	}{
		"an edit of a poll": {nil, edit(poll.EditPoll{PollID: pollID, Question: new("Whither?")}),
			[]bus.Change{{Thing: talk}, {Thing: talk, Part: pollID, Version: 3, Revision: 8}}},
		"another edit": {nil, edit(poll.EditPresentation{Title: new("Another")}),
			[]bus.Change{{Thing: talk}}},
		"an edit that changes nothing": {nil,
			edit(poll.EditPoll{PollID: pollID, Question: new("Where?")}), nil},
		"an edit of which nothing is known": {away, edit(poll.EditPresentation{}), nil},
		"an answer that is hidden": {nil, hide, []bus.Change{
			{Thing: talk}, {Thing: talk, Part: pollID, Version: 3, Revision: 8}}},
		"an answer that was hidden before": {nil, func(t *testing.T, s *Stage) error {
			_, _, err := s.store.Hide(t.Context(), talk, pollID, "Berlin", true)
			require.NoError(t, err)
			return hide(t, s)
		}, nil},
		"a deletion":                           {nil, remove, []bus.Change{{Thing: talk}}},
		"a deletion of which nothing is known": {away, remove, nil},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t, slide(3))
			vote(t, store, 7)
			s, announced, log := newTestStage(t, faulty{store, c.err})
			_, _, err := s.cache.Display(t.Context(), talk, time.Time{})
			require.NoError(t, err)
			require.ErrorIs(t, c.do(t, s), c.err)
			_, _, known := s.cache.Known(talk)
			require.False(t, known, "also after an error: it may have happened")
			for _, want := range c.want {
				require.Equal(t, want, <-announced)
			}
			require.Empty(t, announced)
			require.Empty(t, log.published, "nothing is to be sealed")
			require.NoError(t, s.Stop(t.Context()))
			lifetest.Stop(t, s.cache)
		})
	}
}

// vote has people say Berlin until the poll on the slide is at a revision.
func vote(t *testing.T, store *polllite.Store, revision int64) {
	t.Helper()
	for {
		r, err := store.Results(t.Context(), talk, pollID)
		require.NoError(t, err)
		if r.Revision == revision {
			return
		}
		v := poll.Vote{ID: uuid.New(), PollID: pollID, VoterID: uuid.New(), Version: 3,
			Answer: "Berlin"}
		_, err = store.Count(t.Context(), []poll.Batch{{ID: uuid.New(), Votes: []poll.Vote{v}}})
		require.NoError(t, err)
	}
}

func edit(e poll.Edit) func(*testing.T, *Stage) error {
	return func(t *testing.T, s *Stage) error {
		_, err := s.Edit(t.Context(), talk, e)
		return err
	}
}

func hide(t *testing.T, s *Stage) error {
	_, err := s.Hide(t.Context(), talk, pollID, "Berlin", true)
	return err
}

func remove(t *testing.T, s *Stage) error { return s.Delete(t.Context(), talk, nil) }

func TestAReplicaThatStopsSealsFirstWhatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		time.Sleep(time.Second)
		begun := time.Now()
		require.NoError(t, s.Stop(t.Context()))
		require.Equal(t, poll.SealDelay-time.Second, time.Since(begun),
			"sealing early would make acknowledged votes late")
		require.Len(t, log.published, 1)
		require.Equal(t, time.Now(), (<-log.published).at)
	})
}

func TestAReplicaThatHasNothingToSealStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		begun := time.Now()
		require.NoError(t, s.Stop(t.Context()))
		require.Zero(t, time.Since(begun))
		require.Empty(t, log.published)
	})
}

func TestAStopThatHasNoTimeLeavesTheSealsToTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// before its time, and while the log is stuck
		for _, waited := range []time.Duration{0, poll.SealDelay + 1} {
			s, _, log := newTestStage(t, displaying(t))
			log.trouble[queue.Partition(talk, 4)] = []error{errStuck}
			_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
			require.NoError(t, err)
			time.Sleep(waited)
			tries := len(log.published)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begun := time.Now()
			require.NoError(t, s.Stop(ctx))
			require.Equal(t, time.Second, time.Since(begun))
			require.Len(t, log.published, tries)
			cancel()
		}
	})
}

func TestASealThatTheLogRefusesOrDoesNotConfirmIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		log.trouble[queue.Partition(talk, 4)] =
			[]error{queue.ErrRefused, queue.ErrUnknown, queue.ErrRefused}
		begun := time.Now()
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		ids := map[uuid.UUID]bool{}
		for range 4 {
			p := <-log.published
			require.Equal(t, ended, p.batch.Seal)
			ids[p.batch.ID] = true
		}
		require.Len(t, ids, 4, "each as an entry of its own: no batch is ever published twice")
		require.Less(t, time.Since(begun), poll.SealDelay+2*time.Second)
		time.Sleep(time.Minute)
		require.Empty(t, log.published)
		require.NoError(t, s.Stop(t.Context()))
	})
}

func TestASealIsGivenUpBeforeAWorkerTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		for range 99 {
			log.trouble[queue.Partition(talk, 4)] =
				append(log.trouble[queue.Partition(talk, 4)], queue.ErrRefused)
		}
		begun := time.Now()
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		s.sealer.pending.Wait()
		require.LessOrEqual(t, time.Since(begun), poll.SealDelay+sealFor)
		require.Greater(t, len(log.published), 4)
		require.NoError(t, s.Stop(t.Context()))
	})
}

func TestAStopDoesNotTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		log.trouble[queue.Partition(talk, 4)] = []error{queue.ErrRefused}
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		require.NoError(t, s.Stop(t.Context()))
		require.Len(t, log.published, 1)
	})
}

func TestASealThatIsStuckHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		here := queue.Partition(talk, 4)
		log.trouble[here] = []error{errStuck, errStuck}
		other := talk
		for queue.Partition(other, 4) == here {
			other[0]++
		}
		begun := time.Now()
		s.sealer.add(here, poll.Seal{PollID: pollID, Version: 1})
		s.sealer.add(here, poll.Seal{PollID: pollID, Version: 2})
		s.sealer.add(here, poll.Seal{PollID: pollID, Version: 3})
		s.sealer.add(queue.Partition(other, 4), poll.Seal{PollID: pollID, Version: 1})
		for range 4 {
			require.Equal(t, poll.SealDelay, (<-log.published).at.Sub(begun))
		}
		require.NoError(t, s.Stop(t.Context()))
	})
}

func TestTheStageLives(t *testing.T) {
	store, stream := openStore(t, slide(4)), openLog(t).Stream
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		id := uuid.New()
		create(t, store, id, queue.Partition(id, 4), id.String(), slide(4))
		log := &seals{
			Stream: stream, published: make(chan published, 99),
			trouble: map[int][]error{queue.Partition(id, 4): {queue.ErrRefused, queue.ErrUnknown}},
		}
		cache := NewCache(store, time.Now)
		t.Cleanup(func() { lifetest.Stop(t, cache) })
		s := New(store, inproc.NewBus(), log, cache, slog.New(slog.DiscardHandler))
		return lifetest.Made{Service: s, Work: func() {
			_, err := s.Move(context.Background(), id, poll.Move{}, nil)
			require.NoError(t, err)
		}}
	})
}

func TestATransitionAfterTheStopIsLeftToTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, announced, log := newTestStage(t, displaying(t))
		require.NoError(t, s.Stop(t.Context()))
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		require.Equal(t, bus.Change{Thing: talk, Version: 5}, <-announced)
		time.Sleep(2 * poll.SealDelay)
		require.Empty(t, log.published)
	})
}

func TestWaitingSealsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, displaying(t))
		log.published = make(chan published, pendingSeals+9)
		for range pendingSeals + 5 {
			s.sealer.add(queue.Partition(talk, 4), *ended)
		}
		require.NoError(t, s.Stop(t.Context()))
		require.Len(t, log.published, pendingSeals)
	})
}
