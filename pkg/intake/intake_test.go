package intake

import (
	"cmp"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
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
	moved        int           // so many partitions behind the one of its id
	kind         question.Kind // Choice, if empty
}

func (c *fakeCache) Display(_ context.Context, id uuid.UUID, since time.Time) (poll.Display,
	time.Time, error) {
	shown, closed := c.first, c.was
	if !since.IsZero() {
		c.reads++
		shown, closed = c.fresh, c.closed
	}
	p := &poll.Poll{ID: shown,
		Question: question.Question{Kind: cmp.Or(c.kind, question.Choice), MaxChoices: 1,
			Options: []question.Option{{Key: "A"}, {Key: "B"}}}}
	return poll.Display{
		PresentationID: id, Slide: poll.Slide{Version: 3, Displayed: true, Closed: closed},
		Partition: queue.Partition(id, 4) + c.moved, Poll: p,
	}, time.Now(), c.err
}

func (c *fakeCache) Known(uuid.UUID) (poll.Display, time.Time, bool) {
	return poll.Display{}, time.Time{}, false
}

// votesIn gives the votes of an entry.
func votesIn(e *committest.Entry) []poll.Vote {
	batch, err := poll.DecodeBatch(e.Entry)
	if err != nil {
		panic(err)
	}
	return batch.Votes
}

// reply gives every vote of an entry the same verdict.
func reply(e *committest.Entry, v poll.Verdict) {
	verdicts := make([]poll.Verdict, len(votesIn(e)))
	for i := range verdicts {
		verdicts[i] = v
	}
	e.Reply(poll.EncodeVerdicts(verdicts))
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
	log   *committest.Stream
}

// run gives f an intake in a bubble where time passes only while everybody waits.
func run(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	runWith(t, 2*mayWait, f)
}

func runWith(t *testing.T, maxWaiting int, f func(t *testing.T, b *bench)) {
	t.Helper()
	committest.Bubble(t, func(t *testing.T) {
		b := &bench{cache: &fakeCache{first: pollID, fresh: pollID}, log: committest.Open(4)}
		b.Intake = New(b.cache, nil, b.log, 4, maxWaiting, time.Now)
		require.NoError(t, b.Start())
		f(t, b)
		lifetest.Stop(t, b)
		b.log.Close()
	})
}

func (b *bench) cast(voter byte, key string, wait Wait) <-chan answer {
	out := make(chan answer, 1)
	begun := time.Now()
	go func() {
		r, err := b.Cast(context.Background(), talk,
			Ballot{PollID: pollID, Keys: []string{key}, VoterID: uuid.UUID{15: voter}}, wait)
		out <- answer{r, err, time.Since(begun)}
	}()
	return out
}

var usual = Wait{For: DefaultWait}

func TestAVoteGoesWhereItsPresentationLiesWhateverItsIDSays(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cache.moved = 1 - queue.Partition(talk, 4)
		require.NotEqual(t, 1, queue.Partition(talk, 4), "else this shows nothing")
		a := b.cast(1, "B", usual)
		p := <-b.log.Entries
		require.Equal(t, 1, p.Partition)
		p.Confirm(nil)
		reply(p, poll.Counted)
		require.NoError(t, (<-a).err)
	})
}

func TestAVoteForAPresentationThatLiesNowhereIsAFault(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cache.moved = -1 - queue.Partition(talk, 4)
		require.ErrorContains(t, (<-b.cast(1, "B", usual)).err, "there is no partition -1")
		require.Zero(t, b.Waiting())
	})
}

func TestAVoteIsAnsweredByItsVerdict(t *testing.T) {
	for verdict, want := range map[poll.Verdict]fault.Code{
		poll.Counted: {}, poll.Superseded: {}, poll.Late: poll.TooLate,
		poll.Rejected: fault.Invalid, 77: fault.Unavailable,
	} {
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "B", usual)
			p := <-b.log.Entries
			require.Equal(t, queue.Partition(talk, 4), p.Partition)
			require.Len(t, votesIn(p), 1)
			v := votesIn(p)[0]
			require.Equal(t, poll.Vote{ID: v.ID, PollID: pollID, VoterID: uuid.UUID{15: 1},
				Version: 3, Answer: "B"}, v)
			reply(p, verdict) // the reply may come before the confirm
			got := <-a
			require.Equal(t, want, fault.CodeOf(got.err))
			if want == (fault.Code{}) {
				require.Equal(t, Receipt{v.ID, verdict}, got.receipt)
			}
			p.Confirm(nil)
		})
	}
}

