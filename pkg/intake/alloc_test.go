package intake

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// knownDisplay is a cache that knows what is displayed, as the real one nearly always does.
type knownDisplay struct {
	fakeCache
	display poll.Display
}

func newKnownDisplay() *knownDisplay {
	c := &knownDisplay{fakeCache: fakeCache{first: pollID}}
	c.display, _, _ = c.Display(context.Background(), talk, time.Time{})
	return c
}

func (c *knownDisplay) Known(uuid.UUID) (poll.Display, time.Time, bool) {
	return c.display, time.Now(), true
}

// countingLog counts every batch as soon as it may, and allocates nothing.
type countingLog struct {
	turn     chan struct{} // holds a token: nothing is published
	replies  chan queue.Reply
	verdicts []byte
}

func (l *countingLog) Publish(_ context.Context, _ int, e queue.Entry,
	confirmed func(error)) error {
	l.hold()
	l.goOn()
	confirmed(nil)
	l.replies <- queue.Reply{EntryID: e.ID, Body: l.verdicts[:poll.VotesIn(e)]}
	return nil
}

func (l *countingLog) Replies() <-chan queue.Reply { return l.replies }

func (l *countingLog) hold() { l.turn <- struct{}{} }
func (l *countingLog) goOn() { <-l.turn }

func newCountingLog() *countingLog {
	l := &countingLog{
		turn: make(chan struct{}, 1), replies: make(chan queue.Reply, 100), verdicts: make([]byte,
			500),
	}
	for i := range l.verdicts {
		l.verdicts[i] = byte(poll.Counted)
	}
	return l
}

// The bounds are what was measured when they were written. A voter who votes alone pays for a
// whole batch: the batch, its votes and channels, the publish and its deadline. In a crowd a vote
// costs a share of that, measured as 0.3. Under -race the share is 0.95, since -race throws away
// some of the timers that could be used again. In a bubble no time passes while a slow machine
// votes.
func TestAVoteAllocatesLittleAloneAndLessInACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newCountingLog()
		in := New(newKnownDisplay(), nil, log, 1, 1<<20, time.Now)
		require.NoError(t, in.Start())
		defer func() {
			lifetest.Stop(t, in)
			close(log.replies)
		}()
		cast := func(voter int) {
			ballot := Ballot{PollID: pollID, Keys: keys,
				VoterID: uuid.UUID{byte(voter), byte(voter >> 8), 1}}
			if _, err := in.Cast(context.Background(), talk, ballot, usual); err != nil {
				panic(err)
			}
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { cast(0) }), 14.0)

		const voters = 2000
		var casting sync.WaitGroup
		defer casting.Wait()
		vote, voted := make(chan struct{}), make(chan struct{}, voters)
		defer close(vote)
		for i := range voters {
			casting.Go(func() {
				for range vote {
					cast(i)
					voted <- struct{}{}
				}
			})
		}
		room := func() {
			log.hold() // so that they all wait, whatever the machine does
			for range voters {
				vote <- struct{}{}
			}
			synctest.Wait()
			log.goOn()
			for range voters {
				<-voted
			}
		}
		require.LessOrEqual(t, testing.AllocsPerRun(20, room)/voters, 1.5)
	})
}

// crowd counts those who were told.
type crowd struct{ told chan struct{} }

func (c crowd) Heard(_ poll.Vote, _ poll.Verdict, err error) {
	if err != nil {
		panic(err)
	}
	c.told <- struct{}{}
}

// Alone the vote pays for the timer, the waiting votes and the goroutine that tells, measured as
// 20. In a crowd it pays hardly for anything, measured as 0.05.
func TestAVoteThatIsTakenAllocatesLittleAloneAndLessInACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newCountingLog()
		in := New(newKnownDisplay(), nil, log, 1, 1<<20, time.Now)
		require.NoError(t, in.Start())
		const voters = 2000
		told := crowd{make(chan struct{}, voters)}
		take := func(voter int) {
			ballot := Ballot{PollID: pollID, Keys: keys,
				VoterID: uuid.UUID{byte(voter), byte(voter >> 8), 1}}
			if !in.Take(context.Background(), talk, ballot, false, told) {
				panic("a vote that can be taken was not")
			}
		}
		alone := testing.AllocsPerRun(1000, func() {
			take(0)
			<-told.told
		})
		room := testing.AllocsPerRun(20, func() {
			log.hold() // so that they all wait
			for i := range voters {
				take(i)
			}
			log.goOn()
			for range voters {
				<-told.told
			}
		}) / voters
		require.LessOrEqual(t, alone, 22.0)
		require.LessOrEqual(t, room, 0.1)
		lifetest.Stop(t, in)
		close(log.replies)
	})
}

var keys = []string{"A"}
