package count

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore counts what it is given, unless its test makes it fail.
type fakeStore struct {
	mu      sync.Mutex
	fail    func(batches []poll.Batch) error
	counted [][]poll.Batch // per transaction
	hold    chan struct{}  // if not nil, a transaction waits for a token
	holding chan struct{}
	closing []poll.ClosingPoll
	slow    time.Duration // of Closing
	old     int           // batch ids that may be forgotten
	folded  []bus.Change  // of polls whose words another fold has counted
	refolds int           // calls
	tired   bool          // they fail
}

func (s *fakeStore) Count(ctx context.Context, _ int, batches []poll.Batch) (poll.Outcome, error) {
	if s.hold != nil {
		s.holding <- struct{}{}
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(batches); err != nil {
			return poll.Outcome{}, err
		}
	}
	s.counted = append(s.counted, batches)
	o := poll.Outcome{Changed: []bus.Change{{Thing: talk, Revision: int64(len(s.counted))}}}
	for _, b := range batches {
		verdicts := make([]poll.Verdict, len(b.Votes))
		for i := range verdicts {
			verdicts[i] = poll.Counted
		}
		o.Verdicts = append(o.Verdicts, verdicts)
	}
	return o, ctx.Err()
}

func (s *fakeStore) Closing(context.Context) ([]poll.ClosingPoll, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing, nil
}

func (s *fakeStore) Forget(_ context.Context, age time.Duration, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.old, limit)
	if age == keepIDs {
		s.old -= n
	}
	return n, nil
}

func (s *fakeStore) Refold(context.Context) (changed *bus.Change, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refolds++; s.tired {
		return nil, false, errors.New("too much")
	}
	if len(s.folded) == 0 {
		return nil, false, nil
	}
	changed, s.folded = &s.folded[0], s.folded[1:]
	return changed, true, nil
}

// fakeLog is one partition's log, and all that is done to it, in order.
type fakeLog struct {
	announced [][]bus.Change // under mu
	queue.Log
	mu         sync.Mutex
	deliveries chan queue.Delivery
	subscribed int
	closed     int
	away       error
	did        []string
	replies    chan queue.Reply
	sealed     chan poll.Batch
	noDead     error
	closing    func() // called when a subscription is closed
}

func (l *fakeLog) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.did = append(l.did, what)
}

func (l *fakeLog) Subscribe(context.Context, int) (queue.Subscription, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away != nil {
		return nil, l.away
	}
	l.subscribed++
	return &fakeSubscription{l}, nil
}

func (l *fakeLog) Publish(_ context.Context, _ int, b poll.Batch, confirmed func(error)) error {
	l.sealed <- b
	confirmed(nil)
	return nil
}

func (l *fakeLog) closings() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

type fakeSubscription struct{ *fakeLog }

func (s *fakeSubscription) Deliveries() <-chan queue.Delivery { return s.deliveries }

func (s *fakeSubscription) Ack(tag uint64) error {
	s.note("ack " + string(rune('0'+tag)))
	return nil
}

func (s *fakeSubscription) Reply(_ context.Context, to string, replies ...queue.Reply) error {
	s.note("reply to " + to)
	for _, r := range replies {
		s.replies <- r
	}
	return nil
}

func (s *fakeSubscription) DeadLetter(_ context.Context, d queue.Delivery, reason string) error {
	s.mu.Lock()
	err := s.noDead
	s.mu.Unlock()
	if err == nil {
		s.note("dead letter " + string(rune('0'+d.Tag)) + ": " + reason)
	}
	return err
}

func (s *fakeSubscription) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	if s.closing != nil {
		s.closing()
	}
	return nil
}

type fakeBus struct {
	bus.Bus
	log *fakeLog
}

func (b *fakeBus) Announce(_ context.Context, changes ...bus.Change) error {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	b.log.announced = append(b.log.announced, changes)
	return errors.New("the bus is away")
}

var talk = uuid.UUID{15: 1}

type bench struct {
	*Counter
	store *fakeStore
	log   *fakeLog
	stop  context.CancelFunc
	done  chan struct{}
}

