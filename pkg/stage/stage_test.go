package stage

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

var pollID = uuid.UUID{15: 7}

type transit struct {
	turn poll.Turn
	err  error
}

func (s transit) Transit(context.Context, uuid.UUID, poll.Move, *int64) (poll.Turn, error) {
	return s.turn, s.err
}

// fakeLog keeps what is published and when.
type fakeLog struct {
	queue.Publisher
	published chan published
}

type published struct {
	partition int
	batch     poll.Batch
	at        time.Time
}

func (l *fakeLog) Publish(_ context.Context, partition int, b poll.Batch, confirmed func(error)) error {
	l.published <- published{partition, b, time.Now()}
	confirmed(nil)
	return nil
}

func newTestStage(store transitor, busErr error) (*Stage, *fakeBus, *fakeLog) {
	b := &fakeBus{announced: make(chan poll.Change, 9), err: busErr}
	log := &fakeLog{published: make(chan published, 9)}
	cache := NewCache(&fakeStore{}, time.Now)
	return New(store, b, log, 4, cache, slog.New(slog.DiscardHandler)), b, log
}

var moved = transit{turn: poll.Turn{
	Display: poll.Display{PresentationID: talk, Slide: poll.Slide{Version: 5}},
	Changed: true,
	Ended:   &poll.Seal{PollID: pollID, Version: 4},
}}

func TestThePollThatLeftIsSealedNoSoonerThanItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, log := newTestStage(moved, errors.New("the bus is away"))
		begun := time.Now()
		d, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err, "a lost announcement fails nothing: the lease covers it")
		require.Equal(t, int64(5), d.Version)
		require.Equal(t, poll.Change{PresentationID: talk, Version: 5}, <-b.announced)
		require.Equal(t, poll.Change{PresentationID: talk, PollID: pollID, Version: 4}, <-b.announced)
		p := <-log.published
		require.Equal(t, poll.SealDelay, p.at.Sub(begun))
		require.Equal(t, &poll.Seal{PollID: pollID, Version: 4}, p.batch.Seal)
		require.Equal(t, queue.Partition(talk, 4), p.partition)
		s.Close()
	})
}

func TestWhatChangesNothingIsNotAnnouncedOrSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, store := range []transit{{turn: poll.Turn{Display: poll.Display{Slide: poll.Slide{Version: 3}}}}, {err: poll.Errorf(poll.Stale, "no")}} {
			s, b, log := newTestStage(store, nil)
			_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
			require.Equal(t, store.err, err)
			time.Sleep(2 * poll.SealDelay)
			require.Empty(t, b.announced)
			require.Empty(t, log.published)
			s.Close()
		}
	})
}

func TestAReplicaThatStopsLeavesItsSealsToTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := newTestStage(moved, nil)
		_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
		require.NoError(t, err)
		s.Close()
		require.Empty(t, log.published, "sealing early would make acknowledged votes late")
	})
}
