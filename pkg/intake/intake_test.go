package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	talk   = uuid.UUID{15: 1}
	pollID = uuid.UUID{15: 2}
	other  = uuid.UUID{15: 3}
)

// fakeCache displays a poll.
type fakeCache struct {
	first, fresh uuid.UUID // what an old entry says, and what a read after the request says
	was, closed  bool      // whether voting is closed, says that entry and that read
	err          error
	reads        int
	kind         question.Kind // Choice, if empty
}

func (c *fakeCache) Display(_ context.Context, id uuid.UUID, since time.Time) (poll.Display, time.Time, error) {
	shown, closed := c.first, c.was
	if !since.IsZero() {
		c.reads++
		shown, closed = c.fresh, c.closed
	}
	p := &poll.Poll{ID: shown, Question: question.Question{Kind: cmp.Or(c.kind, question.Choice), MaxChoices: 1, Options: []question.Option{{Key: "A"}, {Key: "B"}}}}
	return poll.Display{PresentationID: id, Slide: poll.Slide{Version: 3, Displayed: true, Closed: closed}, Poll: p}, time.Now(), c.err
}

func (c *fakeCache) Known(uuid.UUID) (poll.Display, time.Time, bool) {
	return poll.Display{}, time.Time{}, false
}

// fakeLog lets its test decide what becomes of a publish.
type fakeLog struct {
	published chan *publish
	refuse    error
	deaf      atomic.Bool // takes nothing, as a connection whose peer does not read
	replies   chan queue.Reply
}

type publish struct {
	partition int
	batch     poll.Batch
	confirmed func(error)
}

func (l *fakeLog) Publish(ctx context.Context, partition int, b poll.Batch, confirmed func(error)) error {
	if l.deaf.Load() {
		<-ctx.Done()
		return queue.ErrRefused
	}
	if l.refuse != nil {
		return l.refuse
	}
	l.published <- &publish{partition, b, confirmed}
	return nil
}

func (l *fakeLog) Replies() <-chan queue.Reply { return l.replies }

func (l *fakeLog) reply(p *publish, v poll.Verdict) {
	verdicts := make([]poll.Verdict, len(p.batch.Votes))
	for i := range verdicts {
		verdicts[i] = v
	}
	l.replies <- queue.Reply{BatchID: p.batch.ID, Verdicts: verdicts}
}

type answer struct {
	receipt Receipt
	err     error
	took    time.Duration
}

// mayWait is how many votes may wait in one partition.
const mayWait = 250

type bench struct {
	*Intake
	cache *fakeCache
	log   *fakeLog
}

// run gives f an intake in a bubble where time passes only while everybody waits.
func run(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{
			cache: &fakeCache{first: pollID, fresh: pollID},
			log:   &fakeLog{published: make(chan *publish, 100), replies: make(chan queue.Reply)},
		}
		b.Intake = New(b.cache, nil, b.log, 4, 2*mayWait, time.Now)
		f(t, b)
		b.Close()
		close(b.log.replies)
		b.Wait()
	})
}

func (b *bench) cast(voter byte, key string, wait Wait) <-chan answer {
	out := make(chan answer, 1)
	begun := time.Now()
	go func() {
		r, err := b.Cast(context.Background(), talk, Ballot{PollID: pollID, Keys: []string{key}, VoterID: uuid.UUID{15: voter}}, wait)
		out <- answer{r, err, time.Since(begun)}
	}()
	return out
}

// castMany casts votes of as many voters at once.
func (b *bench) castMany(n int) (answers []<-chan answer) {
	for i := range n {
		answers = append(answers, b.cast(byte(i), "A", usual))
	}
	return answers
}

var usual = Wait{For: DefaultWait}

func TestAVoteIsAnsweredByItsVerdict(t *testing.T) {
	for verdict, want := range map[poll.Verdict]fault.Code{
		poll.Counted: fault.Code{}, poll.Superseded: fault.Code{}, poll.Late: poll.TooLate, poll.Rejected: fault.Invalid, 77: fault.Unavailable,
	} {
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "B", usual)
			p := <-b.log.published
			require.Equal(t, queue.Partition(talk, 4), p.partition)
			require.Len(t, p.batch.Votes, 1)
			v := p.batch.Votes[0]
			require.Equal(t, poll.Vote{ID: v.ID, PollID: pollID, VoterID: uuid.UUID{15: 1}, Version: 3, Answer: "B"}, v)
			b.log.reply(p, verdict) // the reply may come before the confirm
			got := <-a
			require.Equal(t, want, fault.CodeOf(got.err))
			if want == (fault.Code{}) {
				require.Equal(t, Receipt{v.ID, verdict}, got.receipt)
			}
			p.confirmed(nil)
		})
	}
}