// run gives f a counter of one partition that is running, in a bubble where time passes only while everybody waits.
// prepare is called before it runs.
func run(t *testing.T, prepare func(*bench), f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{deliveries: make(chan queue.Delivery, 9000), replies: make(chan queue.Reply, 9000), sealed: make(chan poll.Batch, 99)}
		b := &bench{store: &fakeStore{}, log: log, done: make(chan struct{})}
		b.Counter = New(b.store, b.store, log, &fakeBus{log: log}, 1, slog.New(slog.DiscardHandler))
		require.Error(t, b.Ready(), "before it runs nothing is read")
		prepare(b)
		ctx, stop := context.WithCancel(t.Context())
		b.stop = stop
		go func() { defer close(b.done); b.Run(ctx) }()
		f(t, b)
		stop()
		<-b.done
	})
}

func delivery(tag uint64, votes int) queue.Delivery {
	return queue.Delivery{Tag: tag, ReplyTo: "api", Batch: poll.Batch{ID: uuid.UUID{15: byte(tag)}, Votes: make([]poll.Vote, votes)}}
}

func nothing(*bench) {}

func TestWhatIsDeliveredTogetherIsCountedTogetherAndInOrder(t *testing.T) {
	run(t, func(b *bench) {
		for i := range uint64(3) {
			b.log.deliveries <- delivery(i+1, 2)
		}
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.NoError(t, b.Ready())
		require.Len(t, b.store.counted, 1)
		for i, batch := range b.store.counted[0] {
			require.Equal(t, uuid.UUID{15: byte(i + 1)}, batch.ID)
			r := <-b.log.replies
			require.Equal(t, batch.ID, r.BatchID)
			require.Equal(t, []poll.Verdict{poll.Counted, poll.Counted}, r.Verdicts)
		}
		require.Equal(t, []string{"ack 3", "reply to api"}, b.log.did,
			"one acknowledgement, after the commit; a bus that is away fails nothing")
	})
}

func TestATransactionIsBounded(t *testing.T) {
	run(t, func(b *bench) {
		for i := range uint64(8) {
			b.log.deliveries <- delivery(i+1, 2000)
		}
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Len(t, b.store.counted, 4)
		for i, batches := range b.store.counted {
			require.Len(t, batches, 2, "4,000 votes: one more batch would be too many")
			require.Equal(t, uuid.UUID{15: byte(2*i + 1)}, batches[0].ID, "and the order stays")
		}
	})
}

func TestNobodyIsAnsweredWhoDoesNotWaitOrWasCountedBefore(t *testing.T) {
	run(t, func(b *bench) {
		silent := delivery(1, 1)
		silent.ReplyTo = ""
		b.log.deliveries <- silent
		b.log.deliveries <- queue.Delivery{Tag: 2, ReplyTo: "api", Batch: poll.Batch{Seal: &poll.Seal{}}} // no votes, no verdicts
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Empty(t, b.log.replies)
		require.Equal(t, []string{"ack 2"}, b.log.did)
	})
}

func TestWhileTheDatabaseIsAwayTheBatchIsKept(t *testing.T) {
	tries := 0
	run(t, func(b *bench) {
		b.store.fail = func([]poll.Batch) error {
			if tries++; tries < 20 {
				return fault.Errorf(fault.Unavailable, "away")
			}
			return nil
		}
		b.log.deliveries <- delivery(1, 1)
	}, func(t *testing.T, b *bench) {
		begun := time.Now()
		<-b.log.replies
		require.Equal(t, 20, tries)
		require.Less(t, time.Since(begun), 20*maxWait)
		require.Equal(t, 1, b.log.subscribed, "the subscription stays: nothing is delivered again or out of order")
	})
}

