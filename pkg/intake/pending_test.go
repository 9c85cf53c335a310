package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// hearing is a hearer, and what it heard.
type hearing struct {
	begun time.Time
	told  atomic.Int32
	heard chan answer
}

func newHearing() *hearing { return &hearing{begun: time.Now(), heard: make(chan answer, 9)} }

func (h *hearing) Heard(r Receipt, err error) {
	h.told.Add(1)
	h.heard <- answer{r, err, time.Since(h.begun)}
}

// takers is a bench whose cache knows what is displayed, and those who vote there without waiting.
type takers struct {
	*bench
	known *knownDisplay
	taken []*hearing
}

// runTaking gives f an intake that takes. When f is done everybody must have been told once, and nothing of them be left.
func runTaking(t *testing.T, f func(t *testing.T, b *takers)) {
	t.Helper()
	run(t, func(t *testing.T, bench *bench) {
		b := &takers{bench: bench, known: newKnownDisplay()}
		b.Intake.cache = b.known
		f(t, b)
		synctest.Wait()
		for _, h := range b.taken {
			require.EqualValues(t, 1, h.told.Load(), "whoever is heard hears once")
		}
		b.nothingIsLeft(t)
	})
}

func (b *takers) nothingIsLeft(t *testing.T) {
	t.Helper()
	require.Zero(t, b.Waiting())
	for _, home := range b.batchers {
		home.mu.Lock()
		require.Zero(t, home.held)
		require.Empty(t, home.voters, "no voter is remembered")
		require.Empty(t, home.waiting)
		home.mu.Unlock()
	}
}

func ballotOf(voter byte, key string) Ballot {
	return Ballot{PollID: pollID, Keys: []string{key}, VoterID: uuid.UUID{15: voter}}
}

// take takes a vote, which must be possible.
func (b *takers) take(voter byte, async bool) *hearing {
	return b.takeFor(context.Background(), voter, async)
}

func (b *takers) takeFor(ctx context.Context, voter byte, async bool) *hearing {
	h := newHearing()
	if !b.Take(ctx, talk, ballotOf(voter, "A"), async, h) {
		panic("a vote that can be taken was not")
	}
	b.taken = append(b.taken, h)
	return h
}

// takeInto takes a vote into a batcher that does not run.
func (b *takers) takeInto(home *batcher, ctx context.Context, voter byte, async bool) *hearing {
	h := newHearing()
	v := poll.Vote{ID: newID(), PollID: pollID, VoterID: uuid.UUID{15: voter}, Answer: "A"}
	b.waiting.Add(1)
	b.telling.Add(1)
	_, _, err := home.add(v, time.Now(), &pending{
		hearer: h, ctx: ctx, voteID: v.ID, voterID: v.VoterID, arrived: time.Now(), async: async,
	})
	if err != nil {
		panic(err)
	}
	b.taken = append(b.taken, h)
	return h
}

func requireUnavailable(t *testing.T, got answer, took time.Duration) {
	t.Helper()
	require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
	require.Zero(t, got.receipt.Verdict)
	require.Equal(t, took, got.took)
}

func requireDurable(t *testing.T, got answer, took time.Duration) {
	t.Helper()
	require.NoError(t, got.err)
	require.Zero(t, got.receipt.Verdict)
	require.Equal(t, took, got.took)
}

func TestAVoteThatIsTakenHearsItsVerdict(t *testing.T) {
	for verdict, want := range map[poll.Verdict]fault.Code{
		poll.Counted: (fault.Code{}), poll.Superseded: (fault.Code{}), poll.Late: poll.TooLate, poll.Rejected: fault.Invalid, 77: fault.Unavailable,
	} {
		for _, confirmed := range []string{"before", "after", "never"} {
			runTaking(t, func(t *testing.T, b *takers) {
				h := b.take(1, false)
				p := <-b.log.published
				v := p.batch.Votes[0]
				require.Equal(t, poll.Vote{ID: v.ID, PollID: pollID, VoterID: uuid.UUID{15: 1}, Version: 3, Answer: "A"}, v)
				if confirmed == "before" {
					p.confirmed(nil)
				}
				time.Sleep(300 * time.Millisecond)
				require.Empty(t, h.heard, "the confirm alone is not what it waits for")
				b.log.reply(p, verdict)
				got := <-h.heard
				require.Equal(t, want, fault.CodeOf(got.err))
				require.Equal(t, 300*time.Millisecond, got.took)
				_, err := verdictError(verdict)
				require.Equal(t, err, got.err, "as Cast says it")
				require.Equal(t, v.ID, got.receipt.VoteID)
				if verdict != 77 {
					require.Equal(t, verdict, got.receipt.Verdict)
				}
				if confirmed == "after" {
					p.confirmed(nil)
				}
				time.Sleep(2 * Deadline)
			})
		}
	}
}