func TestADurableVoteIsAcceptedWhenTheVoterHasWaitedEnough(t *testing.T) {
	for _, wait := range []Wait{usual, {For: 0}, {For: 3 * time.Second}, {For: Deadline}, {For: time.Hour}} {
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "A", wait)
			(<-b.log.published).confirmed(nil)
			got := <-a
			require.NoError(t, got.err)
			require.Zero(t, got.receipt.Verdict)
			require.Equal(t, min(wait.For, Deadline), got.took)
		})
	}
}

func TestAsyncWaitsForTheConfirmAndNoLonger(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.cast(1, "A", Wait{For: DefaultWait, Async: true})
		p := <-b.log.published
		time.Sleep(300 * time.Millisecond)
		require.Empty(t, a, "not before it is durable")
		p.confirmed(nil)
		got := <-a
		require.NoError(t, got.err)
		require.Equal(t, 300*time.Millisecond, got.took)
	})
}

func TestAVoteConfirmedAfterTheWindowNeedsAVerdict(t *testing.T) {
	for _, wait := range []Wait{usual, {For: 0}, {Async: true, For: DefaultWait}} {
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "A", wait)
			p := <-b.log.published
			time.Sleep(poll.Window + 1)
			p.confirmed(nil)
			time.Sleep(time.Second)
			require.Empty(t, a, "its seal may be before it in the log")
			b.log.reply(p, poll.Counted)
			require.NoError(t, (<-a).err)
		})
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "A", wait)
			p := <-b.log.published
			time.Sleep(poll.Window + 1)
			p.confirmed(nil)
			got := <-a
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
			require.Equal(t, Deadline, got.took)
		})
	}
}

func TestAVoteThatIsNeverConfirmedIsUnknownAtTheDeadline(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.cast(1, "A", usual)
		p := <-b.log.published
		got := <-a
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Equal(t, Deadline, got.took)
		p.confirmed(queue.ErrUnknown)
	})
}

func TestAfterALostConnectionOnlyAVerdictIsAnAnswer(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.cast(1, "A", usual)
		p := <-b.log.published
		p.confirmed(queue.ErrUnknown)
		time.Sleep(2 * time.Second)
		require.Empty(t, a)
		b.log.reply(p, poll.Counted)
		require.NoError(t, (<-a).err)
		require.Empty(t, b.log.published, "nothing is published twice")
	})
}

func TestWhatTheLogRefusesIsRefusedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.cast(1, "A", usual)
		(<-b.log.published).confirmed(queue.ErrRefused)
		got := <-a
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Zero(t, got.took)
		require.Empty(t, b.expects)

		for _, err := range []error{queue.ErrRefused, queue.ErrUnknown, errors.New("cannot be encoded")} {
			b.log.refuse = err
			got = <-b.cast(1, "A", usual)
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err), err)
		}
	})
}

func TestABatchLeavesAtOnceAndWhatArrivesMeanwhileFormsTheNext(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		first := b.cast(1, "A", usual)
		flying := <-b.log.published
		require.Len(t, flying.batch.Votes, 1)
		answers := b.castMany(worthwhile - 1)
		synctest.Wait()
		require.Empty(t, b.log.published, "a message for so few would cost more than they do")
		flying.confirmed(nil)
		synctest.Wait()
		require.Empty(t, b.log.published, "the worker is not done with the last one")
		b.log.reply(flying, poll.Counted)
		require.NoError(t, (<-first).err)
		next := <-b.log.published
		require.Len(t, next.batch.Votes, worthwhile-1)
		b.log.reply(next, poll.Counted)
		next.confirmed(nil)
		for _, a := range answers {
			require.NoError(t, (<-a).err)
		}
	})
}