func TestAnEntryThatCannotBeDecodedHoldsUpNobodyWhileNothingTakesItAside(t *testing.T) {
	run(t, func(b *bench) {
		b.log.noDead = errors.New("the broker takes no messages")
		b.log.deliveries <- delivery(1, 1)
		b.log.deliveries <- queue.Delivery{Tag: 2, Err: queue.ErrMalformed, Raw: []byte("?")}
		b.log.deliveries <- delivery(3, 1)
	}, func(t *testing.T, b *bench) {
		time.Sleep(time.Minute)
		synctest.Wait()
		counted := []string{"ack 1", "reply to api", "ack 3", "reply to api"}
		require.Equal(t, counted, b.log.did, "it is not acknowledged before it is kept aside safely")
		b.log.mu.Lock()
		b.log.noDead = nil
		b.log.mu.Unlock()
		time.Sleep(2 * maxWait)
		synctest.Wait()
		require.Equal(t, append(counted, "dead letter 2: malformed", "ack 2"), b.log.did)
	})
}

func TestAStopDoesNotWaitForWhatCannotBeSetAside(t *testing.T) {
	run(t, func(b *bench) {
		b.log.noDead = errors.New("the broker takes no messages")
		b.log.deliveries <- queue.Delivery{Tag: 1, Err: queue.ErrMalformed}
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		begun := time.Now()
		b.stop()
		<-b.done
		require.Zero(t, time.Since(begun))
		require.Empty(t, b.log.did)
	})
}

func TestABatchThatCannotBeCountedDoesNotHoldUpItsNeighbours(t *testing.T) {
	bad := uuid.UUID{15: 2}
	run(t, func(b *bench) {
		b.store.fail = func(batches []poll.Batch) error {
			for _, batch := range batches {
				if batch.ID == bad {
					return fault.Field("answer", "cannot be stored")
				}
			}
			return nil
		}
		for i := range uint64(3) {
			b.log.deliveries <- delivery(i+1, 1)
		}
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Len(t, b.store.counted, 2)
		require.Equal(t, []string{"ack 1", "reply to api", "dead letter 2: invalid: answer: cannot be stored", "ack 2", "ack 3", "reply to api"}, b.log.did)
	})
}

func TestAVoteThatCannotBeCountedIsSetAsideAloneAndTheOthersOfItsBatchCountInOrder(t *testing.T) {
	run(t, func(b *bench) {
		b.store.fail = func(batches []poll.Batch) error {
			for _, batch := range batches {
				for _, v := range batch.Votes {
					if v.Answer == "bad" {
						return fault.Field("answer", "cannot be stored")
					}
				}
			}
			return nil
		}
		d := delivery(1, 7)
		for i := range d.Batch.Votes {
			d.Batch.Votes[i].Seq = int64(i)
		}
		d.Batch.Votes[2].Answer, d.Batch.Votes[5].Answer = "bad", "bad"
		b.log.deliveries <- d
		b.log.deliveries <- delivery(2, 1)
	}, func(t *testing.T, b *bench) {
		counted, unknown := poll.Counted, poll.Verdict(0)
		require.Equal(t, queue.Reply{BatchID: uuid.UUID{15: 1}, Verdicts: []poll.Verdict{counted, counted, unknown, counted, counted, unknown, counted}}, <-b.log.replies)
		synctest.Wait()
		var seqs []int64
		var last poll.Batch
		ids := map[uuid.UUID]bool{}
		for _, batches := range b.store.counted[:len(b.store.counted)-1] {
			for _, v := range batches[0].Votes {
				seqs = append(seqs, v.Seq)
			}
			last = batches[0]
			require.False(t, ids[last.ID])
			ids[last.ID] = true
		}
		require.Equal(t, []int64{0, 1, 3, 4, 6}, seqs)
		require.Equal(t, poll.Batch{ID: uuid.UUID{15: 1}}, last, "then the whole is recorded")
		require.Equal(t, []string{"dead letter 1: invalid: answer: cannot be stored", "dead letter 1: invalid: answer: cannot be stored",
			"ack 1", "reply to api", "ack 2", "reply to api"}, b.log.did)
	})
}