func TestADurableVoteThatWasTakenIsAcceptedAfterTheUsualWait(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		h := b.take(1, false)
		p := <-b.log.published
		p.confirmed(nil)
		got := <-h.heard
		requireDurable(t, got, DefaultWait)
		require.Equal(t, p.batch.Votes[0].ID, got.receipt.VoteID)
	})
}

func TestEveryVoteOfABatchWaitsAsLongAsTheFirst(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		first := b.take(1, false)
		flying := <-b.log.published
		var votes []*hearing
		for i := range 4 {
			votes = append(votes, b.take(byte(2+i), false))
			time.Sleep(100 * time.Millisecond)
		}
		flying.confirmed(nil)
		b.log.reply(flying, poll.Counted)
		p := <-b.log.published
		require.Len(t, p.batch.Votes, len(votes))
		p.confirmed(nil)
		for _, h := range votes {
			requireDurable(t, <-h.heard, DefaultWait)
		}
		require.Equal(t, 400*time.Millisecond, (<-first.heard).took)
	})
}

func TestAVoteThatWasTakenAndIsNeverConfirmedIsUnknownAtTheDeadline(t *testing.T) {
	for _, async := range []bool{false, true} {
		runTaking(t, func(t *testing.T, b *takers) {
			h := b.take(1, async)
			<-b.log.published
			requireUnavailable(t, <-h.heard, Deadline)
		})
	}
}

func TestAConfirmAfterTheWindowMakesNoVoteThatWasTakenDurable(t *testing.T) {
	for _, async := range []bool{false, true} {
		for _, counted := range []bool{false, true} {
			runTaking(t, func(t *testing.T, b *takers) {
				h := b.take(1, async)
				p := <-b.log.published
				time.Sleep(poll.Window + 1)
				p.confirmed(nil)
				time.Sleep(DefaultWait)
				require.Empty(t, h.heard, "its seal may be before it in the log")
				if !counted {
					requireUnavailable(t, <-h.heard, Deadline)
					return
				}
				b.log.reply(p, poll.Counted)
				got := <-h.heard
				require.NoError(t, got.err)
				require.Equal(t, poll.Counted, got.receipt.Verdict)
			})
		}
	}
}

func TestAConfirmIsLateForTheVotesOfABatchThatWereTakenFirst(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		b.take(1, true)
		flying := <-b.log.published
		early, earlyAsync := b.take(2, false), b.take(3, true)
		time.Sleep(600 * time.Millisecond)
		late, lateAsync := b.take(4, false), b.take(5, true)
		flying.confirmed(nil)
		b.log.reply(flying, poll.Counted)
		p := <-b.log.published
		time.Sleep(500 * time.Millisecond)
		p.confirmed(nil)
		requireDurable(t, <-lateAsync.heard, 500*time.Millisecond)
		requireDurable(t, <-late.heard, DefaultWait)
		requireUnavailable(t, <-early.heard, Deadline)
		requireUnavailable(t, <-earlyAsync.heard, Deadline)
	})
}

func TestAVoteThatWasTakenAndThatTheLogRefusesIsRefusedAtOnce(t *testing.T) {
	for _, async := range []bool{false, true} {
		runTaking(t, func(t *testing.T, b *takers) {
			h := b.take(1, async)
			(<-b.log.published).confirmed(queue.ErrRefused)
			requireUnavailable(t, <-h.heard, 0)
			require.Empty(t, b.expects)

			for _, err := range []error{queue.ErrRefused, errors.New("cannot be encoded")} {
				b.log.refuse = err
				requireUnavailable(t, <-b.take(1, async).heard, 0)
			}
		})
	}
}