func TestABatchThatIsWorthItsMessageLeavesUntilEverySlotIsTaken(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		answers := b.castMany(1)
		flying := []*publish{<-b.log.published}
		for len(flying) < publishSlots {
			answers = append(answers, b.castMany(worthwhile)...)
			flying = append(flying, <-b.log.published)
			require.Len(t, flying[len(flying)-1].batch.Votes, worthwhile)
		}
		answers = append(answers, b.castMany(2*worthwhile)...)
		synctest.Wait()
		require.Empty(t, b.log.published, "no slot is free")
		flying[0].confirmed(nil)
		flying = append(flying, <-b.log.published)
		require.Len(t, flying[publishSlots].batch.Votes, 2*worthwhile)
		for i, p := range flying {
			if i > 0 {
				p.confirmed(nil)
			}
			b.log.reply(p, poll.Counted)
		}
		for _, a := range answers {
			require.NoError(t, (<-a).err)
		}
	})
}

func TestWhereNobodyCountsAFewVotesLeaveAllTheSame(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cast(1, "A", usual)
		(<-b.log.published).confirmed(nil)
		begun := time.Now()
		a := b.cast(2, "A", Wait{Async: true})
		p := <-b.log.published
		require.Equal(t, patience, time.Since(begun))
		p.confirmed(nil)
		require.NoError(t, (<-a).err)
		time.Sleep(Deadline)
	})
}

func TestVotesThatWaitedLongerThanTheWindowAreNotWritten(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		batcher := newBatcher(b.Intake, 0) // not running: its steps are done by hand
		old, place, err := batcher.add(poll.Vote{VoterID: uuid.UUID{15: 1}, Answer: "A"}, time.Now(), nil)
		require.NoError(t, err)
		time.Sleep(poll.Window + 1)
		open, young, err := batcher.add(poll.Vote{VoterID: uuid.UUID{15: 2}, Answer: "B"}, time.Now(), nil)
		require.NoError(t, err)
		require.Same(t, old, open)

		next, _ := batcher.take()
		batcher.publish(next)
		p := <-b.log.published
		require.Len(t, p.batch.Votes, 1)
		require.Equal(t, question.Answer("B"), p.batch.Votes[0].Answer)
		_, ok := old.written(place)
		require.False(t, ok)
		at, ok := old.written(young)
		require.True(t, ok)
		require.Zero(t, at, "verdicts are for what was written")
		p.confirmed(nil)

		_, err = b.await(t.Context(), old, place, time.Now(), time.Now(), usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	})
}

func TestWhenTheBrokerConfirmsNothingWhatWaitsIsRefused(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cast(1, "A", usual)
		flying := <-b.log.published
		got := <-b.cast(99, "A", usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.LessOrEqual(t, got.took, poll.Window)
		got = <-b.cast(99, "A", usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Zero(t, got.took, "whoever comes after that does not wait")
		flying.confirmed(queue.ErrUnknown)
		synctest.Wait()
		a := b.cast(99, "A", usual)
		p := <-b.log.published
		p.confirmed(nil)
		b.log.reply(p, poll.Counted)
		require.NoError(t, (<-a).err, "when the broker is back, votes are taken again")
		time.Sleep(Deadline)
	})
}

func TestAConfirmInTheLastMomentOfTheWindowLeavesNobodyRefusedForEver(t *testing.T) {
	for _, early := range []time.Duration{0, 1, patience / 2} {
		run(t, func(t *testing.T, b *bench) {
			b.cast(1, "A", usual)
			flying := <-b.log.published
			b.cast(2, "A", usual) // waits for the verdict of the first
			synctest.Wait()
			time.Sleep(poll.Window - early)
			flying.confirmed(nil)
			time.Sleep(2 * patience)
			synctest.Wait()
			for len(b.log.published) > 0 {
				(<-b.log.published).confirmed(nil)
			}
			a := b.cast(3, "A", Wait{Async: true})
			time.Sleep(2 * patience)
			synctest.Wait()
			require.NotEmpty(t, b.log.published, "a vote that comes now is taken")
			(<-b.log.published).confirmed(nil)
			require.NoError(t, (<-a).err)
			time.Sleep(Deadline)
		})
	}
}

func TestWhenTheConnectionTakesNothingWhoeverComesIsToldAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.log.deaf.Store(true)
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-b.cast(1, "A", usual)).err))
		for range 3 {
			got := <-b.cast(2, "A", usual)
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
			require.Zero(t, got.took)
		}
		b.log.deaf.Store(false)
		time.Sleep(poll.Window)
		synctest.Wait()
		a := b.cast(3, "A", usual)
		p := <-b.log.published
		p.confirmed(nil)
		b.log.reply(p, poll.Counted)
		require.NoError(t, (<-a).err, "it is tried again after a window")
	})
}