func TestAFaultOfTheDatabaseCostsNoVote(t *testing.T) {
	var fault atomic.Bool
	fault.Store(true)
	run(t, func(b *bench) {
		b.store.fail = func([]poll.Batch) error {
			if fault.Load() {
				return errors.New("column does not exist")
			}
			return nil
		}
		b.log.deliveries <- delivery(1, 1)
	}, func(t *testing.T, b *bench) {
		time.Sleep(time.Hour)
		synctest.Wait()
		require.ErrorContains(t, b.Ready(), "column does not exist")
		require.Empty(t, b.log.did, "nothing is set aside or acknowledged")
		fault.Store(false)
		<-b.log.replies
		synctest.Wait()
		require.NoError(t, b.Ready())
	})
}

func TestAnEntryOfANewerVersionIsLeftToANewerWorker(t *testing.T) {
	run(t, func(b *bench) {
		b.log.deliveries <- delivery(1, 1)
		b.log.deliveries <- queue.Delivery{Tag: 2, Err: queue.ErrVersion}
		b.log.deliveries <- delivery(3, 1)
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Equal(t, []string{"ack 1", "reply to api"}, b.log.did, "it is not set aside, and nothing overtakes it")
		require.Equal(t, 1, b.log.closed)
		require.ErrorIs(t, b.Ready(), queue.ErrVersion)
	})
}

func TestAWorkerThatLeftAnEntryToANewerOneIsNotReadyUntilItReadsWithoutIt(t *testing.T) {
	run(t, func(b *bench) {
		newer := queue.Delivery{Tag: 1, Err: queue.ErrVersion}
		b.log.deliveries <- newer
		b.log.closing = func() {
			if b.log.closed > 1 && b.log.closed <= 5 {
				require.ErrorIs(t, b.Ready(), queue.ErrVersion, "not for a moment")
			}
			if b.log.closed < 5 { // it comes again at each subscription until somebody else has it
				b.log.deliveries <- newer
			}
		}
	}, func(t *testing.T, b *bench) {
		for b.log.closings() < 5 {
			time.Sleep(maxWait / 10)
			require.ErrorIs(t, b.Ready(), queue.ErrVersion)
		}
		time.Sleep(maxWait + 2*provenAfter)
		synctest.Wait()
		require.NoError(t, b.Ready())
	})
}

func TestALostSubscriptionIsTakenUpAgain(t *testing.T) {
	run(t, func(b *bench) { close(b.log.deliveries) }, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Error(t, b.Ready())
		b.log.mu.Lock()
		b.log.deliveries = make(chan queue.Delivery)
		b.log.mu.Unlock()
		time.Sleep(2 * maxWait)
		synctest.Wait()
		require.NoError(t, b.Ready())
		require.Greater(t, b.log.subscribed, 1)
	})
}

func TestPartitionsAreTakenOneAfterTheOtherSoThatWorkersThatStartTogetherShareThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions = 40
		var mu sync.Mutex
		first := map[int]int{}
		log := &fakeLog{away: errors.New("away")}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for worker := range 2 {
			spy := &spyLog{fakeLog: log, subscribe: func(partition int) {
				mu.Lock()
				defer mu.Unlock()
				if _, taken := first[partition]; !taken {
					first[partition] = worker
				}
			}}
			c := New(&fakeStore{}, &fakeStore{}, spy, &fakeBus{log: log}, partitions, slog.New(slog.DiscardHandler))
			running.Go(func() { c.Run(ctx) })
		}
		time.Sleep(time.Second)
		synctest.Wait()
		shares := [2]int{}
		for _, worker := range first {
			shares[worker]++
		}
		require.Equal(t, partitions, shares[0]+shares[1], "all within a second")
		require.Positive(t, shares[0])
		require.Positive(t, shares[1])
		stop()
		running.Wait()
	})
}

// spyLog tells who subscribes.
type spyLog struct {
	*fakeLog
	subscribe func(partition int)
}

func (l *spyLog) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	l.subscribe(partition)
	return l.fakeLog.Subscribe(ctx, partition)
}