func TestAVoteThatWasTakenAndThatTheLogMayHaveNeedsAVerdict(t *testing.T) {
	for _, async := range []bool{false, true} {
		for _, counted := range []time.Duration{0, DefaultWait / 2, 2 * DefaultWait, Deadline} {
			runTaking(t, func(t *testing.T, b *takers) {
				h := b.take(1, async)
				p := <-b.log.published
				p.confirmed(queue.ErrUnknown)
				if counted == Deadline {
					requireUnavailable(t, <-h.heard, Deadline)
					return
				}
				time.Sleep(counted)
				synctest.Wait()
				require.Empty(t, h.heard)
				b.log.reply(p, poll.Superseded)
				got := <-h.heard
				require.NoError(t, got.err)
				require.Equal(t, poll.Superseded, got.receipt.Verdict)
				require.Equal(t, counted, got.took)
			})
		}
	}
	runTaking(t, func(t *testing.T, b *takers) {
		b.log.refuse = queue.ErrUnknown
		requireUnavailable(t, <-b.take(1, false).heard, Deadline)
	})
}

func TestAnAsyncVoteThatWasTakenHearsItsConfirm(t *testing.T) {
	for _, after := range []time.Duration{0, 300 * time.Millisecond, poll.Window} {
		runTaking(t, func(t *testing.T, b *takers) {
			h := b.take(1, true)
			p := <-b.log.published
			time.Sleep(after)
			synctest.Wait()
			require.Empty(t, h.heard, "not before it is durable")
			p.confirmed(nil)
			requireDurable(t, <-h.heard, after)
			b.log.reply(p, poll.Counted)
		})
	}
	for verdict, want := range map[poll.Verdict]fault.Code{poll.Counted: (fault.Code{}), poll.Late: poll.TooLate} {
		runTaking(t, func(t *testing.T, b *takers) {
			h := b.take(1, true)
			p := <-b.log.published
			b.log.reply(p, verdict)
			got := <-h.heard
			require.Equal(t, want, fault.CodeOf(got.err), "a verdict before the confirm is what it is")
			require.Equal(t, verdict, got.receipt.Verdict)
			p.confirmed(nil)
		})
	}
}

func TestAnAsyncVoteHearsItsConfirmAlsoWhenItsVerdictComesInTheSameMoment(t *testing.T) {
	for range 20 { // who is first then is chance
		runTaking(t, func(t *testing.T, b *takers) {
			b.take(1, true)
			flying := <-b.log.published
			taken, waits := b.take(2, true), b.cast(3, "A", Wait{For: DefaultWait, Async: true})
			synctest.Wait()
			flying.confirmed(nil)
			b.log.reply(flying, poll.Counted)
			p := <-b.log.published
			p.confirmed(nil)
			b.log.reply(p, poll.Counted)
			requireDurable(t, <-taken.heard, 0)
			requireDurable(t, <-waits, 0)
		})
	}
}

func TestAPatientVoteDoesNotHearWhatItsAsyncNeighbourHears(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		b.take(1, true)
		flying := <-b.log.published
		patient, async := b.take(2, false), b.take(3, true)
		flying.confirmed(nil)
		b.log.reply(flying, poll.Counted)
		p := <-b.log.published
		p.confirmed(nil)
		requireDurable(t, <-async.heard, 0)
		time.Sleep(time.Millisecond)
		require.Empty(t, patient.heard)
		b.log.reply(p, poll.Counted)
		require.Equal(t, poll.Counted, (<-patient.heard).receipt.Verdict)
	})
}

func TestAVoteThatExpiredBeforeTheWriteIsRefusedAndTheOthersHearTheirOwn(t *testing.T) {
	for _, confirmed := range []string{"before", "after"} {
		runTaking(t, func(t *testing.T, b *takers) {
			home := newBatcher(b.Intake, 0) // not running: its steps are done by hand
			old, oldAsync := b.takeInto(home, t.Context(), 1, false), b.takeInto(home, t.Context(), 2, true)
			time.Sleep(500 * time.Millisecond)
			first := b.takeInto(home, t.Context(), 3, false)
			_, _, err := home.add(poll.Vote{VoterID: uuid.UUID{15: 4}}, time.Now(), nil) // Cast's
			require.NoError(t, err)
			second, third := b.takeInto(home, t.Context(), 5, false), b.takeInto(home, t.Context(), 6, true)
			time.Sleep(poll.Window - 500*time.Millisecond + 1)

			next, _ := home.take()
			home.publish(next)
			p := <-b.log.published
			require.Len(t, p.batch.Votes, 4)
			if confirmed == "before" {
				p.confirmed(nil)
				requireUnavailable(t, <-old.heard, poll.Window+1)
				requireUnavailable(t, <-oldAsync.heard, poll.Window+1)
				requireDurable(t, <-third.heard, poll.Window-500*time.Millisecond+1)
			}
			b.log.replies <- queue.Reply{
				BatchID: p.batch.ID, Verdicts: []poll.Verdict{poll.Superseded, poll.Rejected, poll.Late, poll.Counted},
			}
			require.Equal(t, poll.Superseded, (<-first.heard).receipt.Verdict)
			require.Equal(t, poll.TooLate, fault.CodeOf((<-second.heard).err))
			if confirmed == "after" {
				requireUnavailable(t, <-old.heard, poll.Window+1)
				requireUnavailable(t, <-oldAsync.heard, poll.Window+1)
				require.Equal(t, poll.Counted, (<-third.heard).receipt.Verdict)
				p.confirmed(nil)
			}
			synctest.Wait()
			home.leave(uuid.UUID{15: 4})
			require.Zero(t, home.held)
			require.Empty(t, home.voters)
		})
	}
}

