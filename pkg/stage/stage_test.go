package stage

import (
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
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

var pollID = uuid.UUID{15: 7}

type transit struct {
	turn   poll.Turn
	edited poll.Edited
	err    error
}

func (s transit) Edit(context.Context, uuid.UUID, poll.Edit) (poll.Edited, error) {
	return s.edited, s.err
}

func (s transit) Hide(_ context.Context, _, _ uuid.UUID, _ string, hidden bool) (question.WordCount, poll.Edited, error) {
	return question.WordCount{Hidden: hidden}, s.edited, s.err
}

func (s transit) Delete(context.Context, uuid.UUID, poll.Seen) error { return s.err }

func (s transit) SetAccess(context.Context, uuid.UUID, [32]byte,
	access.Tokens) error {
	return s.err
}

func (s transit) SetJoinCode(context.Context, uuid.UUID, string) error { return s.err }

func (s transit) Transit(context.Context, uuid.UUID, poll.Move, *int64) (poll.Turn, error) {
	return s.turn, s.err
}

// fakeLog keeps what is published and when.
type fakeLog struct {
	queue.Publisher
	published chan published
	mu        sync.Mutex
	trouble   map[int][]error // by partition, what becomes of the next publishes; errStuck: nothing, until ctx ends
}

var errStuck = errors.New("stuck")

type published struct {
	partition int
	batch     poll.Batch
	at        time.Time
}

func (l *fakeLog) Publish(ctx context.Context, partition int, e queue.Entry,
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
	confirmed(err)
	return nil
}

// newTestStage makes a stage with a bus of this process, and gives what is announced there.
func newTestStage(t *testing.T, store writer) (*Stage, <-chan bus.Change, *fakeLog) {
	t.Helper()
	b := inproc.NewBus()
	announced := b.Subscribe(t.Context())
	s, log := newTestStageWith(store, b)
	return s, announced, log
}

func newTestStageWith(store writer, b bus.Bus) (*Stage, *fakeLog) {
	log := &fakeLog{published: make(chan published, 99), trouble: map[int][]error{}}
	cache := NewCache(&fakeStore{}, time.Now)
	return New(store, b, log, cache, slog.New(slog.DiscardHandler)), log
}

var moved = transit{turn: poll.Turn{
	Display: poll.Display{PresentationID: talk, Slide: poll.Slide{Version: 5},
		Partition: queue.Partition(talk, 4)},
	Changed: true,
	Ended:   &poll.Seal{PollID: pollID, Version: 4},
}}

func TestThePollThatLeftIsSealedNoSoonerThanItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, announced, log := newTestStage(t, moved)
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
		s, log := newTestStageWith(moved, closed)
		requireMovedAndSealed(t, s, log)
	})
}

// requireMovedAndSealed moves a stage and closes it.
func requireMovedAndSealed(t *testing.T, s *Stage, log *fakeLog) {
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
		far := moved
		far.turn.Partition = 200
		s, _, log := newTestStage(t, far)
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		require.Equal(t, 200, (<-log.published).partition)
		require.NoError(t, s.Stop(t.Context()))
	})
}

func TestOtherTokensAndAnotherJoinCodeAreAnnouncedAsAnEdit(t *testing.T) {
	s, announced, _ := newTestStage(t, transit{})
	require.NoError(t, s.SetAccess(t.Context(), talk, [32]byte{1}, access.Tokens{}))
	require.Equal(t, bus.Change{Thing: talk}, <-announced)
	require.NoError(t, s.SetJoinCode(t.Context(), talk, "BCD234"))
	require.Equal(t, bus.Change{Thing: talk}, <-announced)
	require.NoError(t, s.Stop(t.Context()))

	stale := fault.Errorf(fault.Stale, "no")
	s, announced, _ = newTestStage(t, transit{err: stale})
	require.Equal(t, stale, s.SetAccess(t.Context(), talk, [32]byte{1}, access.Tokens{}))
	require.Equal(t, stale, s.SetJoinCode(t.Context(), talk, "BCD234"))
	require.Empty(t, announced)
	require.NoError(t, s.Stop(t.Context()))
}