func TestAStopDoesNotWaitForABrokerThatConfirmsNothing(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.castMany(1)
		<-b.log.published // never confirmed
		a := b.cast(99, "A", usual)
		synctest.Wait()
		begun := time.Now()
		close(b.stop)
		<-b.batchers[queue.Partition(talk, 4)].done
		require.LessOrEqual(t, time.Since(begun), poll.Window)
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-a).err))
		b.stop = make(chan struct{}) // for the end of the test
		time.Sleep(Deadline)
	})
}

func TestOnlyAReadAfterTheRequestMayRefuse(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cache.first = other // the entry is from before the transition that the voter has seen
		a := b.cast(1, "A", usual)
		p := <-b.log.published
		b.log.reply(p, poll.Counted)
		require.NoError(t, (<-a).err)
		require.Equal(t, 1, b.cache.reads)
		p.confirmed(nil)

		b.cache.fresh = other
		got := <-b.cast(1, "A", usual)
		require.Equal(t, poll.NotDisplayed, fault.CodeOf(got.err))
		require.Equal(t, 2, b.cache.reads)
	})
}

func TestAClosedPollTakesNoVotesUnlessItWasOpenedSinceTheEntryWasRead(t *testing.T) {
	for _, closed := range []bool{true, false} {
		run(t, func(t *testing.T, b *bench) {
			b.cache.was, b.cache.closed = true, closed
			a := b.cast(1, "A", Wait{Async: true})
			if closed {
				got := <-a
				require.Equal(t, poll.NotDisplayed, fault.CodeOf(got.err))
				require.ErrorContains(t, got.err, "closed")
			} else {
				(<-b.log.published).confirmed(nil)
				require.NoError(t, (<-a).err)
			}
			require.Equal(t, 1, b.cache.reads, "an entry of before the request refuses nobody")
		})
	}
}

func TestWhatCannotBeTakenIsSaidAndNotPublished(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		require.Equal(t, fault.Invalid, fault.CodeOf((<-b.cast(1, "Z", usual)).err))
		b.cache.err = fault.Errorf(fault.NotFound, "no such presentation")
		require.Equal(t, fault.NotFound, fault.CodeOf((<-b.cast(1, "A", usual)).err))
		require.Empty(t, b.log.published)
		require.Zero(t, b.Waiting())
	})
}

func TestTextIsTakenCleanWhereThePollTakesText(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cache.kind = question.OpenText
		cast := func(ballot Ballot) error {
			ballot.PollID, ballot.VoterID = pollID, uuid.UUID{15: 1}
			_, err := b.Cast(context.Background(), talk, ballot, usual)
			return err
		}
		require.ErrorContains(t, cast(Ballot{Keys: []string{"A"}}), "key")
		require.ErrorContains(t, cast(Ballot{Texts: []string{"a\x00b"}}), "text")
		go func() {
			p := <-b.log.published
			require.Equal(t, []string{"Why\nnot?"}, p.batch.Votes[0].Answer.Texts())
			b.log.reply(p, poll.Counted)
		}()
		require.NoError(t, cast(Ballot{Texts: []string{"\nWhy\r\nnot? "}}))
		b.cache.kind = question.Choice
		require.ErrorContains(t, cast(Ballot{Texts: []string{"A"}}), "text")
	})
}

func TestAVoteIsTakenBackByNoneWhateverThePollTakes(t *testing.T) {
	for _, kind := range []question.Kind{question.Choice, question.Multiple, question.Rating, question.WordCloud, question.OpenText} {
		for name, ballot := range map[string]Ballot{"no keys": {Keys: []string{}}, "no texts": {Texts: []string{}}} {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				run(t, func(t *testing.T, b *bench) {
					b.cache.kind = kind
					ballot.PollID, ballot.VoterID = pollID, uuid.UUID{15: 1}
					for _, c := range []struct {
						said poll.Verdict
						want fault.Code
					}{
						{poll.Counted, fault.Code{}}, {poll.Superseded, fault.Code{}}, {poll.Late, poll.TooLate},
						{poll.Rejected, fault.Unavailable}, // by a worker of before, so what stood still stands
					} {
						go func() {
							p := <-b.log.published
							require.Equal(t, question.Answer(""), p.batch.Votes[0].Answer)
							b.log.reply(p, c.said)
						}()
						_, err := b.Cast(context.Background(), talk, ballot, usual)
						require.Equal(t, c.want, fault.CodeOf(err), "%s: %v", c.said, err)
					}
				})
			})
		}
	}
}