func TestAVoteTakenIntoABatchThatIsOpenForLongIsNotForgotten(t *testing.T) {
	for _, leaves := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond} {
		runTaking(t, func(t *testing.T, b *takers) {
			home := newBatcher(b.Intake, 0) // not running: its steps are done by hand
			old := b.takeInto(home, t.Context(), 1, false)
			time.Sleep(poll.Window + 20*time.Millisecond) // whoever was there is attended already
			ctx, cancel := context.WithCancel(t.Context())
			young, async := b.takeInto(home, t.Context(), 2, false), b.takeInto(home, t.Context(), 3, true)
			gone := b.takeInto(home, ctx, 4, false)
			cancel()
			time.Sleep(leaves)
			next, _ := home.take()
			home.publish(next)
			p := <-b.log.published
			p.confirmed(nil)
			require.Len(t, p.batch.Votes, 3)
			requireDurable(t, <-async.heard, leaves)
			requireDurable(t, <-young.heard, DefaultWait)
			got := <-gone.heard
			require.LessOrEqual(t, got.took, DefaultWait)
			requireUnavailable(t, <-old.heard, poll.Window+20*time.Millisecond+leaves)
			require.Zero(t, home.waits())
			require.Empty(t, home.voters)
		})
	}
}

func TestWhoIsGoneIsAnsweredByWhatIsKnownSoon(t *testing.T) {
	gone := func(after time.Duration, log func(b *takers, p *publish), check func(t *testing.T, got answer)) {
		for _, async := range []bool{false, true} {
			runTaking(t, func(t *testing.T, b *takers) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				h := b.takeFor(ctx, 1, async)
				p := <-b.log.published
				time.AfterFunc(after, cancel)
				log(b, p)
				got := <-h.heard
				require.LessOrEqual(t, got.took, max(after, DefaultWait))
				check(t, got)
			})
		}
	}
	nothing := func(*takers, *publish) {}
	unknown := func(t *testing.T, got answer) { require.Equal(t, fault.Unavailable, fault.CodeOf(got.err)) }
	gone(0, nothing, unknown)
	gone(500*time.Millisecond, nothing, unknown)
	gone(3*time.Second, nothing, func(t *testing.T, got answer) { requireUnavailable(t, got, 3*time.Second) })
	gone(time.Millisecond, func(_ *takers, p *publish) { p.confirmed(queue.ErrUnknown) }, unknown)
	gone(time.Millisecond, func(_ *takers, p *publish) { p.confirmed(nil) }, func(t *testing.T, got answer) {
		require.NoError(t, got.err)
		require.Zero(t, got.receipt.Verdict)
	})
	gone(0, func(b *takers, p *publish) {
		time.Sleep(DefaultWait / 2)
		b.log.reply(p, poll.Late)
	}, func(t *testing.T, got answer) {
		require.Equal(t, poll.TooLate, fault.CodeOf(got.err))
	})
}

func TestWhenTheBrokerConfirmsNothingWhoWasTakenIsRefusedWithTheOthers(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		b.take(1, true)
		flying := <-b.log.published
		waits := b.cast(2, "A", usual)
		time.Sleep(700 * time.Millisecond)
		h, async := b.take(3, false), b.take(4, true)
		requireUnavailable(t, <-waits, poll.Window)
		requireUnavailable(t, <-h.heard, poll.Window-700*time.Millisecond)
		requireUnavailable(t, <-async.heard, poll.Window-700*time.Millisecond)
		flying.confirmed(nil)
		b.log.reply(flying, poll.Counted)
		last := b.take(5, false)
		b.log.reply(<-b.log.published, poll.Counted)
		require.NoError(t, (<-last.heard).err, "when the broker is back, votes are taken again")
	})
}