func TestWhatChangesNothingIsNotAnnouncedOrSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, store := range []transit{{turn: poll.Turn{Display: poll.Display{Slide: poll.Slide{Version: 3}}}}, {err: fault.Errorf(fault.Stale, "no")}} {
			s, announced, log := newTestStage(t, store)
			_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
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
	changed := poll.Edited{Changed: true, Poll: &poll.Poll{ID: pollID}, State: poll.State{Opened: 3, Revision: 8}}
	for name, c := range map[string]struct {
		store transit
		do    func(s *Stage) error
		want  []bus.Change
	}{
		"an edit of a poll": {transit{edited: changed}, edit, []bus.Change{
			{Thing: talk}, {Thing: talk, Part: pollID, Version: 3, Revision: 8}}},
		"another edit": {transit{edited: poll.Edited{Changed: true}}, edit,
			[]bus.Change{{Thing: talk}}},
		"an edit that changes nothing":      {transit{edited: poll.Edited{Poll: changed.Poll}}, edit, nil},
		"an edit of which nothing is known": {transit{err: away}, edit, nil},
		"an answer that is hidden": {transit{edited: changed}, hide, []bus.Change{
			{Thing: talk}, {Thing: talk, Part: pollID, Version: 3, Revision: 8}}},
		"an answer that was hidden before":     {transit{edited: poll.Edited{Poll: changed.Poll}}, hide, nil},
		"a deletion":                           {transit{}, remove, []bus.Change{{Thing: talk}}},
		"a deletion of which nothing is known": {transit{err: away}, remove, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, announced, log := newTestStage(t, c.store)
			_, _, err := s.cache.Display(t.Context(), talk, time.Time{})
			require.NoError(t, err)
			require.ErrorIs(t, c.do(s), c.store.err)
			_, _, known := s.cache.Known(talk)
			require.False(t, known, "also after an error: it may have happened")
			for _, want := range c.want {
				require.Equal(t, want, <-announced)
			}
			require.Empty(t, announced)
			require.Empty(t, log.published, "nothing is to be sealed")
			require.NoError(t, s.Stop(t.Context()))
			s.cache.Close()
		})
	}
}

func edit(s *Stage) error {
	_, err := s.Edit(context.Background(), talk, poll.EditPresentation{})
	return err
}

func hide(s *Stage) error {
	_, err := s.Hide(context.Background(), talk, pollID, "Berlin", true)
	return err
}

func remove(s *Stage) error { return s.Delete(context.Background(), talk, nil) }

func TestAReplicaThatStopsSealsFirstWhatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, moved)
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		time.Sleep(time.Second)
		begun := time.Now()
		require.NoError(t, s.Stop(t.Context()))
		require.Equal(t, poll.SealDelay-time.Second, time.Since(begun), "sealing early would make acknowledged votes late")
		require.Len(t, log.published, 1)
		require.Equal(t, time.Now(), (<-log.published).at)
	})
}

func TestAReplicaThatHasNothingToSealStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, moved)
		begun := time.Now()
		require.NoError(t, s.Stop(t.Context()))
		require.Zero(t, time.Since(begun))
		require.Empty(t, log.published)
	})
}

func TestAStopThatHasNoTimeLeavesTheSealsToTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, waited := range []time.Duration{0, poll.SealDelay + 1} { // before its time, and while the log is stuck
			s, _, log := newTestStage(t, moved)
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
		s, _, log := newTestStage(t, moved)
		log.trouble[queue.Partition(talk, 4)] = []error{queue.ErrRefused, queue.ErrUnknown, queue.ErrRefused}
		begun := time.Now()
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		ids := map[uuid.UUID]bool{}
		for range 4 {
			p := <-log.published
			require.Equal(t, moved.turn.Ended, p.batch.Seal)
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
		s, _, log := newTestStage(t, moved)
		for range 99 {
			log.trouble[queue.Partition(talk, 4)] = append(log.trouble[queue.Partition(talk, 4)], queue.ErrRefused)
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
		s, _, log := newTestStage(t, moved)
		log.trouble[queue.Partition(talk, 4)] = []error{queue.ErrRefused}
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		require.NoError(t, s.Stop(t.Context()))
		require.Len(t, log.published, 1)
	})
}

func TestASealThatIsStuckHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(t, moved)
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
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		s, log := newTestStageWith(moved, inproc.NewBus())
		t.Cleanup(s.cache.Close)
		log.trouble[queue.Partition(talk, 4)] = []error{queue.ErrRefused, queue.ErrUnknown}
		return lifetest.Made{Service: s, Work: func() {
			_, err := s.Move(context.Background(), talk, poll.Move{}, nil)
			require.NoError(t, err)
		}}
	})
}

func TestATransitionAfterTheStopIsLeftToTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, announced, log := newTestStage(t, moved)
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
		s, _, log := newTestStage(t, moved)
		log.published = make(chan published, pendingSeals+9)
		for range pendingSeals + 5 {
			s.sealer.add(moved.turn.Partition, *moved.turn.Ended)
		}
		require.NoError(t, s.Stop(t.Context()))
		require.Len(t, log.published, pendingSeals)
	})
}