// Prefetch batches of them are what a worker holds of a partition.
func TestABatchOfLongTextsIsFullLongBeforeALogRefusesIt(t *testing.T) {
	b := newBatch(nil, 0)
	for !b.full() {
		b.add(poll.Vote{ID: newID(), VoterID: newID(), PollID: pollID, Answer: question.Answer(strings.Repeat("💬", question.MaxTextLength))}, time.Now())
	}
	require.Len(t, b.Votes, 33)
	data, err := queue.Encode(nil, &b.Batch)
	require.NoError(t, err)
	require.Less(t, len(data), queue.MaxBytes/100)
}

func TestMoreThanMayWaitAreRefusedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		var answers []<-chan answer
		answers = append(answers, b.castMany(mayWait)...)
		synctest.Wait()
		require.Equal(t, mayWait, b.Waiting(), "half of what may wait in all, for one partition")
		got := <-b.cast(200, "A", usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Zero(t, got.took)
		go func() {
			for p := range b.log.published {
				p.confirmed(nil)
			}
		}()
		for _, a := range answers {
			require.NoError(t, (<-a).err)
		}
		close(b.log.published)
		require.Zero(t, b.Waiting())

		b.max = 0 // as if other partitions held all
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-b.cast(1, "A", usual)).err))
	})
}

func TestOneVoterMayNotFillTheWaitingRoom(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		batcher := newBatcher(b.Intake, 0)
		voter := uuid.UUID{15: 1}
		b.maxPartition = voterInFlight + 1
		for range voterInFlight {
			_, _, err := batcher.add(poll.Vote{VoterID: voter}, time.Now(), nil)
			require.NoError(t, err)
		}
		_, _, err := batcher.add(poll.Vote{VoterID: voter}, time.Now(), nil)
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		batcher.leave(voter)
		_, _, err = batcher.add(poll.Vote{VoterID: voter}, time.Now(), nil)
		require.NoError(t, err)
		for range voterInFlight {
			batcher.leave(voter)
		}
		require.Empty(t, batcher.voters, "no voter is remembered")
	})
}

func TestVerdictsThatNeverComeAreForgotten(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.cast(1, "A", Wait{Async: true})
		(<-b.log.published).confirmed(nil)
		require.NoError(t, (<-a).err)
		time.Sleep(3 * Deadline)
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.expects)
	})
}

func TestClosingSendsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{published: make(chan *publish, 1000), replies: make(chan queue.Reply)}
		in := New(&fakeCache{first: pollID}, nil, log, 4, 1000, time.Now)
		var casting sync.WaitGroup
		for i := range 500 {
			casting.Go(func() {
				_, err := in.Cast(context.Background(), talk, Ballot{PollID: pollID, Keys: []string{"A"}, VoterID: uuid.UUID{byte(i), byte(i >> 8), 1}}, Wait{Async: true})
				if err != nil {
					panic(fmt.Sprint("an accepted vote was not sent: ", err))
				}
			})
		}
		synctest.Wait()
		go func() {
			for p := range log.published {
				p.confirmed(nil)
			}
		}()
		in.Close()
		casting.Wait()
		close(log.published)
		close(log.replies)
		in.Wait()
	})
}

func BenchmarkCast(b *testing.B) {
	log := &fakeLog{published: make(chan *publish, 100), replies: make(chan queue.Reply, 100)}
	in := New(&fakeCache{first: pollID}, nil, log, 4, 1<<20, time.Now)
	go func() {
		for p := range log.published {
			p.confirmed(nil)
			log.reply(p, poll.Counted)
		}
	}()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		voter := uuid.New()
		for pb.Next() {
			if _, err := in.Cast(context.Background(), talk, Ballot{PollID: pollID, Keys: []string{"A"}, VoterID: voter}, usual); err != nil {
				b.Fatal(err)
			}
		}
	})
	in.Close()
	close(log.published)
	close(log.replies)
	in.Wait()
}