func TestWhatCannotBeTakenAtOnceIsNot(t *testing.T) {
	shown := newKnownDisplay().display
	for name, change := range map[string]func(b *takers, ballot *Ballot){
		"an unknown display": func(b *takers, _ *Ballot) { b.Intake.cache = b.cache },
		"no slide":           func(b *takers, _ *Ballot) { b.known.display.Poll = nil },
		"a closed poll":      func(b *takers, _ *Ballot) { b.known.display.Closed = true },
		"another poll":       func(_ *takers, ballot *Ballot) { ballot.PollID = other },
		"an unknown key":     func(_ *takers, ballot *Ballot) { ballot.Keys = []string{"Z"} },
		"text for keys":      func(_ *takers, ballot *Ballot) { ballot.Keys, ballot.Texts = nil, []string{"A"} },
		"a full intake":      func(b *takers, _ *Ballot) { b.max = int64(b.Waiting()) },
		"a full partition":   func(b *takers, _ *Ballot) { b.maxPartition = b.Waiting() },
		"a busy voter": func(b *takers, ballot *Ballot) {
			b.maxPartition = 1000
			for range voterInFlight - 1 {
				b.take(1, false)
			}
			ballot.VoterID = uuid.UUID{15: 1}
		},
		"a stalled partition": func(b *takers, _ *Ballot) {
			h := b.take(2, false) // waits for the confirm of the first
			requireUnavailable(t, <-h.heard, poll.Window)
		},
	} {
		t.Run(name, func(t *testing.T) {
			runTaking(t, func(t *testing.T, b *takers) {
				b.known.display = shown
				b.take(1, false)
				flying := <-b.log.published
				ballot := ballotOf(9, "A")
				change(b, &ballot)
				waiting, home := b.Waiting(), b.batchers[queue.Partition(talk, 4)]
				held := home.waits()
				for _, async := range []bool{false, true} {
					h := newHearing()
					require.False(t, b.Take(t.Context(), talk, ballot, async, h))
					require.Equal(t, waiting, b.Waiting())
					require.Equal(t, held, home.waits())
					defer func() { require.Zero(t, h.told.Load(), "it hears nothing, and never") }()
				}
				flying.confirmed(nil)
				b.log.reply(flying, poll.Counted)
				time.Sleep(2 * Deadline)
			})
		})
	}
}

func TestWhoIsTakenAndWhoWaitsInOneBatchGetTheirOwnVerdicts(t *testing.T) {
	for seed := range uint64(20) {
		runTaking(t, func(t *testing.T, b *takers) {
			dice := rand.New(rand.NewPCG(seed, 1))
			first := b.take(0, false)
			flying := <-b.log.published
			answers := make(map[uuid.UUID]<-chan answer)
			for i := range worthwhile - 1 {
				voter := byte(1 + i)
				if dice.IntN(2) == 0 {
					answers[uuid.UUID{15: voter}] = b.take(voter, false).heard
				} else {
					answers[uuid.UUID{15: voter}] = b.cast(voter, "A", usual)
				}
				if dice.IntN(2) == 0 {
					synctest.Wait() // else Cast's come in any order
				}
			}
			synctest.Wait()
			flying.confirmed(nil)
			b.log.reply(flying, poll.Counted)
			require.NoError(t, (<-first.heard).err)
			p := <-b.log.published
			require.Len(t, p.batch.Votes, worthwhile-1)
			verdicts := make([]poll.Verdict, len(p.batch.Votes))
			for i := range verdicts {
				verdicts[i] = []poll.Verdict{poll.Counted, poll.Superseded, poll.Late, poll.Rejected}[dice.IntN(4)]
			}
			p.confirmed(nil)
			b.log.replies <- queue.Reply{BatchID: p.batch.ID, Verdicts: verdicts}
			for i, v := range p.batch.Votes {
				got := <-answers[v.VoterID]
				require.Equal(t, Receipt{v.ID, verdicts[i]}, got.receipt)
				_, err := verdictError(verdicts[i])
				require.Equal(t, err, got.err)
			}
		})
	}
}