func TestADurableVoteIsAcceptedWhenTheVoterHasWaitedEnough(t *testing.T) {
	for _, wait := range []Wait{usual, {For: 0}, {For: 3 * time.Second}, {For: Deadline},
		{For: time.Hour}} {
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "A", wait)
			(<-b.log.Entries).Confirm(nil)
			got := <-a
			require.NoError(t, got.err)
			require.Zero(t, got.receipt.Verdict)
			require.Equal(t, min(wait.For, Deadline), got.took)
		})
	}
}

func TestAVoteConfirmedAfterTheWindowNeedsAVerdict(t *testing.T) {
	for _, wait := range []Wait{usual, {For: 0}, {Async: true, For: DefaultWait}} {
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "A", wait)
			p := <-b.log.Entries
			time.Sleep(poll.Window + 1)
			p.Confirm(nil)
			time.Sleep(time.Second)
			require.Empty(t, a, "its seal may be before it in the log")
			reply(p, poll.Counted)
			require.NoError(t, (<-a).err)
		})
		run(t, func(t *testing.T, b *bench) {
			a := b.cast(1, "A", wait)
			p := <-b.log.Entries
			time.Sleep(poll.Window + 1)
			p.Confirm(nil)
			got := <-a
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
			require.Equal(t, Deadline, got.took)
		})
	}
}

func TestOnlyAReadAfterTheRequestMayRefuse(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.cache.first = other // the entry is from before the transition that the voter has seen
		a := b.cast(1, "A", usual)
		p := <-b.log.Entries
		reply(p, poll.Counted)
		require.NoError(t, (<-a).err)
		require.Equal(t, 1, b.cache.reads)
		p.Confirm(nil)

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
				(<-b.log.Entries).Confirm(nil)
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
		require.Empty(t, b.log.Entries)
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
			p := <-b.log.Entries
			require.Equal(t, []string{"Why\nnot?"}, votesIn(p)[0].Answer.Texts())
			reply(p, poll.Counted)
		}()
		require.NoError(t, cast(Ballot{Texts: []string{"\nWhy\r\nnot? "}}))
		b.cache.kind = question.Choice
		require.ErrorContains(t, cast(Ballot{Texts: []string{"A"}}), "text")
	})
}

func TestAVoteIsTakenBackByNoneWhateverThePollTakes(t *testing.T) {
	for _, kind := range []question.Kind{question.Choice, question.Multiple, question.Rating,
		question.WordCloud, question.OpenText} {
		for name, ballot := range map[string]Ballot{"no keys": {Keys: []string{}},
			"no texts": {Texts: []string{}}} {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				run(t, func(t *testing.T, b *bench) {
					b.cache.kind = kind
					ballot.PollID, ballot.VoterID = pollID, uuid.UUID{15: 1}
					for _, c := range []struct {
						said poll.Verdict
						want fault.Code
					}{
						{poll.Counted, fault.Code{}}, {poll.Superseded, fault.Code{}}, {poll.Late,
							poll.TooLate},
						// by a worker of before, so what stood still stands
						{poll.Rejected, fault.Unavailable},
					} {
						go func() {
							p := <-b.log.Entries
							require.Equal(t, question.Answer(""), votesIn(p)[0].Answer)
							reply(p, c.said)
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
	run(t, func(t *testing.T, b *bench) {
		b.cache.kind = question.OpenText
		long := []string{strings.Repeat("💬", question.MaxTextLength)}
		for voter := range byte(200) {
			ballot := Ballot{PollID: pollID, Texts: long, VoterID: uuid.UUID{15: voter}}
			go b.Cast(context.Background(), talk, ballot, usual) //nolint:errcheck // nobody answers
			synctest.Wait()
		}
		first := <-b.log.Entries
		for len(b.log.Entries) > 0 { // until no more may be published
			<-b.log.Entries
		}
		first.Confirm(nil)
		full := <-b.log.Entries
		require.Equal(t, 33, len(votesIn(full)))
		data, err := queue.Encode(nil, full.Entry)
		require.NoError(t, err)
		require.Less(t, len(data), queue.MaxBytes/100)
		time.Sleep(Deadline)
	})
}

func BenchmarkCast(b *testing.B) {
	log := newCountingLog()
	in := New(&fakeCache{first: pollID}, nil, log, 4, 1<<20, time.Now)
	require.NoError(b, in.Start())
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		voter := uuid.New()
		for pb.Next() {
			if _, err := in.Cast(context.Background(), talk,
				Ballot{PollID: pollID, Keys: []string{"A"}, VoterID: voter}, usual); err != nil {
				b.Fatal(err)
			}
		}
	})
	lifetest.Stop(b, in)
	close(log.replies)
}