func TestAStopFinishesTheTransactionUnderWayAndBeginsNoOther(t *testing.T) {
	run(t, func(b *bench) {
		b.store.hold, b.store.holding = make(chan struct{}), make(chan struct{})
		b.log.deliveries <- delivery(1, 1)
	}, func(t *testing.T, b *bench) {
		<-b.store.holding
		b.log.deliveries <- delivery(2, 1)
		b.stop()
		b.store.hold <- struct{}{}
		begun := 1
		for stopped := false; !stopped; {
			select {
			case <-b.done:
				stopped = true
			case <-b.store.holding:
				begun++
				b.store.hold <- struct{}{}
			}
		}
		require.Equal(t, 1, begun)
		require.Equal(t, []string{"ack 1", "reply to api"}, b.log.did)
		require.Equal(t, 1, b.log.closed)
	})
}

func TestAPollWhoseReplicaDiedIsSealedAfterItsTime(t *testing.T) {
	orphan := poll.ClosingPoll{PresentationID: talk, Seal: poll.Seal{PollID: uuid.UUID{15: 5}, Version: 4}}
	run(t, func(b *bench) { b.store.closing = []poll.ClosingPoll{orphan} }, func(t *testing.T, b *bench) {
		begun := time.Now()
		sealed := <-b.log.sealed
		require.Equal(t, &orphan.Seal, sealed.Seal)
		require.GreaterOrEqual(t, time.Since(begun), orphaned)
	})
}

func TestATimeThatPassedBeforeTheFirstAnswerDoesNotCount(t *testing.T) {
	orphan := poll.ClosingPoll{PresentationID: talk, Seal: poll.Seal{PollID: uuid.UUID{15: 5}, Version: 4}}
	run(t, func(b *bench) {
		b.store.slow = 2 * orphaned // the poll may have begun to close just before the answer
		b.store.closing = []poll.ClosingPoll{orphan}
	}, func(t *testing.T, b *bench) {
		begun := time.Now()
		<-b.log.sealed
		require.GreaterOrEqual(t, time.Since(begun), b.store.slow+orphaned)
	})
}

func TestOnlyWhatWasSeenClosingUnderOneVersionIsSealed(t *testing.T) {
	run(t, nothing, func(t *testing.T, b *bench) {
		for version := range int64(20) { // displayed again and closed again all the time
			b.store.mu.Lock()
			b.store.closing = []poll.ClosingPoll{{PresentationID: talk, Seal: poll.Seal{PollID: uuid.UUID{15: 5}, Version: version}}}
			b.store.mu.Unlock()
			time.Sleep(orphaned / 2)
		}
		require.Empty(t, b.log.sealed)
	})
}

func TestOldBatchIDsAreForgotten(t *testing.T) {
	run(t, func(b *bench) { b.store.old = 2*forgetStep + 1 }, func(t *testing.T, b *bench) {
		time.Sleep(forgetEvery)
		synctest.Wait()
		require.Zero(t, b.store.old)
	})
}

func TestChangesAreAnnouncedAtOnceAndThenInBundles(t *testing.T) {
	change := func(revision int64) []bus.Change {
		return []bus.Change{{Part: uuid.UUID{15: 1}, Revision: revision}}
	}
	other := []bus.Change{{Part: uuid.UUID{15: 2}, Revision: 9}}
	run(t, nothing, func(t *testing.T, b *bench) {
		announced := func() [][]bus.Change {
			synctest.Wait()
			b.log.mu.Lock()
			defer b.log.mu.Unlock()
			return slices.Clone(b.log.announced)
		}
		b.news.add(change(1))
		require.Equal(t, [][]bus.Change{change(1)}, announced())
		for _, c := range [][]bus.Change{change(2), other, change(4), change(3)} {
			b.news.add(c)
		}
		require.Len(t, announced(), 1)
		time.Sleep(newsEvery)
		require.Len(t, announced(), 2)
		require.ElementsMatch(t, slices.Concat(change(4), other), announced()[1], "the newest of each poll")
		b.news.add(change(5))
		b.stop()
		<-b.done
		require.Equal(t, change(5), announced()[2], "a stop leaves nothing unsaid")
	})
}