func TestABatchLeavesWhenItHasBecomeAWorthwhileShareOfWhoWaits(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		b.take(0, false)
		flying := []*publish{<-b.log.published}
		flying[0].confirmed(nil)
		for len(flying) < publishSlots+1 {
			for range worthwhile {
				b.take(byte(len(b.taken)), false)
			}
			flying = append(flying, <-b.log.published)
		}
		flying[1].confirmed(nil) // a slot is free
		const few = worthwhile + 2
		for range few {
			b.take(byte(len(b.taken)), false)
		}
		synctest.Wait()
		require.Empty(t, b.log.published, "they are less than a quarter of who waits")
		begun := time.Now()
		b.log.reply(flying[1], poll.Counted)
		p := <-b.log.published
		require.Len(t, p.batch.Votes, few)
		require.Zero(t, time.Since(begun))
		for _, p := range append(flying[2:], flying[0], p) {
			b.log.reply(p, poll.Counted)
		}
		for _, h := range b.taken {
			require.Equal(t, poll.Counted, (<-h.heard).receipt.Verdict)
		}
	})
}

func TestWhenEverybodyOfABatchWasToldItHasNoTimer(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		h := b.take(1, false)
		p := <-b.log.published
		b.mu.Lock()
		batch := b.expects[p.batch.ID]
		b.mu.Unlock()
		b.log.reply(p, poll.Counted)
		<-h.heard
		synctest.Wait()
		require.False(t, batch.attention.Stop(), "it was stopped")
		p.confirmed(nil)
	})
}

func TestClosingSendsWhatWasTaken(t *testing.T) {
	runTaking(t, func(t *testing.T, b *takers) {
		b.take(0, true)
		flying := <-b.log.published
		for i := range worthwhile - 1 {
			b.take(byte(1+i), true)
		}
		go func() {
			flying.confirmed(nil)
			(<-b.log.published).confirmed(nil)
		}()
		b.Close()
		for _, h := range b.taken {
			require.NoError(t, (<-h.heard).err, "an accepted vote is sent")
		}
		b.stop = make(chan struct{}) // for the end of the test
	})
}

func TestWaitReturnsWhenEverybodyWasTold(t *testing.T) {
	for become, took := range map[error]time.Duration{nil: DefaultWait, queue.ErrUnknown: Deadline} {
		synctest.Test(t, func(t *testing.T) {
			log := &fakeLog{published: make(chan *publish, 1), replies: make(chan queue.Reply)}
			in := New(newKnownDisplay(), nil, log, 1, 100, time.Now)
			h := newHearing()
			require.True(t, in.Take(t.Context(), talk, ballotOf(1, "A"), false, h))
			(<-log.published).confirmed(become)
			in.Close()
			close(log.replies)
			in.Wait()
			require.EqualValues(t, 1, h.told.Load())
			require.Equal(t, took, (<-h.heard).took)
			require.Zero(t, in.Waiting())
		})
	}
}

// again votes again when it hears of its vote, as somebody does who sends on one connection what was waiting for it.
type again struct {
	b     *takers
	async bool
	left  int
	done  chan error
}

func (a *again) Heard(_ Receipt, err error) {
	if a.left--; a.left > 0 && a.b.Take(context.Background(), talk, ballotOf(1, "A"), a.async, a) {
		return
	}
	a.done <- err
}

func TestWhoHearsMayVoteAgainAtOnce(t *testing.T) {
	for _, async := range []bool{false, true} {
		for name, become := range map[string]func(b *takers, p *publish){
			"confirmed": func(_ *takers, p *publish) { p.confirmed(nil) },
			"refused":   func(_ *takers, p *publish) { p.confirmed(queue.ErrRefused) },
			"counted":   func(b *takers, p *publish) { b.log.reply(p, poll.Counted); p.confirmed(nil) },
		} {
			t.Run(fmt.Sprint(name, async), func(t *testing.T) {
				runTaking(t, func(t *testing.T, b *takers) {
					const times = 10
					a := &again{b: b, async: async, left: times, done: make(chan error, 1)}
					require.True(t, b.Take(t.Context(), talk, ballotOf(1, "A"), async, a))
					for range times {
						become(b, <-b.log.published)
					}
					require.Equal(t, name == "refused", <-a.done != nil)
					require.Zero(t, a.left)
				})
			})
		}
	}
	runTaking(t, func(t *testing.T, b *takers) { // what waits is refused while nothing is taken
		b.take(9, false)
		flying := <-b.log.published
		a := &again{b: b, left: 9, done: make(chan error, 1)}
		require.True(t, b.Take(t.Context(), talk, ballotOf(1, "A"), false, a))
		require.Error(t, <-a.done)
		require.Equal(t, 8, a.left, "a stalled partition takes nothing")
		b.log.reply(flying, poll.Counted)
		flying.confirmed(nil)
	})
}

// randomLog answers at random moments, about DefaultWait some of them, each batch from two goroutines.
type randomLog struct {
	replies   chan queue.Reply
	answering sync.WaitGroup
}

func (l *randomLog) Publish(_ context.Context, _ int, b poll.Batch, confirmed func(error)) error {
	verdicts := make([]poll.Verdict, len(b.Votes))
	for i, v := range b.Votes {
		verdicts[i] = poll.Verdict(v.Seq)
	}
	confirm, reply := time.Duration(rand.IntN(2000))*time.Microsecond, time.Duration(rand.IntN(3000))*time.Microsecond
	become, late := error(nil), time.Duration(0)
	switch rand.IntN(20) {
	case 0:
		return queue.ErrRefused
	case 1:
		become = queue.ErrRefused
	case 2, 3:
		become = queue.ErrUnknown
	case 4, 5, 6, 7:
		late = DefaultWait - 15*time.Millisecond
	}
	l.answering.Go(func() {
		time.Sleep(confirm)
		confirmed(become)
	})
	if !errors.Is(become, queue.ErrRefused) {
		l.answering.Go(func() {
			time.Sleep(reply + late)
			l.replies <- queue.Reply{BatchID: b.ID, Verdicts: verdicts}
		})
	}
	return nil
}

func (l *randomLog) Replies() <-chan queue.Reply { return l.replies }

func TestEverybodyHearsOnceWheneverTheLogAnswers(t *testing.T) {
	log := &randomLog{replies: make(chan queue.Reply)}
	in := New(newKnownDisplay(), nil, log, 1, 1<<20, time.Now)
	stop := make(chan struct{})
	var voting, watching sync.WaitGroup
	watching.Go(func() { // as the timer of a batch that waits for long does
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				in.attendWhoWaits()
			}
		}
	})
	const voters, votes = 16, 100
	var taken atomic.Int32
	all := make(chan *hearing, voters*votes)
	for voter := range voters {
		voting.Go(func() {
			for range votes {
				ballot := ballotOf(byte(voter), "A")
				verdict := 1 + rand.IntN(2)
				ballot.Seq = int64(verdict)
				ctx, cancel := context.WithCancel(t.Context())
				h, async := newHearing(), rand.IntN(4) == 0
				if rand.IntN(2) == 0 && in.Take(ctx, talk, ballot, async, h) {
					taken.Add(1)
				} else {
					voting.Go(func() { h.Heard(in.Cast(ctx, talk, ballot, Wait{For: DefaultWait, Async: async})) })
				}
				voting.Go(func() {
					if rand.IntN(8) == 0 {
						cancel()
					}
					got := <-h.heard
					cancel()
					if v := got.receipt.Verdict; got.err == nil && v != 0 && v != poll.Verdict(verdict) {
						panic(fmt.Sprint("heard another one's verdict: ", v))
					}
					all <- h
				})
				time.Sleep(time.Duration(rand.IntN(400)) * time.Microsecond)
			}
		})
	}
	voting.Wait()
	close(stop)
	watching.Wait()
	in.Close()
	log.answering.Wait()
	close(log.replies)
	in.Wait()
	require.NotZero(t, taken.Load())
	close(all)
	for h := range all {
		require.EqualValues(t, 1, h.told.Load())
	}
	require.Zero(t, in.Waiting())
	require.Zero(t, in.batchers[0].waits())
	require.Empty(t, in.batchers[0].voters)
}

// attendWhoWaits attends every batch that waits for its turn or for its verdicts.
func (in *Intake) attendWhoWaits() {
	var batches []*batch
	home := in.batchers[0]
	home.mu.Lock()
	for _, b := range home.waiting {
		if b.attention != nil {
			batches = append(batches, b)
		}
	}
	home.mu.Unlock()
	in.mu.Lock()
	for _, b := range in.expects {
		if b.attention != nil && rand.IntN(4) == 0 {
			batches = append(batches, b)
		}
	}
	in.mu.Unlock()
	for _, b := range batches {
		in.attend(b)
	}
}
